"""Many jobs, batch by batch, each a short transaction: so that it may be stopped anywhere and begun again."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from store.database import TimeLimits
from store.errors import Conflict, InvalidValue, Locked, StoreError, TimedOut
from store.model import PageKey
from store.retention import batch_size
from store.retention.model import Progress

LIMITS = TimeLimits(statement=2.0, lock=0.2)
"""Of a batch. Whoever waits for one of its rows is not taken for a deadlock, which the server looks for after a second:
the batch has given up long before."""
PAUSE_SECONDS = 0.2
"""After somebody else was in the way."""

IN_THE_WAY = (TimedOut, Conflict, InvalidValue)
"""What a single job may cause: a lock, a trigger that takes its time or refuses, a foreign key."""
_COLLISIONS = ("40001", "40P01")
"""Of serializations and deadlocks, which pass."""


@dataclass(frozen=True, slots=True)
class Batch:
    keys: Sequence[PageKey]
    """Of the jobs that were looked at, in order; empty where there are no more."""
    done: int = 0
    """With so many of them."""
    error: StoreError | None = None
    """One of `IN_THE_WAY`: then with none."""


TakeBatch = Callable[[PageKey | None, int], Awaitable[Batch]]
"""Of the jobs after a key (None: from the first), at most so many."""


async def in_batches(take: TakeBatch, progress: Progress) -> AsyncGenerator[Progress, None]:
    """What is done so far, again and again, on top of what was done before.

    A batch that fails is taken in smaller ones, down to the job that is to blame, which is left.
    """
    size, after = batch_size.FIRST, None
    while True:
        begun = time.monotonic()
        batch = await take(after, size)
        if not batch.keys:
            return
        if batch.error is None:
            progress = replace(progress, done=progress.done + batch.done)
            size = batch_size.next_size(size, time.monotonic() - begun)
            after = batch.keys[-1]
        elif len(batch.keys) > 1:
            size = batch_size.halved(len(batch.keys))
            await _let_pass(batch.error)
        else:
            (after,) = batch.keys
            if not isinstance(batch.error, Locked):
                progress = _with_refused(progress, after.id, batch.error)
        yield progress


async def _let_pass(error: StoreError) -> None:
    if isinstance(error, TimedOut) or error.sqlstate in _COLLISIONS:
        await asyncio.sleep(PAUSE_SECONDS)


def _with_refused(progress: Progress, job_id: UUID, error: StoreError) -> Progress:
    refused = replace(progress, refused=progress.refused + 1)
    if progress.refused_id is not None:
        return refused
    return replace(refused, refused_id=job_id, refusal=error.message)
