"""The demo: its clock, its simulated activity and its session."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from functools import partial
from random import Random
from typing import Never, Self

from gjobs.store.configuration.settings import EMBEDDED_USER, NO_PROFILE, Settings, WriteAccess, WriteMode
from gjobs.store.database.database import Database
from gjobs.store.embedded.server import open_server
from gjobs.store.embedded.server_files import throw_away_dir
from gjobs.store.errors import StoreError
from gjobs.store.jobs.job import GenerationJob
from gjobs.store.sample.simulation import SimulatedClock, Simulation, mark_as_silent
from gjobs.store.store import Store
from gjobs.store.system.async_tools import is_cancelling
from gjobs.store.worker.worker import Worker
from gjobs.tui.demo.scenario_steps import STUDIO, WORKERS, Scenario
from gjobs.tui.session import Report, Session, prepare, session_on

log = logging.getLogger(__name__)

_SLOTS = 2
"""Per worker. So few that jobs wait in the queue, and a person can start one before a worker does."""
_LEASE_SECONDS = 12.0
"""Short, so that the jobs of a dead worker are soon taken over."""
_CRASH_AFTER, _RETURN_AFTER = (90.0, 150.0), 60.0
"""Simulated seconds between two crashes, and until the worker starts again."""


class DemoWorker:
    """A worker that can crash: it then leaves its jobs behind, as a killed process does."""

    def __init__(
        self, name: str, conninfo: Mapping[str, str | int], simulation: Simulation, *, lease_seconds: float
    ) -> None:
        """Start the worker."""
        self.name = name
        self._access = WriteAccess(WriteMode.OPEN)
        self._store = Store(Database(conninfo, access=self._access))
        self._clock = simulation.clock
        self.worker = Worker(
            self._store,
            simulation.handlers(name),
            name=name,
            concurrency=_SLOTS,
            lease_seconds=lease_seconds,
            random=Random(f"{simulation.seed} {name}"),  # noqa: S311
        )
        self.follow_clock()
        self._running = asyncio.create_task(_logged(self.worker.run))

    def follow_clock(self) -> None:
        """Claim jobs only while simulated time passes."""
        self.worker.set_paused(self._clock.is_paused)

    async def crash(self) -> None:
        """Stop without releasing any job."""
        self._access.closed_by = "This worker has crashed.", None
        await self.close()

    async def close(self) -> None:
        async with AsyncExitStack() as closing:
            closing.push_async_callback(self._store.close)
            closing.push_async_callback(_end, [self._running])


class DemoActivity:
    """Runs while its block runs. None of its parts writes a journal."""

    def __init__(
        self,
        conninfo: Mapping[str, str | int],
        clock: SimulatedClock,
        *,
        seed: int = 0,
        workers: Sequence[str] = WORKERS,
        has_customers: bool = True,
        has_crashes: bool = True,
        lease_seconds: float = _LEASE_SECONDS,
    ) -> None:
        self.simulation = Simulation(clock, seed=seed)
        self.operator = Store(Database(conninfo))
        self._conninfo = conninfo
        self._names = workers
        self._has_customers = has_customers
        self._has_crashes = has_customers and has_crashes
        self._lease_seconds = lease_seconds
        self.workers: dict[str, DemoWorker] = {}
        """The workers that run, by name."""
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self.simulation.clock.on_pause_change.append(self._follow_clock)
        for name in self._names:
            self.start_worker(name)
        if self._has_customers:
            self._start(partial(self.simulation.queue_jobs, self.operator))
            self._start(partial(self.simulation.end_running_jobs, self.operator))
        if self._has_crashes:
            self._start(self._crash_now_and_then)
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the tasks first, then close the workers, then the operator's store. An error stops none of these."""
        self.simulation.clock.on_pause_change.remove(self._follow_clock)
        async with AsyncExitStack() as closing:
            closing.push_async_callback(self.operator.close)
            for worker in self.workers.values():
                closing.push_async_callback(worker.close)
            closing.push_async_callback(_end, self._tasks)

    def _follow_clock(self) -> None:
        for worker in self.workers.values():
            worker.follow_clock()

    async def claim_one(self) -> GenerationJob | None:
        """Let one worker claim one job while paused. Return None if no worker can."""
        for one in tuple(self.workers.values()):
            try:
                if job := await one.worker.claim_one():
                    return job
            except StoreError as error:  # Another worker may be able to.
                if is_cancelling():
                    raise
                log.info("%s could not claim a job: %s", one.name, error)
        return None

    def _start(self, activity: Callable[[], Awaitable[None]]) -> None:
        self._tasks.append(asyncio.create_task(_logged(activity)))

    def start_worker(self, name: str) -> None:
        """Start a worker, unless it runs."""
        if name not in self.workers:
            self.workers[name] = DemoWorker(name, self._conninfo, self.simulation, lease_seconds=self._lease_seconds)

    async def kill_worker(self, name: str) -> None:
        """Let a worker crash, if it runs. Until the worker has ended, the end of the activity closes it, too."""
        if worker := self.workers.get(name):
            await worker.crash()
            self.workers.pop(name, None)
            self._start(partial(self._mark_as_silent, name))

    async def _mark_as_silent(self, name: str) -> None:
        """Wait until other workers may take over the jobs, and mark the worker as silent. Unmarked, it would count as
        alive for 90 s.
        """
        await asyncio.sleep(self._lease_seconds)
        await mark_as_silent(self.operator, name, lease_seconds=self._lease_seconds)

    async def _crash_now_and_then(self) -> Never:
        random = Random(f"{self.simulation.seed} crashes")  # noqa: S311
        clock = self.simulation.clock
        while True:
            await clock.sleep(random.uniform(*_CRASH_AFTER))
            name = random.choice([name for name in WORKERS if name != STUDIO])
            await self.kill_worker(name)
            await clock.sleep(_RETURN_AFTER)
            self.start_worker(name)


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel the tasks. Raise the first error that ended one of them."""
    for task in tasks:
        task.cancel()
    for end in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(end, Exception):
            raise end


async def _logged(activity: Callable[[], Awaitable[None]]) -> None:
    """Log a StoreError instead of raising it. The dashboard keeps running, and its list of workers shows which one
    stopped.
    """
    try:
        await activity()
    except StoreError as error:
        log.warning("A part of the demo stopped: %s", error)


_SPEEDS = (0.5, 1.0, 2.0, 3.0, 5.0, 10.0)


class DemoControl:
    def __init__(self, *, speed: float = 2.0, seed: int = 0, scenario: Scenario | None = None) -> None:
        self.seed = seed
        self.scenario = scenario
        self.clock = SimulatedClock(speed=speed)
        self.activity: DemoActivity | None = None
        """What runs in the open database; None while none is open."""

    def start_over(self) -> None:
        """Let simulated time begin again. The speed stays."""
        self.clock = SimulatedClock(speed=self.clock.speed)

    @contextmanager
    def running(self, activity: DemoActivity) -> Iterator[None]:
        """Have this activity while the body runs. If the next database's activity is already set when the body ends,
        it stays.
        """
        self.activity = activity
        try:
            yield
        finally:
            if self.activity is activity:
                self.activity = None

    def change_speed(self, direction: int) -> None:
        """Take the next speed: a faster one for 1, a slower one for -1."""
        speed = self.clock.speed
        others = [one for one in _SPEEDS if (one - speed) * direction > 0]
        if others:
            self.clock.set_speed(min(others, key=lambda one: abs(one - speed)))

    @property
    def state(self) -> str:
        """The state for the status line."""
        return "simulation paused" if self.clock.is_paused else f"speed {self.clock.speed:g}×"


_GRACE_SECONDS = 1.0


@asynccontextmanager
async def open_demo(report: Report, control: DemoControl) -> AsyncIterator[Session]:
    """Open a demo session. The last process that uses the server removes the directory, however this process ends."""
    data_dir = throw_away_dir()
    settings = Settings(profile=NO_PROFILE, data_dir=data_dir, act_as=EMBEDDED_USER, write_rule=WriteMode.OPEN)
    embedded_server = await asyncio.to_thread(
        open_server,
        data_dir,
        report=report,
        settings={"fsync": "off"},
        grace=_GRACE_SECONDS,
        remove_after=True,
    )
    try:
        await prepare(embedded_server, report)
        async with (
            session_on(settings, embedded_server.conninfo, "demo") as session,
            activity_for(control, embedded_server.conninfo) as activity,
        ):
            with control.running(activity):
                yield replace(session, revive=embedded_server.revive)
    finally:
        embedded_server.release()


def activity_for(control: DemoControl, conninfo: Mapping[str, str | int]) -> DemoActivity:
    """Return the activity of the scenario, or the usual one. In a scenario, workers crash only when it says so."""
    activity = partial(DemoActivity, conninfo, control.clock, seed=control.seed)
    if (scenario := control.scenario) is None:
        return activity()
    return activity(workers=scenario.workers, has_customers=scenario.has_customers, has_crashes=False)
