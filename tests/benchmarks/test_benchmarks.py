"""The benchmarks run, and their documents are complete."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.__main__ import BENCHMARKS
from tests.benchmarks.harness import Ratio, Series, take_turns
from tests.conftest import quick_directory

LONG = {"startup", "dashboard", "wire", "words"}
"""Benchmarks that take twice as long as all others together: they start dashboards or a second server."""


def test_quick_run_writes_a_table_and_a_document(tmp_path: Path) -> None:
    file = tmp_path / "benchmarks.json"
    names = [name for name in BENCHMARKS if name not in LONG]
    command = [sys.executable, "-m", "tests.benchmarks", "--quick", "--json", str(file), *names]
    # The measured values do not matter here, so the server may be in memory.
    environment = {**os.environ, "TMPDIR": str(quick_directory())}
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    document = json.loads(file.read_text(encoding="utf-8"))
    assert document["surroundings"]["quick"] is True
    findings = document["findings"]
    assert {finding["benchmark"] for finding in findings} == set(names)
    for finding in findings:
        assert finding["title"] in done.stdout
        assert all(value >= 0 for series in finding["series"].values() for value in series["values"])
        assert all(ratio["median"] > 0 for ratio in finding["ratios"])


async def test_contestants_take_turns_and_the_warm_up_does_not_count() -> None:
    order: list[str] = []

    async def run(name: str, value: float) -> float:
        order.append(name)
        return value

    series = await take_turns({"a": lambda: run("a", 6.0), "b": lambda: run("b", 2.0)}, rounds=2, warm_up=1)
    assert order == ["b", "a", "a", "b", "b", "a"]
    assert series == {"a": Series((6.0, 6.0)), "b": Series((2.0, 2.0))}


def test_ratio_is_computed_pair_by_pair() -> None:
    series = {"ours": Series((2.0, 9.0, 4.0)), "rival": Series((1.0, 3.0, 4.0))}
    ratio = Ratio(ours="ours", rival="rival").of(series)
    assert ratio.values == (2.0, 3.0, 1.0)
    assert (ratio.median, ratio.quartiles) == (2.0, (1.5, 2.5))
