"""Cleaning up: old jobs are put away or deleted, the oldest first. Whoever works on one at the moment keeps it."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import timedelta
from functools import partial
from uuid import UUID

from store.capabilities import Feature
from store.capabilities.facts import LEASES
from store.database import TimeLimits, WriteTransaction
from store.model import JobStatus, PageKey
from store.retention.batches import IN_THE_WAY, LIMITS, Batch, in_batches
from store.retention.model import FINISHED, Expired, Progress, RetentionAction, StatusCount
from store.statements import archive, statistics
from store.statements import expired as statements
from store.store import Store
from store.writing import explain
from store.writing.written import Written

COUNTING = TimeLimits(statement=60.0)

NEEDS = {RetentionAction.ARCHIVE: Feature.ARCHIVING, RetentionAction.DELETE: Feature.DELETING}


async def expired_since(
    store: Store,
    age: timedelta,
    *,
    statuses: Sequence[JobStatus] = FINISHED,
    project_id: UUID | None = None,
    spares_policies: bool = False,
) -> Expired:
    """Those that are older by the server's clock."""
    (now,) = await store.reach.read(statistics.clock(None))
    return Expired(
        created_before=now - age,
        statuses=tuple(status for status in JobStatus if status in statuses),
        project_id=project_id,
        spares_policies=spares_policies,
    )


async def count_expired(store: Store, expired: Expired) -> tuple[StatusCount, ...]:
    """By status, in the workflow's order."""
    rows = await store.reach.read(statements.count(expired), limits=COUNTING)
    return tuple(sorted(rows, key=lambda row: list(JobStatus).index(row.status)))


async def clean_up(store: Store, expired: Expired, action: RetentionAction) -> AsyncGenerator[Progress, None]:
    """What is done so far, again and again: whoever reads no further has stopped it. What is left can be gone on with.

    Jobs that others hold at the moment are left, by a lock or by a lease that has not expired.
    """
    has_leases = LEASES in (await store.probed.get()).facts.relations
    progress = Progress()
    for status in expired.statuses:
        of_leases = has_leases and status is JobStatus.RUNNING
        take = partial(_take, store, expired, status, action, of_leases)
        async with aclosing(in_batches(take, progress)) as steps:
            async for progress in steps:
                yield progress


async def _take(
    store: Store,
    expired: Expired,
    status: JobStatus,
    action: RetentionAction,
    of_leases: bool,
    after: PageKey | None,
    rows: int,
) -> Batch:
    keys: list[PageKey] = []
    try:
        async with store.reach.write(NEEDS[action], limits=LIMITS) as transaction:
            keys = await transaction.run(statements.lock(expired, status, after=after, rows=rows))
            job_ids = [key.id for key in keys]
            if job_ids and of_leases:
                # Now that they are locked: nobody else takes a lease of one of them before this ends.
                leased = set(await transaction.run(statements.leased(job_ids)))
                job_ids = [job_id for job_id in job_ids if job_id not in leased]
            if job_ids:
                await _remove(transaction, job_ids, action)
                transaction.keep(Written(what=f"{action} old {status} jobs", touched=tuple(job_ids)))
    except IN_THE_WAY as error:
        if not keys:
            raise
        return Batch(keys, error=error)
    return Batch(keys, done=len(job_ids))


async def _remove(transaction: WriteTransaction, job_ids: Sequence[UUID], action: RetentionAction) -> None:
    remove = archive.put_away if action is RetentionAction.ARCHIVE else statements.remove
    removed = set(await transaction.run(remove(job_ids)))
    for job_id in job_ids:
        if job_id not in removed:
            raise explain.not_permitted(job_id)
