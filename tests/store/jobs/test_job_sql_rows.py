"""Jobs made from rows, without their constructors, equal those that the constructors make."""

from dataclasses import FrozenInstanceError, fields, replace
from typing import get_args

import pytest

from gjobs.store.jobs.job import GenerationJob, JobStatus, ListedJob
from gjobs.store.jobs.job_results import PastField
from gjobs.store.jobs.job_sql import COLUMN_SETS, make_job, make_listed
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


def test_columns_are_read_in_the_order_of_the_fields_and_each_may_be_unrecorded() -> None:
    names = [field.name for field in fields(GenerationJob)]
    for name, columns in COLUMN_SETS.items():
        assert [column.name for column in columns] == names[: len(columns)], name
    assert set(get_args(PastField)) == {*names} - {"id", "started_at"}


@pytest.mark.parametrize("job", [make_job(row()), make_listed(row())])
def test_jobs_made_from_rows_are_frozen(job: GenerationJob) -> None:
    with pytest.raises(FrozenInstanceError):
        job.cost_cents = 0  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del job.error
