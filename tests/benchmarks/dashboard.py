"""The real dashboard on a million jobs: how soon a key shows, how long it pauses, what it takes of the machine."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from psycopg.conninfo import make_conninfo

from tests.benchmarks.database import Databases, FilledDatabase
from tests.benchmarks.harness import AtMost, Effort, Finding, Ratio, Series
from tests.benchmarks.sizes import many
from tests.benchmarks.watched_dashboard import SIZE

ROOT = Path(__file__).parents[2]
CHANGES_A_SECOND = 200
KEY, FAR_KEY, PAUSE = "95th percentile, within reach", "95th percentile, home and end", "longest pause"
CPU, DATABASE_TIME = "CPU of the dashboard", "database time"
AT_START, AFTERWARDS = "at start", "after scrolling"
OPERATOR = "operator"
ALL_PROJECTS = ""


async def dashboard(effort: Effort, databases: Databases) -> list[Finding]:
    return await asyncio.to_thread(_measure, effort, databases)


def _measure(effort: Effort, databases: Databases) -> list[Finding]:
    database = databases.of(many(effort))
    return [
        *_use(effort, database),
        _rest(effort, database, OPERATOR, ALL_PROJECTS, "the operator, all projects"),
        _rest(effort, database, str(database.owner.id), str(database.owner.projects[0]), "a user, a project"),
        _scroll(effort, database),
    ]


def _use(effort: Effort, database: FilledDatabase) -> list[Finding]:
    seconds = 1.0 if effort.quick else effort.minutes * 60
    with _changes(database):
        told = _watch(database, OPERATOR, {"use": seconds})
    settings = {**_settings(database), "jobs changing a second": CHANGES_A_SECOND, "seconds": seconds}
    return [
        Finding(
            title="from a key to the painted frame",
            unit="ms",
            settings={**settings, "keys": told["keys"]},
            series={KEY: Series((told["key"],)), FAR_KEY: Series((told["far_key"],))},
            limits={KEY: AtMost(25)},
        ),
        Finding(
            title="pauses of the event loop meanwhile",
            unit="ms",
            settings=settings,
            series={PAUSE: Series((told["pause"],))},
            limits={PAUSE: AtMost(100)},
        ),
    ]


def _rest(effort: Effort, database: FilledDatabase, eyes: str, project: str, who: str) -> Finding:
    seconds = 1.0 if effort.quick else 60.0
    told = _watch(database, eyes, {"rest": seconds}, project)
    return Finding(
        title=f"with nothing changing, for {who}",
        unit="% of a core",
        settings={**_settings(database), "interval": "the default", "seconds": seconds},
        series={CPU: Series((told["cpu"],)), DATABASE_TIME: Series((told["database"],))},
        limits={CPU: AtMost(1), DATABASE_TIME: AtMost(0.5)},
    )


def _scroll(effort: Effort, database: FilledDatabase) -> Finding:
    rows = effort.choose(100_000, quick=500)
    told = _watch(database, OPERATOR, {"scroll": rows})
    return Finding(
        title=f"memory after scrolling through {rows:,} rows",
        unit="MiB",
        settings=_settings(database),
        series={AFTERWARDS: Series((told["after"],)), AT_START: Series((told["before"],))},
        ratios=(Ratio(ours=AFTERWARDS, rival=AT_START, reach=AtMost(1.3)),),
    )


def _settings(database: FilledDatabase) -> dict[str, object]:
    return {"jobs": database.jobs, "terminal": f"{SIZE[0]}×{SIZE[1]}"}


def _watch(
    database: FilledDatabase, eyes: str, scene: dict[str, float], project: str = ALL_PROJECTS
) -> dict[str, float]:
    """A dashboard in a process of its own, and what it tells of itself in the end."""
    command = [
        sys.executable,
        "-m",
        "tests.benchmarks.watched_dashboard",
        json.dumps(dict(database.conninfo)),
        eyes,
        project,
    ]
    done = subprocess.run([*command, json.dumps(scene)], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@contextmanager
def _changes(database: FilledDatabase) -> Iterator[None]:
    """Meanwhile another process changes so many of the newest jobs a second."""
    command = [sys.executable, "-m", "tests.benchmarks.changer", make_conninfo("", **database.conninfo)]
    with subprocess.Popen([*command, str(CHANGES_A_SECOND)], cwd=ROOT) as changer:
        try:
            yield
            assert changer.poll() is None, "What changes jobs has ended by itself."
        finally:
            changer.terminate()
