"""The record: what was measured as JSON, and the document and the plots that are made of it."""

import json
import statistics
import subprocess

import report
from case import ROOT, is_ours

DOCUMENT = ROOT / "docs" / "benchmarks.md"
FOLDER = ROOT / "docs" / "benchmarks"
RESULTS = FOLDER / "results.json"
HEAD = """\
# Benchmarks

Made by `script/bench --record`, which anyone can repeat; a case alone by `script/bench --record CASE`, which leaves the others'
sections as they are. The systems of a case take turns, round after round, each with a fresh server and each time another one
first; a round ahead of the first one does not count. Every copy is compared with its source. Given are the median of all
rounds and, in brackets, the least and the most; ratios are taken within rounds, so that what else a machine does concerns
both sides of them. A goal is met if the median is. Cases without a section were not recorded yet; "-dirty" after a version
means with changes that were not committed, "by the best peer" divided by the best figure of the others' systems.

tcpsend and tcpsend-key (encrypted) run with `--no-fsync`, since the others leave it to the system when what they wrote becomes
durable, too; tcpsend-durable is tcpsend as it is without options. tcpchat runs with `--flood off` and `--max-backlog 16M`,
nats-server and redis with bounds as wide.
"""
OURS, OTHERS = "0x2f6f9f", "0xb0b0b0"


def load():
    """The records of all cases, by their names."""
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {}


def is_of(case, entry):
    """Whether it has what the case shows now: what an older version recorded may not."""
    return all(figure.name in entry["values"] for figure in case.figures)


def record(case, entry, cases):
    """Keeps what was measured of one case; the document is about all of `cases` that are kept."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    kept = {**load(), case.name: entry}
    # In the order of the cases, so that a record made again differs only where something was measured again.
    kept = {known.name: kept[known.name] for known in cases if known.name in kept and is_of(known, kept[known.name])}
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n")
    if case.plotted:
        plot(case, entry["values"])
    sections = [section(known, kept[known.name]) for known in cases if known.name in kept]
    DOCUMENT.write_text("\n".join([HEAD, *sections]))


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def goals(case, values):
    judged = [report.judge(case, goal, values) for goal in case.goals]
    words = {True: "met", False: "**missed**", None: ""}
    return table(["goal", "result", ""], [[text, result, words[met]] for text, result, met in judged])


def name_of(case, system):
    return f"{system} (a limit)" if system in case.limits else system


def figures(case, values):
    """A row for each system, a column for each figure; then what ours have of the best that others have."""
    head = ["", *(f"{report.with_unit(figure.name + ',', figure.unit).rstrip(',')} "
                  f"({'more' if figure.more_is_better else 'less'} is better)" for figure in case.figures)]  # fmt: skip
    systems = list(values[case.figures[0].name])
    rows = [[name_of(case, name), *(str(report.spread(values[figure.name][name])) for figure in case.figures)]
            for name in systems]  # fmt: skip
    if case.is_comparison(systems):
        rows += [[f"**{ours}** by the best peer", *(by_best(case, figure, values, ours) for figure in case.figures)]
                 for ours in systems if is_ours(ours)]  # fmt: skip
    return table(head, rows)


def by_best(case, figure, values, ours):
    best = report.best_peer(case, figure, values)
    compared = best and report.ratio(values[figure.name][ours], values[figure.name][best])
    return f"{compared} of {best}" if compared else ""


def section(case, entry):
    values = entry["values"]
    parts = [f"## {case.name}\n", f"{case.about[0].upper()}{case.about[1:]}: {entry['what']}. {case.notes}".strip() + "\n"]
    if case.goals:
        parts.append(goals(case, values))
    parts.append(figures(case, values))
    parts += [f"{name}: {text} in all rounds.\n" for name, text in entry["faults"].items()]
    parts += [f"{name} is left out: {why}.\n" for name, why in entry["left_out"].items()]
    if case.plotted:
        parts.append(f"![{case.name}](benchmarks/{case.name}.svg)\n")
    versions = ", ".join(f"{package} {version}" for package, version in entry["versions"].items())
    parts.append(f"{entry['rounds']} {'round' if entry['rounds'] == 1 else 'rounds'} on {entry['date']}: {entry['machine']}. Versions: {versions}.\n")
    return "\n".join(parts)


def bars(case, figure, values, data):
    """One of gnuplot's plots: from the least to the most on top of each median."""
    rows = [f'"{name}" {statistics.median(rounds)} {min(rounds)} {max(rounds)} {OURS if is_ours(name) else OTHERS}'
            for name, rounds in values[figure.name].items()]  # fmt: skip
    title = report.with_unit(f"{figure.name},", figure.unit).rstrip(",")
    labels = "%.1s%c" if max(map(max, values[figure.name].values())) >= 10_000 else "%g"
    return "\n".join([f"${data} << END", *rows, "END", f'set title "{title}"', f"set format y '{labels}'",
                      f"plot ${data} using 0:2:3:4:(0.6):5:xtic(1) with boxerrorbars linecolor rgb variable"])  # fmt: skip


def plot(case, values):
    many = len(case.figures)
    script = [f"set terminal svg size {320 * many},340 font 'sans-serif,10' background rgb 'white' noenhanced",
              f"set output '{case.name}.svg'", f"set multiplot layout 1,{many}", "unset key", "set yrange [0:*]",
              "set xrange [-0.6:*]", "set offsets 0,0.6,0,0", "set xtics rotate by -45 nomirror", "set ytics nomirror",
              "set border 3", "set grid ytics linecolor rgb '#dddddd'", "set style fill solid 1.0",
              *(bars(case, figure, values, f"figure{index}") for index, figure in enumerate(case.figures)),
              "unset multiplot"]  # fmt: skip
    subprocess.run(["gnuplot"], input="\n".join(script) + "\n", text=True, cwd=FOLDER, check=True)
