"""Cleaning up: the oldest jobs first, batch by batch, so that it may be stopped anywhere and begun again."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from store.capabilities import Feature
from store.capabilities.explaining import explained
from store.database import TimeLimits
from store.errors import Conflict, InvalidValue, Locked, StoreError, TimedOut
from store.model import JobStatus, PageKey
from store.retention import batch_size
from store.retention.model import FINISHED, Cleaned, Expired, ExpiredCount, RetentionAction
from store.statements import expired as statements
from store.statements import statistics
from store.store import Store
from store.writing import explain
from store.writing.written import Written

LIMITS = TimeLimits(statement=2.0, lock=0.2)
"""Of a batch. Whoever waits for one of its rows is not taken for a deadlock, which the server looks for after a second:
the batch has given up long before."""
COUNTING = TimeLimits(statement=60.0)
PAUSE_SECONDS = 0.2
"""After somebody else was in the way."""

_IN_THE_WAY = (TimedOut, Conflict, InvalidValue)
"""What a single job may cause: a lock, a trigger that takes its time or refuses, a foreign key."""
_COLLISIONS = ("40001", "40P01")
"""Of serializations and deadlocks, which pass."""


async def expired_since(
    store: Store,
    age: timedelta,
    *,
    statuses: Sequence[JobStatus] = FINISHED,
    project_id: UUID | None = None,
) -> Expired:
    """Those that are older by the server's clock."""
    (now,) = await store.database.read(store.actor, statistics.clock(None))
    wanted = tuple(status for status in JobStatus if status in statuses)
    return Expired(created_before=now - age, statuses=wanted, project_id=project_id)


async def count_expired(store: Store, expired: Expired) -> tuple[ExpiredCount, ...]:
    """By status, in the workflow's order."""
    async with explained(store.probed, store.actor, Feature.JOBS):
        rows = await store.database.read(store.actor, statements.count(expired), limits=COUNTING)
    return tuple(sorted(rows, key=lambda row: list(JobStatus).index(row.status)))


async def clean_up(store: Store, expired: Expired, action: RetentionAction) -> AsyncGenerator[Cleaned, None]:
    """What is done so far, again and again: whoever reads no further has stopped it.

    Jobs that others hold at the moment are left.
    """
    cleaned = Cleaned()
    for status in expired.statuses:
        size, after = batch_size.FIRST, None
        while True:
            begun = time.monotonic()
            batch = await _remove(store, expired, status, action, after=after, rows=size)
            if not batch.keys:
                break
            if batch.error is None:
                cleaned = replace(cleaned, done=cleaned.done + len(batch.keys))
                size = batch_size.next_size(size, time.monotonic() - begun)
                after = batch.keys[-1]
            elif len(batch.keys) > 1:
                size = batch_size.halved(len(batch.keys))
                await _let_pass(batch.error)
            else:
                (after,) = batch.keys
                if not isinstance(batch.error, Locked):
                    cleaned = _with_refused(cleaned, after.id, batch.error)
            yield cleaned


@dataclass(frozen=True, slots=True)
class _Batch:
    keys: Sequence[PageKey]
    """Of the jobs that were chosen; empty where there are no more."""
    error: StoreError | None = None
    """Why none of them was removed."""


async def _remove(
    store: Store, expired: Expired, status: JobStatus, action: RetentionAction, *, after: PageKey | None, rows: int
) -> _Batch:
    keys: list[PageKey] = []
    try:
        async with (
            explained(store.probed, store.actor, Feature.DELETING),
            store.database.write(store.actor, limits=LIMITS) as transaction,
        ):
            keys = await transaction.run(statements.lock(expired, status, after=after, rows=rows))
            if keys:
                ids = [key.id for key in keys]
                removed = set(await transaction.run(statements.remove(ids)))
                for job_id in ids:
                    if job_id not in removed:
                        raise explain.not_permitted(job_id)
                transaction.keep(Written(what=f"clean up: {action} {len(ids)} {status} jobs", touched=tuple(ids)))
    except _IN_THE_WAY as error:
        if not keys:
            raise
        return _Batch(keys, error)
    return _Batch(keys)


async def _let_pass(error: StoreError) -> None:
    if isinstance(error, TimedOut) or error.sqlstate in _COLLISIONS:
        await asyncio.sleep(PAUSE_SECONDS)


def _with_refused(cleaned: Cleaned, job_id: UUID, error: StoreError) -> Cleaned:
    refused = replace(cleaned, refused=cleaned.refused + 1)
    if cleaned.refused_id is not None:
        return refused
    return replace(refused, refused_id=job_id, refusal=error.message)
