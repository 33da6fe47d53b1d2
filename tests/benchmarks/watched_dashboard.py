"""A dashboard that is watched from within, and prints what was seen: run by `tests.benchmarks.dashboard`.

`python -m tests.benchmarks.watched_dashboard URL EYES PROJECT SCENES`, the last as JSON; PROJECT is empty for all.
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

from store.configuration.settings import resolve
from tests.benchmarks.table_tick import SilentTerminal
from tui import gc_tuning
from tui.dashboard.app import GjobsApp
from tui.dashboard.job_list.job_table import JobTable
from tui.dashboard.setup import session_opener

SIZE = (200, 50)

PATIENCE = 20.0

"""Seconds until a key that shows nothing is given up."""

_NEAR_KEYS = ["down"] * 12 + ["pagedown"] * 4 + ["up"] * 6 + ["pageup"] * 3

_BETWEEN_KEYS = 0.1

"""Seconds: a quick person's."""

_BEAT = 0.005

_RESTS = 3

Told = dict[str, list[float]]

"""What was seen, by what it is: a value for each time that it was measured."""

_DATABASE_TIME = "select active_time from pg_stat_database where datname = %s"


class WatchedApp(GjobsApp):
    """On a terminal that takes all frames and shows none."""

    def __init__(self, url: str, eyes: str, data_dir: Path) -> None:
        settings = resolve(database_url=url, act_as=eyes, read_only=True, data_dir=data_dir, environment={})
        super().__init__(session_opener(settings), state_path=None)
        self.driver_class = SilentTerminal
        self.painted = asyncio.Event()
        """Set when a frame was drawn."""

    @property
    def table(self) -> JobTable:
        return self.dashboard.query_one(JobTable)

    def post_display_hook(self) -> None:
        self.painted.set()

    async def show_project(self, project_id: UUID | None) -> None:
        """None for all projects."""
        self.dashboard.choose_project(project_id)
        while not self._shows(project_id):
            self.painted.clear()
            await self.painted.wait()

    def _shows(self, project_id: UUID | None) -> bool:
        listing = self.dashboard.listing
        is_of_it = listing is not None and listing.query.window.listed.project_id == project_id
        return is_of_it and self.table.cursor_job is not None

    async def press(self, key: str) -> float:
        """Seconds until a frame shows the cursor on another job."""
        before = self.table.cursor_job
        start = time.perf_counter()
        self.post_message(events.Key(key, None))
        async with asyncio.timeout(PATIENCE):
            while self.table.cursor_job is None or (before and self.table.cursor_job.id == before.id):
                self.painted.clear()
                await self.painted.wait()
        return time.perf_counter() - start


async def use(app: WatchedApp, seconds: float) -> Told:
    """Keys without end, most of which stay near, and now and then one to an end of the list; a value each minute."""
    near: list[list[float]] = []
    far: list[list[float]] = []
    pauses: list[float] = []
    for _ in range(max(round(seconds / 60), 1)):
        # From its beginning each minute: after a key to the first job comes one that goes down from there.
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


async def rest(seconds: float, database_time: Callable[[], float]) -> Told:
    """Shares of one core, in percent: a value for each time of so many seconds."""
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


async def scroll(app: WatchedApp, rows: int) -> Told:
    """Page by page. Memory in MiB."""
    gc.collect()
    before = _memory()
    while (position := app.table.position) is None or position.number < rows:
        await app.press("pagedown")
    gc.collect()
    return {"before": [before], "after": [_memory()]}


async def _beat(pauses: list[float]) -> None:
    """How much later than asked for it is gone on with."""
    while True:
        start = time.perf_counter()
        await asyncio.sleep(_BEAT)
        pauses.append(time.perf_counter() - start - _BEAT)


def _percentile_95(values: list[float]) -> float:
    return quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]


def _memory() -> float:
    """MiB of ours in memory at present; where the system does not tell, the most there ever were."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text(encoding="ascii").split()[1]) * resource.getpagesize() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


@contextmanager
def _database_time(url: str) -> Iterator[Callable[[], float]]:
    """What tells the ms that the database has worked, over another one."""
    elsewhere = make_conninfo(url, dbname="postgres")
    with psycopg.connect(elsewhere, autocommit=True) as connection:

        def tell() -> float:
            row = connection.execute(_DATABASE_TIME, [conninfo_to_dict(url)["dbname"]]).fetchone()
            assert row
            return float(row[0])

        yield tell


async def watch(url: str, eyes: str, project: str, scenes: Mapping[str, float]) -> Told:
    gc_tuning.pause_gc()  # as the command does
    seen: Told = {}
    with tempfile.TemporaryDirectory() as work_dir, _database_time(url) as database_time:
        app = WatchedApp(url, eyes, Path(work_dir))
        async with app.run_test(headless=False, size=SIZE):
            async with asyncio.timeout(PATIENCE):
                await app.settled.wait()
                await app.show_project(UUID(project) if project else None)
            for scene, amount in scenes.items():
                seen |= await _play(app, scene, amount, database_time)
            # The pilot alone would take the widgets away while looks still arrive.
            app.exit()
            while app.is_running:  # noqa: ASYNC110
                await asyncio.sleep(_BEAT)
    return seen


async def _play(app: WatchedApp, scene: str, amount: float, database_time: Callable[[], float]) -> Told:
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
