"""Runs the benchmarks: `python -m tests.benchmarks [--quick] [--json FILE] [NAME ...]`."""

import argparse
import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

from tests.benchmarks.harness import Benchmark, Effort
from tests.benchmarks.refresh import refresh
from tests.benchmarks.report import document, print_table
from tests.benchmarks.startup import startup
from tests.benchmarks.surroundings import look_around
from tests.benchmarks.table_tick import table_tick

BENCHMARKS: Mapping[str, Benchmark] = {"startup": startup, "refresh": refresh, "table_tick": table_tick}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which of {', '.join(BENCHMARKS)}; all of them if none"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the findings to this file, too")
    parser.add_argument("--quick", action="store_true", help="only show that everything runs; the figures mean nothing")
    options = parser.parse_args()
    if unknown := set(options.names) - set(BENCHMARKS):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    surroundings = look_around(quick=options.quick)
    findings = {
        name: asyncio.run(benchmark(Effort(quick=options.quick)))
        for name, benchmark in BENCHMARKS.items()
        if not options.names or name in options.names
    }
    print_table(findings, surroundings)
    if options.json:
        options.json.write_text(json.dumps(document(findings, surroundings), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
