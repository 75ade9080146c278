#!/usr/bin/env python3
"""What script/bench makes of what was measured: ratios, goals, and a record that keeps what is not measured again."""

import json
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
import document
import report
from case import Case, Figure, Goal


class Race(Case):
    name = "race"
    about = "who is first"
    plotted = False
    figures = (Figure("speed", "m/s", True, lambda r: r["speed"]), Figure("food", "kg", False, lambda r: r["food"]))
    goals = (
        Goal("speed", "tcpsend", 1.5, "hare"),
        Goal("food", "tcpsend", 1.0, "hare"),
        Goal("food", "tcpsend", 3),
        Goal("speed", "tcpsend", 1, "snail"),
    )
    limits = ("light",)


class Again(Race):
    name = "again"


def reports(name, *speeds):
    return {name: [{"speed": speed, "food": 2.0} for speed in speeds]}


MEASURED = {**reports("tcpsend", 20.0, 40.0, 60.0), **reports("hare", 10.0, 20.0, 60.0), **reports("light", 3e8, 3e8, 3e8)}


def entry(what):
    values = report.values_of(Race(), MEASURED)
    return {"date": "2026-01-01", "machine": "a meadow", "versions": {"hare": "1.0"}, "what": what, "rounds": 3,
            "values": values, "faults": {}, "left_out": {}}  # fmt: skip


class Report(unittest.TestCase):
    def setUp(self):
        self.values = report.values_of(Race(), MEASURED)

    def test_ratios_are_taken_round_by_round(self):
        speeds = self.values["speed"]
        self.assertEqual(report.ratio(speeds["tcpsend"], speeds["hare"]), report.Spread(2.0, 1.0, 2.0))
        self.assertIsNone(report.ratio([1.0], [0.0]))

    def test_a_limit_is_nobodys_peer(self):
        self.assertEqual(report.best_peer(Race(), Race.figures[0], self.values), "hare")

    def test_goals_are_met_by_the_median(self):
        judged = [report.judge(Race(), goal, self.values)[1:] for goal in Race.goals]
        self.assertEqual(judged[0], ("2 (1..2) x", True))
        self.assertEqual(judged[1], ("1 (1..1) x", True))
        self.assertEqual(judged[2], ("2 (2..2) kg", True))
        self.assertEqual(judged[3], ("not measured", None))


class Document(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        document.FOLDER = pathlib.Path(folder.name, "benchmarks")
        document.RESULTS = document.FOLDER / "results.json"
        document.DOCUMENT = pathlib.Path(folder.name, "benchmarks.md")

    def test_recording_one_case_keeps_the_others(self):
        cases = [Race(), Again()]
        document.record(cases[1], entry("1 km"), cases)
        document.record(cases[0], entry("2 km"), cases)
        document.record(cases[0], entry("3 km"), cases)
        text = document.DOCUMENT.read_text()
        self.assertIn("1 km", text)
        self.assertNotIn("2 km", text)
        self.assertLess(text.index("## race"), text.index("## again"))
        self.assertIn("| tcpsend: speed at least 1.5 x hare | 2 (1..2) x | met |", text)

    def test_what_an_older_version_recorded_is_left_out(self):
        cases = [Race(), Again()]
        document.record(cases[1], entry("1 km"), cases)
        kept = json.loads(document.RESULTS.read_text())
        del kept["again"]["values"]["food"]
        document.RESULTS.write_text(json.dumps(kept))
        document.record(cases[0], entry("2 km"), cases)
        self.assertNotIn("## again", document.DOCUMENT.read_text())


if __name__ == "__main__":
    unittest.main()
