"""Run the chaos test: `python -m tests.chaos [--jobs N] [--workers N] [--seed N] [direct] [pooled]`.

Workers are killed and frozen, connections are cut and silenced, and the server is restarted, until every job has ended.
The exit code is 1 if a job or a worker did not end as it must.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path

from gjobs.migrations.runner import upgrade
from tests.chaos.chaos_environment import Environment, direct, pooled
from tests.chaos.chaos_run import Outcome, run_chaos
from tests.chaos.fault_schedule import Fault, Plan
from tests.conftest import quick_directory
from tests.hosted.cluster import Server, copied, make_project, make_roles
from tests.hosted.hosted_fixtures import programs
from tests.hosted.server_directory import opened_place

WAYS = ("direct", "pooled")

SHOWN = 20
"""The number of violations to print."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("ways", nargs="*", metavar="WAY", help="direct, or pooled: through PgBouncer; both if none")
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    ways = options.ways or WAYS
    if unknown := set(ways) - set(WAYS):
        parser.error(f"there is no way {', '.join(sorted(unknown))}")
    outcomes = [_run(way, _plan(options.jobs, options.workers, options.seed)) for way in ways]
    return 1 if any(outcome.violations for outcome in outcomes) else 0


def _plan(jobs: int, workers: int, seed: int) -> Plan:
    """Return a plan that kills each worker about five times."""
    return Plan(
        jobs=jobs,
        workers=workers,
        seed=seed,
        kills=5 * workers,
        freezes=workers,
        cuts=2 * workers,
        silences=workers // 2,
        restarts=workers // 2,
    )


def _run(way: str, plan: Plan) -> Outcome:
    with _server() as server, copied(server, "template") as database, tempfile.TemporaryDirectory() as directory:
        outcome = asyncio.run(_run_chaos(_environment(way, server, database), plan, Path(directory)))
    _tell(way, plan, outcome)
    return outcome


async def _run_chaos(opened: AbstractAsyncContextManager[Environment], plan: Plan, directory: Path) -> Outcome:
    async with opened as environment:
        return await run_chaos(environment, plan, directory)


def _environment(way: str, server: Server, database: str) -> AbstractAsyncContextManager[Environment]:
    if way == "direct":
        return direct(server, database)
    program = shutil.which("pgbouncer")
    if program is None:
        sys.exit("pgbouncer is not installed.")
    return pooled(server, database, program)


@contextmanager
def _server() -> Iterator[Server]:
    with opened_place(quick_directory()) as place:
        server = Server.on(place, programs(), "chaos")
        server.initialise()
        server.start()
        make_roles(server)
        make_project(server, "template", old_privileges=True)
        upgrade(server.login("template"))
        yield server


def _tell(way: str, plan: Plan, outcome: Outcome) -> None:
    verdict = outcome.verdict
    lines: Sequence[tuple[str, object]] = (
        ("jobs", f"{plan.jobs:,}: {verdict.succeeded:,} succeeded, {verdict.failed:,} failed"),
        ("  of these lost with a worker too often", verdict.lost_too_often),
        ("workers at a time", plan.workers),
        *((f"{fault}s", outcome.faults.get(fault, 0)) for fault in Fault),
        ("workers that came while there was no database", outcome.failed_starts),
        ("attempts", f"{verdict.attempts:,}, of which handlers began {verdict.begun:,}"),
        ("  without an event, as a crash lost the claim", verdict.lost_claims),
        ("  put off by their handlers", verdict.retried),
        ("  taken over", verdict.taken_over),
        ("seconds", f"{outcome.seconds:.1f}"),
        ("violations", len(outcome.violations)),
    )
    sys.stdout.write(f"{way}\n" + "".join(f"  {name:<48} {value}\n" for name, value in lines))
    for violation in outcome.violations[:SHOWN]:
        sys.stdout.write(f"  ! {violation}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
