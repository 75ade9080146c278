"""What follows from what was measured: medians, ratios of what took turns, and whether goals were met."""

import dataclasses
import statistics

from case import is_ours

FAULTS = ("lost", "duplicated", "reordered", "wrong_size", "disconnected", "stalled_ended")


def values_of(case, reports):
    """For each figure and system what it was in each round."""
    return {figure.name: {name: [figure.of(report) for report in rounds] for name, rounds in reports.items()}
            for figure in case.figures}  # fmt: skip


def faults_of(reports):
    """For each system what went wrong in all rounds together, where something did."""
    found = {}
    for name, rounds in reports.items():
        counts = {fault: sum(report.get(fault, 0) for report in rounds) for fault in FAULTS}
        if any(counts.values()):
            found[name] = ", ".join(f"{count:,} {fault}" for fault, count in counts.items() if count)
    return found


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def with_unit(text, unit):
    return f"{text} {unit}".strip()


@dataclasses.dataclass(frozen=True)
class Spread:
    median: float
    least: float
    most: float

    def __str__(self):
        return f"{number(self.median)} ({number(self.least)}..{number(self.most)})"


def spread(values):
    return Spread(statistics.median(values), min(values), max(values))


def ratio(ours, theirs):
    """Round by round. None: there is nothing to compare with."""
    if not ours or not theirs or not all(theirs):
        return None
    return spread([our / their for our, their in zip(ours, theirs)])


def best_peer(case, figure, values):
    """The name; None: it has none."""
    medians = {name: statistics.median(rounds) for name, rounds in values[figure.name].items()
               if rounds and not is_ours(name) and name not in case.limits}  # fmt: skip
    choose = max if figure.more_is_better else min
    return choose(medians, key=medians.get) if medians else None


def judge(case, goal, values):
    """A goal, what became of it, and whether it was met; None: it was not measured."""
    figure = next(figure for figure in case.figures if figure.name == goal.figure)
    side = "at least" if figure.more_is_better else "at most"
    aim = f"{goal.bound:.3g} x {goal.peer}" if goal.peer else with_unit(number(goal.bound), figure.unit)
    text = f"{goal.ours}: {goal.figure} {side} {aim}"
    measured = values[goal.figure]
    ours = measured.get(goal.ours)
    result = ratio(ours, measured.get(goal.peer)) if goal.peer else ours and spread(ours)
    if not result:
        return text, "not measured", None
    met = result.median >= goal.bound if figure.more_is_better else result.median <= goal.bound
    return text, f"{result} x" if goal.peer else with_unit(str(result), figure.unit), met


def show(case, what, rounds, values, faults):
    print(f"\n{case.name}: {what}; medians of {rounds}, the least and the most")
    first = next(iter(values[case.figures[0].name]))
    for figure in case.figures:
        print(f"  {figure.name} ({'more' if figure.more_is_better else 'less'} is better)")
        measured = values[figure.name]
        for name, theirs in measured.items():
            line = f"    {name:<22} {with_unit(str(spread(theirs)), figure.unit):>34}"
            compared = ratio(measured[first], theirs) if is_ours(first) and name != first else None
            print(line + f"   {first} has {compared} of it" * bool(compared))
    for name, text in faults.items():
        print(f"  {name}: {text} in all")
    for goal in case.goals:
        text, result, met = judge(case, goal, values)
        print(f"  goal: {text}: {result}{'' if met is None else ', met' if met else ', MISSED'}", flush=True)
