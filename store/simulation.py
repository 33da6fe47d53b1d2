"""The demo's workers and customers: so that something always happens, and only what may happen."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from uuid import UUID

from store.errors import StoreError
from store.model import Applied, GenerationJob, JobStatus
from store.sample import modes
from store.store import Store

WORKERS = 6
QUEUE_SIZE = 10
"""New jobs arrive while fewer are queued: the fewer, the sooner."""
FAILURE_CHANCE = 1 / 8
SHARE_WITH_IMAGE = 0.85

STEP = 1.0
"""Simulated seconds from one look at the queue to the next."""
WAIT_IN_QUEUE = (6.0, 25.0)
"""Simulated seconds, from and to. Long enough for a person to start the job instead."""
RETRY = 2.0
"""Real seconds, while the database is away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A job that a worker of ours has started, and how it will end."""

    job: GenerationJob
    ends_at: float
    """In simulated seconds since the beginning."""
    error: str | None
    """None where it will succeed."""


class Simulation:
    """Takes queued jobs, finishes them after a believable time, and adds new ones.

    People drive jobs by hand at the same time: only what this simulation has started is finished by it.
    `store` is the operator's. `pace` is how many simulated seconds pass in one.
    """

    def __init__(
        self,
        store: Store,
        *,
        seed: int = 0,
        pace: float = 1.0,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._random = Random(seed)  # noqa: S311
        self._pace = pace
        self._sleep = sleep
        self._elapsed = 0.0
        self._ready_at: dict[UUID, float] = {}
        self._works: dict[UUID, Work] = {}

    async def run(self) -> None:
        """Until cancelled. While the database is away, waits for it."""
        while True:
            try:
                await self._step()
            except StoreError:
                wait = RETRY
            else:
                self._elapsed += STEP
                wait = STEP / self._pace
            if _is_being_cancelled():
                # Whoever is stopped in the middle of a commit is told that its outcome is unknown, and no more.
                raise asyncio.CancelledError
            await self._sleep(wait)

    async def _step(self) -> None:
        await self._finish()
        queue = await self._store.get_jobs_by_status(JobStatus.QUEUED)
        await self._start(reversed(queue.items))
        if self._random.random() < 1 - len(queue) / QUEUE_SIZE:
            await self._add()

    async def _finish(self) -> None:
        for work in [work for work in self._works.values() if work.ends_at <= self._elapsed]:
            target = JobStatus.FAILED if work.error else JobStatus.SUCCEEDED
            # Whatever the answer: a job that somebody else has finished or deleted is ours no longer.
            await self._store.transition_job_status(work.job.id, target, work.error)
            del self._works[work.job.id]

    async def _start(self, oldest_first: Iterable[GenerationJob]) -> None:
        """Starts as many as there are idle workers, of those that have waited."""
        queued = {job.id: job for job in oldest_first}
        self._ready_at = {
            job_id: self._ready_at.get(job_id) or self._elapsed + self._random.uniform(*WAIT_IN_QUEUE)
            for job_id in queued
        }
        ready = [job_id for job_id in queued if self._ready_at[job_id] <= self._elapsed]
        for job_id in ready[: WORKERS - len(self._works)]:
            outcome = await self._store.transition_job_status(job_id, JobStatus.RUNNING)
            if isinstance(outcome, Applied):
                self._works[job_id] = self._plan(outcome.job)

    def _plan(self, job: GenerationJob) -> Work:
        if self._random.random() >= FAILURE_CHANCE:
            seconds = modes.choose_seconds(self._random, job.mode)
            return Work(job=job, ends_at=self._elapsed + seconds, error=None)
        message, seconds = modes.choose_failure(self._random)
        error = modes.error_text(
            self._random,
            message,
            mode=job.mode,
            user_id=job.user_id,
            at=job.updated_at + timedelta(seconds=seconds / self._pace),
        )
        return Work(job=job, ends_at=self._elapsed + seconds, error=error)

    async def _add(self) -> None:
        projects = await self._store.get_projects()
        if not projects:
            return
        project = self._random.choice(projects)
        images = [asset for asset in await self._store.get_assets(project.id) if asset.kind == "input"]
        with_image = images and self._random.random() < SHARE_WITH_IMAGE
        mode = modes.choose_mode(self._random)
        await self._store.create_generation_job(
            project_id=project.id,
            mode=mode,
            cost_cents=modes.choose_cost_cents(self._random, mode),
            input_asset_id=self._random.choice(images).id if with_image else None,
        )


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
