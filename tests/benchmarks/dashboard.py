"""The real dashboard on a million jobs: how soon a key shows, how long it pauses, what it takes of the machine."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from psycopg.conninfo import make_conninfo

from tests.benchmarks.database import Databases, FilledDatabase
from tests.benchmarks.harness import AtMost, Effort, Finding, Ratio, Series
from tests.benchmarks.sizes import many
from tests.benchmarks.watched_dashboard import SIZE, Told

ROOT = Path(__file__).parents[2]

CHANGES_A_SECOND = 200

KEY, FAR_KEY, PAUSE = "95th percentile", "95th percentile of the keys home and end", "longest pause in each minute"

CPU, DATABASE_TIME = "CPU of the dashboard", "database time"

LONGEST = "longest pause"

AT_START, AFTERWARDS = "at start", "after scrolling"

OPERATOR = "operator"

ALL_PROJECTS = ""

REST, REST_QUICK = 60.0, 0.1

"""Seconds."""

SCROLLED = 100_000


async def dashboard(effort: Effort, databases: Databases) -> list[Finding]:
    return await asyncio.to_thread(_measure, effort, databases)


def _measure(effort: Effort, databases: Databases) -> list[Finding]:
    database = databases.of(many(effort))
    owner = database.owner
    if effort.quick:
        with _changes(database):
            told = _watch(database, OPERATOR, ALL_PROJECTS, {"rest": REST_QUICK, "scroll": 100, "use": 0.1})
        return [*_used(told, database, 0.1), _rested(told, database, REST_QUICK, "all"), _scrolled(told, database, 100)]
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


def _used(told: Told, database: FilledDatabase, seconds: float) -> list[Finding]:
    settings = {**_settings(database), "jobs changing a second": CHANGES_A_SECOND, "seconds": seconds}
    return [
        Finding(
            title="from a key to the painted frame",
            unit="ms",
            settings={**settings, "keys": round(told["keys"][0])},
            series={KEY: Series(tuple(told["key"])), FAR_KEY: Series(tuple(told["far_key"]))},
            limits={KEY: AtMost(25)},
        ),
        Finding(
            title="pauses of the event loop in the same run",
            unit="ms",
            settings=settings,
            series={PAUSE: Series(tuple(told["pause"])), LONGEST: Series((max(told["pause"]),))},
            limits={LONGEST: AtMost(100)},
        ),
    ]


def _rested(told: Told, database: FilledDatabase, seconds: float, who: str) -> Finding:
    return Finding(
        title=f"an idle dashboard, for {who}",
        unit="% of a core",
        settings={**_settings(database), "interval": "default", "seconds": seconds},
        series={CPU: Series(tuple(told["cpu"])), DATABASE_TIME: Series(tuple(told["database"]))},
        limits={CPU: AtMost(1), DATABASE_TIME: AtMost(0.5)},
    )


def _scrolled(told: Told, database: FilledDatabase, rows: int) -> Finding:
    return Finding(
        title=f"memory after scrolling through {rows:,} rows",
        unit="MiB",
        settings=_settings(database),
        series={AFTERWARDS: Series(tuple(told["after"])), AT_START: Series(tuple(told["before"]))},
        ratios=(Ratio(ours=AFTERWARDS, rival=AT_START, reach=AtMost(1.3)),),
    )


def _settings(database: FilledDatabase) -> dict[str, object]:
    return {"jobs": database.jobs, "terminal": f"{SIZE[0]}×{SIZE[1]}"}


def _watch(database: FilledDatabase, eyes: str, project: str, scenes: Mapping[str, float]) -> Told:
    """A dashboard in a process of its own, and what it tells of itself in the end."""
    program = [sys.executable, "-m", "tests.benchmarks.watched_dashboard"]
    command = [*program, database.url, eyes, project, json.dumps(scenes)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    told: Told = json.loads(done.stdout)
    return told


@contextmanager
def _changes(database: FilledDatabase) -> Iterator[None]:
    """Meanwhile another process changes so many of the newest jobs a second."""
    command = [sys.executable, "-m", "tests.benchmarks.job_changer", make_conninfo("", **database.conninfo)]
    with subprocess.Popen([*command, str(CHANGES_A_SECOND)], cwd=ROOT) as changer:
        try:
            yield
            assert changer.poll() is None, "What changes jobs has ended by itself."
        finally:
            changer.terminate()
