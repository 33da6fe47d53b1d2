"""Long work in short transactions: batch size, pauses, collisions."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Uuid, bindparam, tuple_

from gjobs.store.database import timestamps
from gjobs.store.database.query import TimeLimits
from gjobs.store.errors import Conflict, InvalidValue, Locked, StoreError, TimedOut
from gjobs.store.jobs.job_results import PageKey
from gjobs.store.retention.retention import BatchProgress

SMALLEST, FIRST, LARGEST = 1, 50, 500
QUICK, SLOW = 0.1, 0.25
"""Seconds. The batch size stays the same in between."""


def next_size(size: int, seconds: float) -> int:
    """Return the next batch size, after a batch of this size took this long."""
    if seconds > SLOW:
        return smaller_size(size)
    return min(size * 2, LARGEST) if seconds < QUICK else size


def smaller_size(size: int) -> int:
    return max(size // 2, SMALLEST)


LIMITS = TimeLimits(statement=2.0, lock=0.2)
"""The limits of a batch. The server checks for deadlocks after one second of waiting, and a batch gives up long before.
So no session that waits for the batch's rows triggers a deadlock check.
"""
PAUSE_SECONDS = 0.2
"""Seconds to wait after a collision with another session."""

RETRYABLE_REFUSALS = (TimedOut, Conflict, InvalidValue)
"""Errors that a single job may cause: a lock, a slow or refusing trigger, a foreign key."""
_COLLISIONS = ("40001", "40P01")
"""Serialization failures and deadlocks, which are temporary."""


@dataclass(frozen=True, slots=True)
class RetentionBatch:
    keys: Sequence[PageKey]
    """The keys of the jobs read, in order. Empty if there are no more."""
    done: int = 0
    """How many of them were processed."""
    dropped_columns: tuple[str, ...] = ()
    """Columns whose values were not restored, because the app dropped them."""
    error: StoreError | None = None
    """One of `RETRYABLE_REFUSALS`. If set, no job was processed."""


TakeBatch = Callable[[PageKey | None, int], Awaitable[RetentionBatch]]
"""Processes at most the given number of jobs after a key; None means from the first."""


async def in_batches(take: TakeBatch, progress: BatchProgress) -> AsyncGenerator[BatchProgress, None]:
    """Process batches and yield the progress after each, added to `progress`.

    A failed batch is repeated in smaller ones, down to the job that causes the error, which is skipped.
    """
    size, after = FIRST, None
    while True:
        begun = time.monotonic()
        batch = await take(after, size)
        if not batch.keys:
            return
        if batch.error is None:
            dropped = tuple(sorted({*progress.dropped_columns, *batch.dropped_columns}))
            progress = replace(progress, done=progress.done + batch.done, dropped_columns=dropped)
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
    """Return the parameters of CURSOR; none for the start."""
    return {} if key is None else {"place_at": timestamps.as_text(key.created_at), "place_id": key.id}


COUNTING = TimeLimits(statement=60.0)
