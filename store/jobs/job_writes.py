"""Job writes inside one transaction: create, transition, delete, retry."""

from collections.abc import Mapping, Sequence
from uuid import UUID, uuid4

from gjobs.store import validation
from gjobs.store.database.transactions import WriteTransaction
from gjobs.store.errors import InvalidValue
from gjobs.store.jobs import job_sql
from gjobs.store.jobs.job import AnyStatus, GenerationJob, JobStatus
from gjobs.store.jobs.job_results import (
    AlreadyRetried,
    Applied,
    Deleted,
    DeletionOutcome,
    Missing,
    Moved,
    Refused,
    Retried,
    RetryOutcome,
    TransitionOutcome,
)
from gjobs.store.jobs.job_sql import JobStatements, Rewritten
from gjobs.store.journal.write_record import WriteRecord
from gjobs.store.projects import project_sql

ATTEMPTS = 2
"""Attempts at a transition. A job may change to the right status just after it was found in a wrong one."""


async def create(
    transaction: WriteTransaction,
    jobs: JobStatements,
    *,
    project_id: UUID,
    mode: str,
    cost_cents: int,
    input_asset_id: UUID | None,
) -> GenerationJob:
    created = await transaction.run(
        jobs.create(project_id=project_id, mode=mode, cost_cents=cost_cents, input_asset_id=input_asset_id)
    )
    if len(created) == 1:
        transaction.record(WriteRecord(what="create job", after=tuple(created)))
        return created[0]
    if not await transaction.run(project_sql.by_id(project_id)):
        raise validation.no_project(project_id)
    if input_asset_id is not None and not await transaction.run(project_sql.one_of_project(input_asset_id, project_id)):
        raise InvalidValue("input_asset_id", f"The project has no asset {input_asset_id}.")
    raise validation.not_stored("job")


async def update_columns(
    transaction: WriteTransaction, jobs: JobStatements, job_id: UUID, changes: Mapping[str, object]
) -> GenerationJob:
    """Change the given columns. `changes` has column names."""
    changed = await transaction.run(jobs.change(job_id, changes))
    if len(changed) == 1:
        ((before, after),) = changed
        transaction.record(WriteRecord(what=f"change job: {', '.join(changes)}", before=(before,), after=(after,)))
        return after
    found = await transaction.run(jobs.these([job_id]))
    if not found:
        raise validation.no_jobs((job_id,))
    asset_id = changes.get("input_asset_id")
    if isinstance(asset_id, UUID) and not await transaction.run(
        project_sql.one_of_project(asset_id, found[0].project_id)
    ):
        raise InvalidValue("input_asset_id", f"The job's project has no asset {asset_id}.")
    raise validation.not_permitted(job_id)


async def transition(
    transaction: WriteTransaction,
    jobs: JobStatements,
    job_ids: Sequence[UUID],
    target: JobStatus,
    error: str | None,
) -> Mapping[UUID, TransitionOutcome]:
    """Change jobs to `target` and return each outcome. Jobs that may not change stay as they are."""
    moved: list[Rewritten] = []
    outcomes: dict[UUID, TransitionOutcome] = {}
    for _ in range(ATTEMPTS):
        pending = [job_id for job_id in job_ids if job_id not in outcomes]
        rewritten = await _transition(transaction, jobs, pending, target, error)
        moved += rewritten
        outcomes.update({after.id: Applied(job=after) for _, after in rewritten})
        pending = [job_id for job_id in pending if job_id not in outcomes]
        if not pending:
            break
        present = {job.id: job for job in await transaction.run(jobs.these(pending))}
        outcomes.update({job_id: Missing(job_id=job_id) for job_id in pending if job_id not in present})
        outcomes.update({job.id: _refused(job) for job in present.values() if target not in job.status.allowed})
    for job_id in job_ids:
        if job_id not in outcomes:
            raise validation.not_permitted(job_id)
    if moved:
        before, after = zip(*moved, strict=True)
        transaction.record(WriteRecord(what=f"transition {_jobs(len(moved))} to {target}", before=before, after=after))
    return outcomes


async def _transition(
    transaction: WriteTransaction,
    jobs: JobStatements,
    job_ids: Sequence[UUID],
    target: JobStatus,
    error: str | None,
) -> list[Rewritten]:
    changes = jobs.transition(job_ids, target, error)
    if not jobs.has_starts:
        return await transaction.run(changes)
    # RETURNING does not see the events of its own statement.
    rewritten, found = await transaction.run_together(changes, jobs.these(job_ids))
    present = {job.id: job for job in found}
    return [(before, present.get(after.id, after)) for before, after in rewritten]


def _refused(job: GenerationJob) -> Refused:
    return Refused(current=job.status, allowed=job.status.allowed, job=job)


async def delete(
    transaction: WriteTransaction, jobs: JobStatements, expected: Mapping[UUID, AnyStatus | None]
) -> Mapping[UUID, DeletionOutcome]:
    """Delete jobs and return each outcome. Jobs in another status than expected stay; None accepts any."""
    deleted = await transaction.run(jobs.remove(expected))
    outcomes: dict[UUID, DeletionOutcome] = {job.id: Deleted(job=job) for job in deleted}
    left = [job_id for job_id in expected if job_id not in outcomes]
    present = {job.id: job for job in await transaction.run(jobs.these(left))} if left else {}
    for job_id in left:
        if job_id not in present:
            outcomes[job_id] = Missing(job_id=job_id)
        elif expected[job_id] in (None, present[job_id].status):
            raise validation.not_permitted(job_id)
        else:
            outcomes[job_id] = Moved(job=present[job_id])
    if deleted:
        transaction.record(WriteRecord(what=f"delete {_jobs(len(deleted))}", before=tuple(deleted)))
    return outcomes


async def restore(
    transaction: WriteTransaction, jobs: JobStatements, deleted: Sequence[GenerationJob]
) -> tuple[GenerationJob, ...]:
    """Restore all of the jobs with all their values, or none."""
    restored = tuple(await transaction.run(jobs.restore(deleted)))
    ids = {job.id for job in restored}
    taken = [job.id for job in deleted if job.id not in ids]
    if taken:
        raise validation.id_taken(taken[0])
    transaction.record(WriteRecord(what=f"restore {_jobs(len(restored))}", after=restored))
    return restored


def _jobs(number: int) -> str:
    return "job" if number == 1 else f"{number} jobs"


async def retry_jobs_in(
    transaction: WriteTransaction, jobs: JobStatements, job_ids: Sequence[UUID], *, again: bool
) -> Mapping[UUID, RetryOutcome]:
    """Retry failed jobs and return each outcome. `again` also repeats jobs that were already retried."""
    failed = await transaction.run(job_sql.lock(job_ids))
    # A separate statement sees what was committed while the lock was awaited.
    retried = {} if again else dict(await transaction.run(job_sql.retries_of(failed)))
    outcomes: dict[UUID, RetryOutcome] = {
        job_id: AlreadyRetried(job_id=job_id, repeated_by=by) for job_id, by in retried.items()
    }
    new_ids = {job_id: uuid4() for job_id in failed if job_id not in outcomes}
    made = await _insert_retries(transaction, jobs, new_ids) if new_ids else {}
    outcomes |= {job_id: Retried(job=made[new_id], repeats=job_id) for job_id, new_id in new_ids.items()}
    left = [job_id for job_id in job_ids if job_id not in outcomes]
    present = {job.id: job for job in await transaction.run(jobs.these(left))} if left else {}
    for job_id in left:
        if job_id not in present:
            outcomes[job_id] = Missing(job_id=job_id)
        elif present[job_id].status is JobStatus.FAILED:
            raise validation.not_permitted(job_id)
        else:
            outcomes[job_id] = _refused(present[job_id])
    return outcomes


async def _insert_retries(
    transaction: WriteTransaction, jobs: JobStatements, new_ids: Mapping[UUID, UUID]
) -> Mapping[UUID, GenerationJob]:
    """Insert all of the retries with their links, or none. Return them by id."""
    made = {job.id: job for job in await transaction.run(jobs.repeat(new_ids))}
    linked = await transaction.run(job_sql.insert_links(new_ids))
    if made.keys() != set(new_ids.values()) or set(linked) != made.keys():
        raise validation.not_stored("job")
    transaction.record(
        WriteRecord(what=f"retry {_jobs(len(made))}", after=tuple(made.values()), repeats=tuple(new_ids))
    )
    return made
