"""Simulated customers and handlers for the demo."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from math import ceil
from random import Random
from typing import Never
from uuid import UUID

from store.async_tools import is_cancelling
from store.errors import StoreError
from store.formats import utc_now
from store.jobs.job import USUAL_MODES, JobStatus
from store.sample import catalog
from store.sample.sample_data import sample
from store.store import Store
from store.worker.handlers import Registry, Retry, Work

QUEUE_SIZE = 10
"""New jobs arrive while fewer are queued. The fewer are queued, the sooner they arrive."""
SHARE_WITH_IMAGE = 0.85
STEP = 1.0
"""Simulated seconds between two checks of the queue."""
RETRY = 2.0
"""Real seconds to wait after the database was unreachable or refused a job."""
_LEAST_LEFT, _SPENT_AFTER = 0.1, 0.75
"""Shares of a limit. When less than the first share is left, the limit is raised until the second share is spent."""
_STUCK = timedelta(hours=1)


async def queue_jobs(
    store: Store,
    random: Random,
    *,
    pace: float = 1.0,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> Never:
    """Queue jobs until cancelled. `store` is the operator's; `pace` is the number of simulated seconds in a real one.

    The sample's limits are raised before they run out.
    """
    limits = {budget.id: budget.limit_cents for budget in sample(utc_now()).budgets}
    while True:
        try:
            await _raise_limits(store, limits)
            queue = await store.get_jobs_by_status(JobStatus.QUEUED, limit=QUEUE_SIZE)
            if random.random() < 1 - len(queue) / QUEUE_SIZE:
                await _queue_one(store, random)
        except StoreError:
            wait = RETRY
        else:
            wait = STEP / pace
        if is_cancelling():
            # A task that is stopped during a commit gets OutcomeUnknown, not CancelledError.
            raise asyncio.CancelledError
        await sleep(wait)


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


async def end_running_jobs(store: Store, random: Random, *, pace: float = 1.0) -> None:
    """End the running jobs of the sample, which no worker holds. One stays, as an example of a stuck job."""
    now = utc_now()
    running = [job for job in sample(now).jobs if job.status is JobStatus.RUNNING and now - job.created_at < _STUCK]
    while running:
        await asyncio.sleep(catalog.choose_seconds(random, running[0].mode) / pace)
        try:
            await store.transition_job_status(running[0].id, JobStatus.SUCCEEDED)
        except StoreError:
            if is_cancelling():
                raise asyncio.CancelledError from None
            await asyncio.sleep(RETRY)
        else:
            running.pop(0)


async def _queue_one(store: Store, random: Random) -> None:
    projects = await store.get_projects()
    if not projects:
        return
    project = random.choice(projects)
    images = [asset for asset in await store.get_assets(project.id) if asset.kind == "input"]
    if not images:
        return  # A project without photographs stays empty.
    with_image = random.random() < SHARE_WITH_IMAGE
    mode = catalog.choose_mode(random)
    await store.create_generation_job(
        project_id=project.id,
        mode=mode,
        cost_cents=catalog.choose_cost_cents(random, mode),
        input_asset_id=random.choice(images).id if with_image else None,
    )


FAILURE_CHANCE = 1 / 8
RETRY_CHANCE = 1 / 10
STEPS = 4
"""The number of progress notes."""


class GenerationError(Exception):
    """The error of a failed job."""


def simulated(random: Random, *, pace: float = 1.0) -> Registry:
    """Return handlers that simulate work. `pace` is the number of simulated seconds in a real one."""
    registry = Registry()

    @registry.handler()
    async def pretend(work: Work) -> None:
        mode = work.job.mode if work.job.mode in USUAL_MODES else random.choice(USUAL_MODES)
        if random.random() < RETRY_CHANCE:
            await asyncio.sleep(random.uniform(0.5, 2.0) / pace)
            raise Retry("The image service is busy: 503")
        fails = random.random() < FAILURE_CHANCE
        message, seconds = catalog.choose_failure(random) if fails else ("", catalog.choose_seconds(random, mode))
        for step in range(STEPS):
            work.note(f"step {step + 1} of {STEPS}")
            await asyncio.sleep(seconds / STEPS / pace)
        work.cost_cents = catalog.choose_cost_cents(random, mode)
        if fails:
            raise GenerationError(message)

    return registry
