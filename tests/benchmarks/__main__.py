"""Run the benchmarks: `python -m tests.benchmarks [--quick] [--json FILE] [NAME ...]`.

The exit code is 1 if a result misses its target. A quick run measures too little to judge that.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks.claims import claims
from tests.benchmarks.dashboard import dashboard
from tests.benchmarks.database import Databases, open_databases
from tests.benchmarks.environment import look_around
from tests.benchmarks.errors import errors
from tests.benchmarks.footprint import footprint
from tests.benchmarks.growth import growth
from tests.benchmarks.harness import Effort, Finding
from tests.benchmarks.lists import lists
from tests.benchmarks.moments import moments
from tests.benchmarks.report import document, print_table
from tests.benchmarks.startup import startup
from tests.benchmarks.statistics import statistics
from tests.benchmarks.table_tick import table_tick
from tests.benchmarks.transitions import transitions
from tests.benchmarks.waste import waste
from tests.benchmarks.wire import wire
from tests.benchmarks.words import words
from tests.benchmarks.work import COMMIT_TIMES, work

Benchmark = Callable[[Effort, Databases], Coroutine[Any, Any, list[Finding]]]

BENCHMARKS: Mapping[str, Benchmark] = {
    "startup": startup,
    "lists": lists,
    "moments": moments,
    "statistics": statistics,
    "errors": errors,
    "transitions": transitions,
    "claims": claims,
    "footprint": footprint,
    "work": work,
    "dashboard": dashboard,
    "growth": growth,
    "table_tick": table_tick,
    "waste": waste,
    "wire": wire,
    "words": words,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which of {', '.join(BENCHMARKS)}; all of them if none"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the findings to this file, too")
    parser.add_argument("--quick", action="store_true", help="only show that everything runs; the figures mean nothing")
    parser.add_argument(
        "--minutes", type=float, default=Effort(quick=False).minutes, help="how long the dashboard is used (10)"
    )
    options = parser.parse_args()
    if unknown := set(options.names) - set(BENCHMARKS):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    surroundings = look_around(quick=options.quick)
    effort = Effort(quick=options.quick, minutes=options.minutes)
    names = [name for name in BENCHMARKS if not options.names or name in options.names]
    findings = _measure(names, effort)
    print_table(findings, surroundings)
    if options.json:
        options.json.write_text(json.dumps(document(findings, surroundings), indent=1) + "\n", encoding="utf-8")
    reached = all(finding.reached for of_benchmark in findings.values() for finding in of_benchmark)
    return 0 if reached or options.quick else 1


def _measure(names: list[str], effort: Effort) -> dict[str, list[Finding]]:
    findings = {}
    with open_databases(durable=not effort.quick, settings=COMMIT_TIMES if effort.quick else {}) as databases:
        for name in names:
            sys.stderr.write(f"{name} ...\n")
            findings[name] = asyncio.run(BENCHMARKS[name](effort, databases))
    return findings


if __name__ == "__main__":
    sys.exit(main())
