"""The dashboard on a million jobs: the latency of keys, pauses, and the use of CPU and memory."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from psycopg.conninfo import make_conninfo

from gjobs.tui.startup import FRAME_RATE
from tests.benchmarks.database import Databases, FilledDatabase
from tests.benchmarks.harness import AtMost, Effort, Finding, Ratio, Series
from tests.benchmarks.sizes import many
from tests.benchmarks.watched_dashboard import SIZE, Measured

ROOT = Path(__file__).parents[2]

CHANGES_A_SECOND = 200

KEY, FAR_KEY, PAUSE = "95th percentile", "95th percentile of the keys home and end", "longest pause in each minute"

CPU, DATABASE_TIME = "CPU of the dashboard", "database time"

LONGEST = "longest pause"

AT_START, AFTERWARDS = "at start", "after scrolling"

OPERATOR = "operator"

ALL_PROJECTS = ""

REST, REST_QUICK = 60.0, 0.1
"""Seconds for which the dashboard rests."""

SCROLLED = 100_000


async def dashboard(effort: Effort, databases: Databases) -> list[Finding]:
    return await asyncio.to_thread(_measure, effort, databases)


def _measure(effort: Effort, databases: Databases) -> list[Finding]:
    database = databases.of(many(effort))
    owner = database.owner
    if effort.quick:
        with _changes(database):
            measured = _watch(database, OPERATOR, ALL_PROJECTS, {"rest": REST_QUICK, "scroll": 100, "use": 0.1})
        rested = _rested(measured, database, REST_QUICK, "all")
        return [*_used(measured, database, 0.1), rested, _scrolled(measured, database, 100)]
    with _changes(database):
        used = _watch(database, OPERATOR, ALL_PROJECTS, {"use": effort.minutes * 60})
    of_all = _watch(database, OPERATOR, ALL_PROJECTS, {"rest": REST})
    of_project = _watch(database, str(owner.id), str(owner.projects[0]), {"rest": REST})
    scrolled = _watch(database, OPERATOR, ALL_PROJECTS, {"scroll": SCROLLED})
    return [
        *_used(used, database, effort.minutes * 60),
        _rested(of_all, database, REST, "the operator, all projects"),
        _rested(of_project, database, REST, "a user, a project"),
        _scrolled(scrolled, database, SCROLLED),
    ]


def _used(measured: Measured, database: FilledDatabase, seconds: float) -> list[Finding]:
    settings = {**_settings(database), "jobs changing a second": CHANGES_A_SECOND, "seconds": seconds}
    return [
        Finding(
            title="from a key to the painted frame",
            unit="ms",
            settings={**settings, "keys": round(measured["keys"][0])},
            series={KEY: Series(tuple(measured["key"])), FAR_KEY: Series(tuple(measured["far_key"]))},
            limits={KEY: AtMost(25)},
        ),
        Finding(
            title="pauses of the event loop in the same run",
            unit="ms",
            settings=settings,
            series={PAUSE: Series(tuple(measured["pause"])), LONGEST: Series((max(measured["pause"]),))},
            limits={LONGEST: AtMost(100)},
        ),
    ]


def _rested(measured: Measured, database: FilledDatabase, seconds: float, who: str) -> Finding:
    return Finding(
        title=f"an idle dashboard, for {who}",
        unit="% of a core",
        settings={**_settings(database), "interval": "default", "seconds": seconds},
        series={CPU: Series(tuple(measured["cpu"])), DATABASE_TIME: Series(tuple(measured["database"]))},
        limits={CPU: AtMost(1), DATABASE_TIME: AtMost(0.5)},
    )


def _scrolled(measured: Measured, database: FilledDatabase, rows: int) -> Finding:
    return Finding(
        title=f"memory after scrolling through {rows:,} rows",
        unit="MiB",
        settings=_settings(database),
        series={AFTERWARDS: Series(tuple(measured["after"])), AT_START: Series(tuple(measured["before"]))},
        ratios=(Ratio(ours=AFTERWARDS, rival=AT_START, reach=AtMost(1.3)),),
    )


def _settings(database: FilledDatabase) -> dict[str, object]:
    return {"jobs": database.jobs, "terminal": f"{SIZE[0]}×{SIZE[1]}"}


def _watch(database: FilledDatabase, actor: str, project: str, scenes: Mapping[str, float]) -> Measured:
    """Run a dashboard in a separate process and return the values that it prints at the end."""
    program = [sys.executable, "-m", "tests.benchmarks.watched_dashboard"]
    command = [*program, database.url, actor, project, json.dumps(scenes)]
    environment = os.environ | FRAME_RATE
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    measured: Measured = json.loads(done.stdout)
    return measured


@contextmanager
def _changes(database: FilledDatabase) -> Iterator[None]:
    """Change some of the newest jobs every second in another process during the block."""
    command = [sys.executable, "-m", "tests.benchmarks.job_changer", make_conninfo("", **database.conninfo)]
    with subprocess.Popen([*command, str(CHANGES_A_SECOND)], cwd=ROOT) as changer:
        try:
            yield
            assert changer.poll() is None, "The process that changes jobs has ended by itself."
        finally:
            changer.terminate()
