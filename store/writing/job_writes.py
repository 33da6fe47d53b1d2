"""What each write does within its transaction: one guarded statement, then what is kept of it, or why nothing is.

`jobs` are the statements for the database's table.

What a statement did not change is looked at in the same transaction. Nothing is committed that was not kept by name.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from store.database import WriteTransaction
from store.errors import InvalidValue
from store.model import (
    Applied,
    Deleted,
    DeletionOutcome,
    GenerationJob,
    JobStatus,
    Missing,
    Moved,
    Refused,
    TransitionOutcome,
)
from store.statements import assets, projects
from store.statements.jobs import JobStatements, Rewritten
from store.transitions import allowed
from store.writing import explain
from store.writing.written import Written

ATTEMPTS = 2
"""Of a transition that finds a job elsewhere, and then where it should have been: it has moved in between."""


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
        transaction.keep(Written(what="create job", after=tuple(created)))
        return created[0]
    if not await transaction.run(projects.by_id(project_id)):
        raise explain.no_project(project_id)
    if input_asset_id is not None and not await transaction.run(assets.one_of_project(input_asset_id, project_id)):
        raise InvalidValue("input_asset_id", f"The project has no asset {input_asset_id}.")
    raise explain.not_stored("job")


async def change(
    transaction: WriteTransaction, jobs: JobStatements, job_id: UUID, changes: Mapping[str, object]
) -> GenerationJob:
    """`changes` has column names."""
    changed = await transaction.run(jobs.change(job_id, changes))
    if len(changed) == 1:
        ((before, after),) = changed
        transaction.keep(Written(what=f"change job: {', '.join(changes)}", before=(before,), after=(after,)))
        return after
    found = await transaction.run(jobs.one(job_id))
    if not found:
        raise explain.no_jobs((job_id,))
    asset_id = changes.get("input_asset_id")
    if isinstance(asset_id, UUID) and not await transaction.run(assets.one_of_project(asset_id, found[0].project_id)):
        raise InvalidValue("input_asset_id", f"The job's project has no asset {asset_id}.")
    raise explain.not_permitted(job_id)


async def transition(
    transaction: WriteTransaction,
    jobs: JobStatements,
    job_ids: Sequence[UUID],
    target: JobStatus,
    error: str | None,
) -> Mapping[UUID, TransitionOutcome]:
    """Of each job; those that may not become `target` are left."""
    moved: list[Rewritten] = []
    outcomes: dict[UUID, TransitionOutcome] = {}
    for _ in range(ATTEMPTS):
        pending = [job_id for job_id in job_ids if job_id not in outcomes]
        rewritten = await transaction.run(jobs.transition(pending, target, error))
        moved += rewritten
        outcomes.update({after.id: Applied(job=after) for _, after in rewritten})
        pending = [job_id for job_id in pending if job_id not in outcomes]
        if not pending:
            break
        present = {job.id: job for job in await transaction.run(jobs.these(pending))}
        outcomes.update({job_id: Missing(job_id=job_id) for job_id in pending if job_id not in present})
        outcomes.update({job.id: _refused(job) for job in present.values() if target not in allowed(job.status)})
    for job_id in job_ids:
        if job_id not in outcomes:
            raise explain.not_permitted(job_id)
    if moved:
        before, after = zip(*moved, strict=True)
        transaction.keep(Written(what=f"transition {_jobs(len(moved))} to {target}", before=before, after=after))
    return outcomes


def _refused(job: GenerationJob) -> Refused:
    return Refused(current=job.status, allowed=allowed(job.status), job=job)


async def delete(
    transaction: WriteTransaction, jobs: JobStatements, expected: Mapping[UUID, JobStatus | None]
) -> Mapping[UUID, DeletionOutcome]:
    """Of each job; those in another status than the one expected (None: any) are left."""
    deleted = await transaction.run(jobs.remove(expected))
    outcomes: dict[UUID, DeletionOutcome] = {job.id: Deleted(job=job) for job in deleted}
    left = [job_id for job_id in expected if job_id not in outcomes]
    present = {job.id: job for job in await transaction.run(jobs.these(left))} if left else {}
    for job_id in left:
        if job_id not in present:
            outcomes[job_id] = Missing(job_id=job_id)
        elif expected[job_id] in (None, present[job_id].status):
            raise explain.not_permitted(job_id)
        else:
            outcomes[job_id] = Moved(job=present[job_id])
    if deleted:
        transaction.keep(Written(what=f"delete {_jobs(len(deleted))}", before=tuple(deleted)))
    return outcomes


async def restore(
    transaction: WriteTransaction, jobs: JobStatements, deleted: Sequence[GenerationJob]
) -> tuple[GenerationJob, ...]:
    """All of them with all that they held, or none."""
    restored = tuple(await transaction.run(jobs.restore(deleted)))
    ids = {job.id for job in restored}
    taken = [job.id for job in deleted if job.id not in ids]
    if taken:
        raise explain.id_taken(taken[0])
    transaction.keep(Written(what=f"restore {_jobs(len(restored))}", after=restored))
    return restored


def _jobs(number: int) -> str:
    return "job" if number == 1 else f"{number} jobs"
