"""Simulated customers and handlers for the demo, and the simulated time that they live in."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from heapq import heappop, heappush
from itertools import count
from math import ceil
from random import Random
from typing import Literal, Never, TypeVar
from uuid import UUID

from sqlalchemy import text

from gjobs.store.database.query import Query, first_column
from gjobs.store.errors import StoreError
from gjobs.store.jobs.job import USUAL_MODES, GenerationJob, JobStatus, Project
from gjobs.store.leases.lease import SILENT_AFTER
from gjobs.store.sample import sample_data
from gjobs.store.sample.sample_data import sample
from gjobs.store.store import Store
from gjobs.store.system.async_tools import is_cancelling
from gjobs.store.values.formats import utc_now
from gjobs.store.worker.handlers import Registry, Retry, Work

_SILENCE = text("""
update gjobs.workers w
   set started_at = w.started_at - (w.seen_at - silent.since), seen_at = silent.since
  from (select now() - make_interval(secs => CAST(:silent_after AS double precision)) as since) silent
 where w.name = CAST(:name AS text) and w.stopped_at is null and w.seen_at > silent.since
   and w.seen_at < now() - make_interval(secs => CAST(:lease_seconds AS double precision))
returning w.id
""")


async def mark_as_silent(operator: Store, name: str, *, lease_seconds: float) -> None:
    """Let workers of this name count as silent if they have not reported for `lease_seconds`.

    Their start and their last report move to the past. Only a demo may do this, because it is accelerated and its
    leases are short.
    """
    values = {"name": name, "lease_seconds": lease_seconds, "silent_after": SILENT_AFTER.total_seconds()}
    await operator.database.write_pipelined(
        operator.actor, "mark a worker as silent", Query(_SILENCE, first_column, values)
    )


SHARE_WITH_IMAGE = 0.85
FAILURE_CHANCE = 1 / 8
RETRY_CHANCE = 1 / 10
BURST_CHANCE, BURST_SIZES = 1 / 25, (4, 9)
OUTAGE_CHANCE, OUTAGE_SIZES = 1 / 30, (4, 8)
"""An outage is a number of jobs of one mode that all fail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPlan:
    """A job that arrives, and how its attempt ends. A share from 0 to 1 chooses an item of a list."""

    project_share: float
    image_share: float | None
    """None for a job without an input image."""
    mode: str
    cost_cents: int
    final_cost_cents: int
    seconds: float
    """From start to end."""
    is_retried: bool
    """Whether its first attempt finds the image service busy."""
    error: str | None
    """None for a job that succeeds."""
    burst: int = 0
    """How many jobs of the same customer follow at once."""


def plan_job(random: Random, mode: str, *, error: str | None = None, burst: int = 0) -> JobPlan:
    """Decide about one job. With `error`, it fails."""
    failure = sample_data.choose_failure(random)
    fails = random.random() < FAILURE_CHANCE
    has_image = random.random() < SHARE_WITH_IMAGE
    image_share, seconds = random.random(), sample_data.choose_seconds(random, mode)
    return JobPlan(
        project_share=random.random(),
        image_share=image_share if has_image else None,
        mode=mode,
        cost_cents=sample_data.choose_cost_cents(random, mode),
        final_cost_cents=sample_data.choose_cost_cents(random, mode),
        seconds=seconds if error or not fails else failure[1],
        is_retried=random.random() < RETRY_CHANCE,
        error=error or (failure[0] if fails else None),
        burst=burst,
    )


def plan_jobs(random: Random) -> Iterator[JobPlan]:
    """Yield the jobs of all customers in their order, with bursts and outages. The same seed gives the same jobs."""
    failing_mode, failures_left = "", 0
    while True:
        if not failures_left and random.random() < OUTAGE_CHANCE:
            failing_mode, failures_left = random.choice(USUAL_MODES), random.randint(*OUTAGE_SIZES)
        burst = random.randint(*BURST_SIZES) if random.random() < BURST_CHANCE else 0
        mode = sample_data.choose_mode(random)
        is_failing = failures_left > 0 and mode == failing_mode
        failures_left -= is_failing
        yield plan_job(random, mode, error=sample_data.OUTAGE_MESSAGE if is_failing else None, burst=burst)


_ROUNDING = 1e-6
"""Seconds by which a timer of the event loop may be early."""


class SimulatedClock:
    def __init__(self, *, speed: float = 1.0) -> None:
        self.speed = speed
        """The number of simulated seconds in a real one. `set_speed` changes it."""
        self.is_paused = False
        """`set_paused` changes it."""
        self._passed = 0.0
        """Simulated seconds until the last change of speed or pause."""
        self._changed_at: float | None = None
        """Real time of that change. None before the first sleep, because there is no event loop yet."""
        self._waiting: list[tuple[float, int, bool, asyncio.Future[None]]] = []
        self._order = count()
        self._timer: asyncio.TimerHandle | None = None
        self.on_pause_change: list[Callable[[], object]] = []
        """Called after each pause and resume."""

    @property
    def now(self) -> float:
        """Simulated seconds since the start."""
        if self.is_paused or self._changed_at is None:
            return self._passed
        return self._passed + (asyncio.get_running_loop().time() - self._changed_at) * self.speed

    def set_speed(self, speed: float) -> None:
        self._keep_time()
        self.speed = speed
        self._set_timer()

    def set_paused(self, is_paused: bool) -> None:
        self._keep_time()
        self.is_paused = is_paused
        self._set_timer()
        for listener in self.on_pause_change:
            listener()

    async def sleep(self, seconds: float, *, is_step: bool = False) -> None:
        """Wait for simulated seconds. `is_step` marks a wait before a change that a person sees."""
        if self._changed_at is None:
            self._keep_time()
        wakes = asyncio.get_running_loop().create_future()
        heappush(self._waiting, (self.now + seconds, next(self._order), is_step, wakes))
        self._set_timer()
        await wakes

    def step(self) -> bool:
        """Jump to the next visible change while paused. Return False if there is nothing to jump to."""
        self._drop_cancelled()
        if not self.is_paused or not self._waiting:
            return False
        while self._waiting:
            due, _, is_step, wakes = heappop(self._waiting)
            if wakes.done():
                continue
            self._passed = max(self._passed, due)
            wakes.set_result(None)
            if is_step:
                break
        return True

    def _keep_time(self) -> None:
        self._passed = self.now
        try:
            self._changed_at = asyncio.get_running_loop().time()
        except RuntimeError:
            self._changed_at = None  # Before the event loop runs.

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._drop_cancelled()
        if self._waiting and not self.is_paused:
            wait = (self._waiting[0][0] - self.now) / self.speed
            self._timer = asyncio.get_running_loop().call_later(max(wait, 0), self._wake)

    def _wake(self) -> None:
        now = self.now + _ROUNDING
        while self._waiting and self._waiting[0][0] <= now:
            *_, wakes = heappop(self._waiting)
            if not wakes.done():
                wakes.set_result(None)
        self._set_timer()

    def _drop_cancelled(self) -> None:
        while self._waiting and self._waiting[0][-1].done():
            heappop(self._waiting)


T = TypeVar("T")

QUEUE_SIZE = 10
"""New jobs arrive while fewer are queued. The fewer are queued, the sooner they arrive."""
STEP = 1.0
"""Simulated seconds between two checks of the queue."""
RETRY = 2.0
"""Real seconds to wait after the database was unreachable or refused a job."""
STEPS = 4
"""The number of progress notes."""
_BUSY_SECONDS = 1.5
_LEAST_LEFT, _SPENT_AFTER = 0.1, 0.75
"""Shares of a limit. If less than 0.1 of a limit is left, it is raised so that 0.75 of it is spent."""
_STUCK = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedChange:
    """What followed a wait that counts as a step. Without jobs, nothing changed."""

    what: Literal["queued", "started", "completed", "failed", "delayed"] = "queued"
    jobs: Sequence[GenerationJob] = ()


class GenerationError(Exception):
    """The error of a failed job."""


class Simulation:
    """Customers and models of one run. The same seed gives the same jobs with the same endings."""

    def __init__(self, clock: SimulatedClock, *, seed: int = 0) -> None:
        self.clock = clock
        self.seed = seed
        self._plans = plan_jobs(_random(seed, "jobs"))
        self._arrivals = _random(seed, "arrivals")
        """Separate, because the number of checks of the queue depends on the workers."""
        self._others = _random(seed, "others")
        """For jobs that a person created, and for those of the sample."""
        self._planned: dict[UUID, JobPlan] = {}
        self._creating = asyncio.Lock()
        """Held while a job is created, because a worker may claim it before its id is known here."""
        self._failing_until: dict[str, float] = {}
        self._retried: set[UUID] = set()
        self.failed: list[GenerationJob] = []
        """Jobs that failed while they ran here, in this order."""
        self.taken_over: list[GenerationJob] = []
        """Jobs that another worker had begun."""
        self.begun: set[UUID] = set()
        """Jobs that a worker has begun."""
        self.running: dict[UUID, str] = {}
        """The worker of each running job that another worker would take over if its worker died."""
        self.report: Callable[[SimulatedChange], object] = lambda _: None
        """Called after each wait that counts as a step."""

    def fail_mode(self, mode: str, *, seconds: float) -> None:
        """Let all jobs of the mode fail for these simulated seconds."""
        self._failing_until[mode] = self.clock.now + seconds

    async def queue_jobs(self, store: Store) -> Never:
        """Queue jobs until cancelled. `store` is the operator's. The sample's limits are raised before they run out."""
        limits = {budget.id: budget.limit_cents for budget in sample(utc_now()).budgets}
        while True:
            wait, queued = STEP, list[GenerationJob]()
            try:
                await _raise_limits(store, limits)
                queue = await store.get_jobs_by_status(JobStatus.QUEUED, limit=QUEUE_SIZE)
                if self._arrivals.random() < 1 - len(queue) / QUEUE_SIZE:
                    queued = await self._queue_next(store)
            except StoreError:
                wait = RETRY * self.clock.speed
            if is_cancelling():
                # A task that is stopped during a commit gets OutcomeUnknown, not CancelledError.
                raise asyncio.CancelledError
            self.report(SimulatedChange(what="queued", jobs=queued))
            await self.clock.sleep(wait, is_step=True)

    async def _queue_next(self, store: Store) -> list[GenerationJob]:
        """Queue the next job, and the jobs of a burst that follow it."""
        projects = await store.get_projects()
        if not projects:
            return []
        plan = next(self._plans)
        project = _chosen(projects, plan.project_share)
        plans = [plan, *(next(self._plans) for _ in range(plan.burst))]
        queued = [await self.queue_job(store, project, one) for one in plans]
        return [job for job in queued if job is not None]

    async def queue_job(self, store: Store, project: Project, plan: JobPlan) -> GenerationJob | None:
        """Queue a planned job. A project without photographs stays empty."""
        images = [asset for asset in await store.get_assets(project.id) if asset.kind == "input"]
        if not images:
            return None
        image = None if plan.image_share is None else _chosen(images, plan.image_share)
        async with self._creating:
            job = await store.create_generation_job(
                project_id=project.id,
                mode=plan.mode,
                cost_cents=plan.cost_cents,
                input_asset_id=image.id if image else None,
            )
            self._planned[job.id] = plan
        return job

    async def end_running_jobs(self, store: Store) -> None:
        """End the running jobs of the sample, which no worker holds. One stays, as an example of a stuck job."""
        now = utc_now()
        running = [job for job in sample(now).jobs if job.status is JobStatus.RUNNING and now - job.created_at < _STUCK]
        while running:
            await self.clock.sleep(sample_data.choose_seconds(self._others, running[0].mode), is_step=True)
            try:
                await store.transition_job_status(running[0].id, JobStatus.SUCCEEDED)
                self.report(SimulatedChange(what="completed", jobs=running[:1]))
            except StoreError:
                if is_cancelling():
                    raise asyncio.CancelledError from None
                await self.clock.sleep(RETRY * self.clock.speed)
            else:
                running.pop(0)

    def handlers(self, worker: str = "") -> Registry:
        """Return handlers that simulate work of the worker with this name."""
        registry = Registry()

        @registry.handler()
        async def pretend(work: Work) -> None:
            plan = await self._plan_of(work.job)
            self.begun.add(work.job.id)
            if work.job.id in self._retried:
                await self._run(work, plan)
                return
            if work.attempt > 1:
                self.taken_over.append(work.job)
            self.running[work.job.id] = worker
            try:
                await self._run(work, plan)
            finally:
                self.running.pop(work.job.id, None)

        return registry

    async def _run(self, work: Work, plan: JobPlan) -> None:
        if plan.is_retried and work.attempt == 1:
            await self.clock.sleep(_BUSY_SECONDS, is_step=True)
            self._retried.add(work.job.id)
            self.report(SimulatedChange(what="delayed", jobs=[work.job]))
            raise Retry("The image service is busy: 503")
        for step in range(STEPS):
            work.note(f"step {step + 1} of {STEPS}")
            await self.clock.sleep(plan.seconds / STEPS, is_step=step == STEPS - 1)
        self._planned.pop(work.job.id, None)
        work.cost_cents = plan.final_cost_cents
        error = sample_data.OUTAGE_MESSAGE if self._failing_until.get(work.job.mode, 0) > self.clock.now else plan.error
        self.report(SimulatedChange(what="failed" if error else "completed", jobs=[work.job]))
        if error:
            self.failed.append(work.job)
            raise GenerationError(error)

    async def _plan_of(self, job: GenerationJob) -> JobPlan:
        async with self._creating:
            if job.id not in self._planned:
                mode = job.mode if job.mode in USUAL_MODES else self._others.choice(USUAL_MODES)
                self._planned[job.id] = plan_job(self._others, mode)
            return self._planned[job.id]


def _random(seed: int, name: str) -> Random:
    return Random(f"{seed} {name}")  # noqa: S311


def _chosen(things: Sequence[T], share: float) -> T:
    return things[int(share * len(things))]


async def _raise_limits(store: Store, limits: dict[UUID, int]) -> None:
    """Raise limits that are nearly spent. `limits` has the known limits by budget id. A limit changed by a person
    stays.
    """
    for budget in await store.get_budgets():
        if budget.limit_cents == limits.get(budget.id) and budget.left_cents < _LEAST_LEFT * budget.limit_cents:
            raised = await store.set_budget(
                user_id=budget.user_id,
                project_id=budget.project_id,
                period=budget.period,
                limit_cents=ceil(budget.spent_cents / _SPENT_AFTER / 100_00) * 100_00,
                expected_budget=budget,
            )
            limits[budget.id] = raised.limit_cents
