"""An outcome as a job, or as an error."""

import pytest

from store.errors import RowMissing, TransitionRefused
from store.jobs.job import JobStatus
from store.jobs.job_results import applied_job
from store.store import Store
from tests.store.support import NOTHING, Db


async def test_applied_job_returns_the_job_of_an_applied_transition(db: Db) -> None:
    job_id = db.make_job()

    outcome = await db.operator.transition_job_status(job_id, "running")

    assert applied_job(outcome, JobStatus.RUNNING).status is JobStatus.RUNNING


async def test_applied_job_raises_for_a_refused_transition(db: Db) -> None:
    job_id = db.make_job()
    outcome = await db.operator.transition_job_status(job_id, "succeeded")

    with pytest.raises(TransitionRefused, match="Only a running job can be completed; this one is queued") as refused:
        applied_job(outcome, JobStatus.SUCCEEDED)

    assert (refused.value.job_id, refused.value.current, refused.value.allowed) == (
        job_id,
        JobStatus.QUEUED,
        (JobStatus.RUNNING,),
    )


async def test_applied_job_raises_for_a_missing_job(operator: Store) -> None:
    outcome = await operator.transition_job_status(NOTHING, "running")

    with pytest.raises(RowMissing) as missing:
        applied_job(outcome, JobStatus.RUNNING)

    assert missing.value.ids == (NOTHING,)
