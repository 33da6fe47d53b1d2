"""From a transition's outcome to its job, for callers to whom anything but success is an error."""

from typing import assert_never

from store.errors import RowMissing, TransitionRefused
from store.model import Applied, GenerationJob, JobStatus, Missing, Refused, TransitionOutcome
from store.transitions import why_refused


def applied_job(outcome: TransitionOutcome, new_status: JobStatus) -> GenerationJob:
    """The job as it is since. Raises TransitionRefused or RowMissing; `new_status` is what was asked for."""
    match outcome:
        case Applied(job=job):
            return job
        case Refused(current=current, allowed=allowed, job=job):
            raise TransitionRefused(job.id, current, allowed, why_refused(current, new_status))
        case Missing(job_id=job_id):
            raise RowMissing(f"There is no job {job_id}, or none that this user sees: nothing was changed.", (job_id,))
    assert_never(outcome)
