"""Simulated customers and handlers for the demo."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from random import Random
from typing import Literal, Never, TypeVar
from uuid import UUID

from gjobs.store.async_tools import is_cancelling
from gjobs.store.errors import StoreError
from gjobs.store.formats import utc_now
from gjobs.store.jobs.job import USUAL_MODES, GenerationJob, JobStatus
from gjobs.store.projects.project import Project
from gjobs.store.sample import catalog
from gjobs.store.sample.job_plans import OUTAGE_MESSAGE, JobPlan, plan_job, plan_jobs
from gjobs.store.sample.sample_data import sample
from gjobs.store.sample.simulated_clock import SimulatedClock
from gjobs.store.store import Store
from gjobs.store.worker.handlers import Registry, Retry, Work

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


def _ignore(_: SimulatedChange) -> None:
    pass


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
        self.report: Callable[[SimulatedChange], object] = _ignore
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
            await self.clock.sleep(catalog.choose_seconds(self._others, running[0].mode), is_step=True)
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
        error = OUTAGE_MESSAGE if self._failing_until.get(work.job.mode, 0) > self.clock.now else plan.error
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
