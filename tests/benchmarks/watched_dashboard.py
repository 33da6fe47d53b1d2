"""A dashboard that measures itself and prints the values: run by `tests.benchmarks.dashboard`.

`python -m tests.benchmarks.watched_dashboard URL ACTOR PROJECT SCENES`: SCENES is JSON; PROJECT is empty for all.
"""

import asyncio
import gc
import itertools
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from uuid import UUID

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from textual import events

from gjobs.store.configuration.settings import resolve
from gjobs.tui import startup
from gjobs.tui.dashboard.frame.app import GjobsApp
from gjobs.tui.dashboard.list.job_table import JobTable
from gjobs.tui.dashboard.session.setup import session_opener
from tests.benchmarks.table_tick import SilentTerminal

SIZE = (200, 50)

PATIENCE = 20.0
"""Seconds until a wait for the effect of a key fails."""

_NEAR_KEYS = ["down"] * 12 + ["pagedown"] * 4 + ["up"] * 6 + ["pageup"] * 3

_BETWEEN_KEYS = 0.1
"""Seconds between two keys of a fast user."""

_BEAT = 0.005

_RESTS = 3

Measured = dict[str, list[float]]
"""The measured values by name."""

_DATABASE_TIME = "select active_time from pg_stat_database where datname = %s"


class WatchedApp(GjobsApp):
    """A dashboard on a terminal that discards all frames."""

    def __init__(self, url: str, actor: str, data_dir: Path) -> None:
        settings = resolve(database_url=url, act_as=actor, read_only=True, data_dir=data_dir, environment={})
        super().__init__(session_opener(settings), state_path=None)
        self.driver_class = SilentTerminal
        self.painted = asyncio.Event()
        """Set after each frame."""

    @property
    def table(self) -> JobTable:
        return self.dashboard.query_one(JobTable)

    def post_display_hook(self) -> None:
        self.painted.set()

    async def show_project(self, project_id: UUID | None) -> None:
        """Show a project, or all projects if it is None."""
        self.dashboard.choose_project(project_id)
        while not self._shows(project_id):
            self.painted.clear()
            await self.painted.wait()

    def _shows(self, project_id: UUID | None) -> bool:
        listing = self.dashboard.listing
        is_of_it = listing is not None and listing.query.window.listed.project_id == project_id
        return is_of_it and self.table.cursor_job is not None

    async def press(self, key: str) -> float:
        """Press a key and return the seconds until a frame shows the cursor on another job."""
        before = self.table.cursor_job
        start = time.perf_counter()
        self.post_message(events.Key(key, None))
        async with asyncio.timeout(PATIENCE):
            while self.table.cursor_job is None or (before and self.table.cursor_job.id == before.id):
                self.painted.clear()
                await self.painted.wait()
        return time.perf_counter() - start


async def use(app: WatchedApp, seconds: float) -> Measured:
    """Press keys, most to nearby rows and some to an end of the list. Return values per minute."""
    near: list[list[float]] = []
    far: list[list[float]] = []
    pauses: list[float] = []
    for _ in range(max(round(seconds / 60), 1)):
        # Start from the beginning each minute: after the key to the first job, the next key must go down.
        keys = itertools.cycle(_NEAR_KEYS)
        near.append([])
        far.append([])
        beats: list[float] = []
        heart = asyncio.create_task(_beat(beats))
        end = time.monotonic() + min(seconds, 60)
        while time.monotonic() < end or not far[-1]:
            near[-1].append(await app.press(next(keys)))
            await asyncio.sleep(_BETWEEN_KEYS)
            if len(near[-1]) % (4 * len(_NEAR_KEYS)) == 1:
                for key in ("end", "home"):
                    far[-1].append(await app.press(key))
                    await asyncio.sleep(_BETWEEN_KEYS)
        heart.cancel()
        pauses.append(max(beats) * 1000)
    return {
        "keys": [sum(map(len, near)) + sum(map(len, far))],
        "key": [_percentile_95(of_near + of_far) * 1000 for of_near, of_far in zip(near, far, strict=True)],
        "far_key": [_percentile_95(of_minute) * 1000 for of_minute in far],
        "pause": pauses,
    }


async def rest(seconds: float, database_time: Callable[[], float]) -> Measured:
    """Measure the CPU use while resting, in percent of one core."""
    cpus, workings = [], []
    await asyncio.sleep(min(5.0, seconds))
    for _ in range(_RESTS):
        worked = await asyncio.to_thread(database_time)
        start, cpu = time.monotonic(), time.process_time()
        await asyncio.sleep(seconds)
        taken, cpu = time.monotonic() - start, time.process_time() - cpu
        worked = await asyncio.to_thread(database_time) - worked
        cpus.append(cpu / taken * 100)
        workings.append(worked / 1000 / taken * 100)
    return {"cpu": cpus, "database": workings}


async def scroll(app: WatchedApp, rows: int) -> Measured:
    """Scroll page by page and measure the memory in MiB."""
    gc.collect()
    before = _memory()
    while (position := app.table.view.position) is None or position.number < rows:
        await app.press("pagedown")
    gc.collect()
    return {"before": [before], "after": [_memory()]}


async def _beat(pauses: list[float]) -> None:
    """Measure the delays of the event loop."""
    while True:
        start = time.perf_counter()
        await asyncio.sleep(_BEAT)
        pauses.append(time.perf_counter() - start - _BEAT)


def _percentile_95(values: list[float]) -> float:
    return quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]


def _memory() -> float:
    """Return the memory of the process in MiB, or its maximum if the system has only that."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text(encoding="ascii").split()[1]) * resource.getpagesize() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


@contextmanager
def _database_time(url: str) -> Iterator[Callable[[], float]]:
    """Return a function that reads the working time of the database in ms through another connection."""
    elsewhere = make_conninfo(url, dbname="postgres")
    with psycopg.connect(elsewhere, autocommit=True) as connection:

        def read_time() -> float:
            row = connection.execute(_DATABASE_TIME, [conninfo_to_dict(url)["dbname"]]).fetchone()
            assert row
            return float(row[0])

        yield read_time


async def watch(url: str, actor: str, project: str, scenes: Mapping[str, float]) -> Measured:
    startup.prepare()  # Like the command. `dashboard.py` has set the frame rate.
    seen: Measured = {}
    with tempfile.TemporaryDirectory() as work_dir, _database_time(url) as database_time:
        app = WatchedApp(url, actor, Path(work_dir))
        async with app.run_test(headless=False, size=SIZE):
            async with asyncio.timeout(PATIENCE):
                await app.settled.wait()
                await app.show_project(UUID(project) if project else None)
            for scene, amount in scenes.items():
                seen |= await _play(app, scene, amount, database_time)
            # The pilot alone would remove the widgets while polls still arrive.
            app.exit()
            while app.is_running:  # noqa: ASYNC110
                await asyncio.sleep(_BEAT)
    return seen


async def _play(app: WatchedApp, scene: str, amount: float, database_time: Callable[[], float]) -> Measured:
    match scene:
        case "use":
            return await use(app, amount)
        case "rest":
            return await rest(amount, database_time)
        case _:
            return await scroll(app, int(amount))


if __name__ == "__main__":
    url_, eyes_, project_, scenes_ = sys.argv[1:]
    sys.stdout.write(json.dumps(asyncio.run(watch(url_, eyes_, project_, json.loads(scenes_)))))
