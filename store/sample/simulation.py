"""Simulated customers and handlers for the demo."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Never

from store.async_tools import is_cancelling
from store.errors import StoreError
from store.jobs.job import USUAL_MODES, JobStatus
from store.sample import catalog
from store.store import Store
from store.worker.handlers import Registry, Retry, Work

QUEUE_SIZE = 10
"""New jobs come while fewer are queued: the fewer, the sooner."""
SHARE_WITH_IMAGE = 0.85
STEP = 1.0
"""Simulated seconds from one look at the queue to the next."""
RETRY = 2.0
"""Real seconds after the database was away, or refused a job."""


async def queue_jobs(
    store: Store,
    random: Random,
    *,
    pace: float = 1.0,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> Never:
    """Until it is cancelled. `store` is the operator's; `pace` is how many simulated seconds pass in one."""
    while True:
        try:
            queue = await store.get_jobs_by_status(JobStatus.QUEUED, limit=QUEUE_SIZE)
            if random.random() < 1 - len(queue) / QUEUE_SIZE:
                await _queue_one(store, random)
        except StoreError:
            wait = RETRY
        else:
            wait = STEP / pace
        if is_cancelling():
            # Whoever is stopped in the middle of a commit is told that its outcome is unknown, and no more.
            raise asyncio.CancelledError
        await sleep(wait)


async def _queue_one(store: Store, random: Random) -> None:
    projects = await store.get_projects()
    if not projects:
        return
    project = random.choice(projects)
    images = [asset for asset in await store.get_assets(project.id) if asset.kind == "input"]
    with_image = images and random.random() < SHARE_WITH_IMAGE
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
"""So many notes tell of the progress."""


class GenerationError(Exception):
    """What a job fails with."""


def simulated(random: Random, *, pace: float = 1.0) -> Registry:
    """`pace` is how many simulated seconds pass in one."""
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
