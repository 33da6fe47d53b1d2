"""The tables of the manual match the stored findings."""

import json

from tests.benchmarks.__main__ import BENCHMARKS
from tests.benchmarks.tables import PAGE, RESULTS, with_tables


def test_table_of_the_manual_matches_the_stored_findings() -> None:
    page = PAGE.read_text(encoding="utf-8")
    runs = json.loads(RESULTS.read_text(encoding="utf-8"))
    assert page == with_tables(page, runs), "Write it again with: python -m tests.benchmarks.tables"
    assert not any(run["surroundings"]["quick"] for run in runs)
    found = [{finding["benchmark"] for finding in run["findings"]} for run in runs]
    assert sorted(name for names in found for name in names) == sorted(BENCHMARKS)


def test_table_of_the_manual_marks_targets_that_are_not_reached() -> None:
    judged = {"median": 2.0, "reach": "≤ 1", "reached": False}
    finding = {
        "benchmark": "some",
        "title": "a thing",
        "unit": "ms",
        "settings": {"jobs": 1000},
        "series": {"ours": judged, "theirs": {"median": 4.0}},
        "ratios": [{"ours": "theirs", "rival": "ours", "median": 2.0, "reach": "≤ 3", "reached": True}],
    }
    surroundings = {
        "taken_at": "2026-11-24T00:00:00+00:00",
        "cores": 2,
        "machine": "machine",
        "memory_gib": 4.0,
        "versions": {"python": "3", "postgres": "18", "textual": "8"},
    }
    written = with_tables(
        "before <!-- benchmarks -->old<!-- end of benchmarks --> after",
        [{"findings": [finding], "surroundings": surroundings}],
    )
    assert written.startswith("before <!-- benchmarks -->\n")
    assert written.endswith("\n<!-- end of benchmarks --> after")
    assert "**A thing** (jobs: 1,000)\n\n| measured | value (limit) |\n" in written
    assert "| ours | 2 ms (**not kept**: ≤ 1) |" in written
    assert "| theirs: 4 ms | ours: 2 ms | 2 × (≤ 3) |" in written
