"""Long work in small transactions: size, pauses, collisions."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Uuid, bindparam, tuple_

from store.database import timestamps
from store.database.query import TimeLimits
from store.errors import Conflict, InvalidValue, Locked, StoreError, TimedOut
from store.jobs.job_results import PageKey
from store.retention.retention import BatchProgress

SMALLEST, FIRST, LARGEST = 1, 50, 500
QUICK, SLOW = 0.1, 0.25
"""Seconds. Within these it stays as it is."""


def next_size(size: int, seconds: float) -> int:
    """After a batch of this size took so long."""
    if seconds > SLOW:
        return smaller_size(size)
    return min(size * 2, LARGEST) if seconds < QUICK else size


def smaller_size(size: int) -> int:
    return max(size // 2, SMALLEST)


LIMITS = TimeLimits(statement=2.0, lock=0.2)
"""Of a batch. Whoever waits for one of its rows is not taken for a deadlock, which the server looks for after a second:
the batch has given up long before."""
PAUSE_SECONDS = 0.2
"""After somebody else was in the way."""

RETRYABLE_REFUSALS = (TimedOut, Conflict, InvalidValue)
"""What a single job may cause: a lock, a trigger that takes its time or refuses, a foreign key."""
_COLLISIONS = ("40001", "40P01")
"""Of serializations and deadlocks, which pass."""


@dataclass(frozen=True, slots=True)
class RetentionBatch:
    keys: Sequence[PageKey]
    """Of the jobs that were looked at, in order; empty where there are no more."""
    done: int = 0
    """With so many of them."""
    error: StoreError | None = None
    """One of `RETRYABLE_REFUSALS`: then with none."""


TakeBatch = Callable[[PageKey | None, int], Awaitable[RetentionBatch]]
"""Of the jobs after a key (None: from the first), at most so many."""


async def in_batches(take: TakeBatch, progress: BatchProgress) -> AsyncGenerator[BatchProgress, None]:
    """What is done so far, again and again, on top of what was done before.

    A batch that fails is taken in smaller ones, down to the job that is to blame, which is left.
    """
    size, after = FIRST, None
    while True:
        begun = time.monotonic()
        batch = await take(after, size)
        if not batch.keys:
            return
        if batch.error is None:
            progress = replace(progress, done=progress.done + batch.done)
            size = next_size(size, time.monotonic() - begun)
            after = batch.keys[-1]
        elif len(batch.keys) > 1:
            size = smaller_size(len(batch.keys))
            await _yield_to_others(batch.error)
        else:
            (after,) = batch.keys
            if not isinstance(batch.error, Locked):
                progress = _with_refused(progress, after.id, batch.error)
        yield progress


async def _yield_to_others(error: StoreError) -> None:
    if isinstance(error, TimedOut) or error.sqlstate in _COLLISIONS:
        await asyncio.sleep(PAUSE_SECONDS)


def _with_refused(progress: BatchProgress, job_id: UUID, error: StoreError) -> BatchProgress:
    refused = replace(progress, refused=progress.refused + 1)
    if progress.refused_id is not None:
        return refused
    return replace(refused, refused_id=job_id, refusal=error.message)


CURSOR: Any = tuple_(bindparam("place_at", type_=DateTime(timezone=True)), bindparam("place_id", type_=Uuid))


def cursor_parameters(key: PageKey | None) -> dict[str, object]:
    """Its parameters; none for the beginning."""
    return {} if key is None else {"place_at": timestamps.as_text(key.created_at), "place_id": key.id}


COUNTING = TimeLimits(statement=60.0)
