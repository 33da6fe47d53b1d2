"""A failed job is final: to run it once more, a new job is queued that names it."""

from collections.abc import Mapping, Sequence
from uuid import UUID, uuid4

from store.database import WriteTransaction
from store.model import (
    AlreadyRepeated,
    GenerationJob,
    JobStatus,
    Missing,
    Refused,
    Repeated,
    RetryOutcome,
)
from store.statements import links
from store.statements.jobs import JobStatements
from store.transitions import allowed
from store.writing import explain
from store.writing.written import Written


async def repeat(
    transaction: WriteTransaction, jobs: JobStatements, job_ids: Sequence[UUID], *, again: bool
) -> Mapping[UUID, RetryOutcome]:
    """Of each job; `again` repeats those, too, that another job repeats by now."""
    failed = await transaction.run(links.lock(job_ids))
    # In a statement of its own, which sees what was committed while the lock was waited for.
    repeated = {} if again else {link.repeats: link.job_id for link in await transaction.run(links.repetitions(failed))}
    outcomes: dict[UUID, RetryOutcome] = {
        job_id: AlreadyRepeated(job_id=job_id, repeated_by=by) for job_id, by in repeated.items()
    }
    new_ids = {job_id: uuid4() for job_id in failed if job_id not in outcomes}
    made = await _made(transaction, new_ids) if new_ids else {}
    outcomes |= {job_id: Repeated(job=made[new_id], repeats=job_id) for job_id, new_id in new_ids.items()}
    left = [job_id for job_id in job_ids if job_id not in outcomes]
    present = {job.id: job for job in await transaction.run(jobs.these(left))} if left else {}
    for job_id in left:
        if job_id not in present:
            outcomes[job_id] = Missing(job_id=job_id)
        elif present[job_id].status is JobStatus.FAILED:
            raise explain.not_permitted(job_id)
        else:
            status = present[job_id].status
            outcomes[job_id] = Refused(current=status, allowed=allowed(status), job=present[job_id])
    return outcomes


async def _made(transaction: WriteTransaction, new_ids: Mapping[UUID, UUID]) -> Mapping[UUID, GenerationJob]:
    """By their ids: all of them, each with its link, or none."""
    made = {job.id: job for job in await transaction.run(links.repeat(new_ids))}
    linked = await transaction.run(links.link(new_ids))
    if made.keys() != set(new_ids.values()) or set(linked) != made.keys():
        raise explain.not_stored("job")
    what = "job" if len(made) == 1 else f"{len(made)} jobs"
    transaction.keep(Written(what=f"retry {what}", after=tuple(made.values())))
    return made
