"""Jobs made from rows, without their constructors, equal those that the constructors make."""

from dataclasses import FrozenInstanceError, replace

import pytest

from gjobs.store.jobs.job import GenerationJob, JobStatus, ListedJob
from gjobs.store.jobs.job_sql import make_job, make_listed
from tests.store.store_fixtures import NOW, a_job

JOB = a_job(status=JobStatus.FAILED, error="Out of paper")


def row(*, status: str = "failed", error: str | None = "Out of paper") -> tuple[object, ...]:
    return JOB.id, JOB.user_id, JOB.project_id, status, "lifestyle", None, error, 250, NOW, NOW


def test_rows_become_jobs_and_listed_jobs() -> None:
    job = make_job(row())
    assert job == JOB
    assert type(job) is GenerationJob
    assert repr(job) == repr(JOB)
    assert hash(job) == hash(JOB)
    later_revision = make_job((*row(), 2, NOW))
    assert later_revision == replace(JOB, retry_count=2, completed_at=NOW)

    listed = make_listed(row())
    assert type(listed) is ListedJob
    assert replace(listed, error=None) == make_listed(row(error=None))
    assert not listed.is_error_cut


@pytest.mark.parametrize("job", [make_job(row()), make_listed(row())])
def test_jobs_made_from_rows_are_frozen(job: GenerationJob) -> None:
    with pytest.raises(FrozenInstanceError):
        job.cost_cents = 0  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del job.error
