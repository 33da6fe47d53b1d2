"""The sample's customers: while few of their jobs are queued they queue more, so that workers have something to do."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Never

from store.cancelled import is_being_cancelled
from store.errors import StoreError
from store.model import JobStatus
from store.sample import modes
from store.store import Store

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
        if is_being_cancelled():
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
    mode = modes.choose_mode(random)
    await store.create_generation_job(
        project_id=project.id,
        mode=mode,
        cost_cents=modes.choose_cost_cents(random, mode),
        input_asset_id=random.choice(images).id if with_image else None,
    )
