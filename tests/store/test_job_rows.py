"""Jobs are made of rows by a short cut, and are what their own constructors make."""

from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from store.errors import UnexpectedError
from store.jobs.job import ERROR_CHARACTERS, GenerationJob, JobStatus, ListedJob
from store.jobs.job_sql import make_job, make_listed

MADE = datetime(2026, 11, 24, 12, tzinfo=UTC)

JOB = GenerationJob(
    id=UUID(int=1),
    user_id=UUID(int=2),
    project_id=UUID(int=3),
    status=JobStatus.FAILED,
    mode="lifestyle",
    input_asset_id=None,
    error="Out of paper",
    cost_cents=250,
    created_at=MADE,
    updated_at=MADE,
)


def row(*, status: str = "failed", error: str | None = "Out of paper") -> tuple[object, ...]:
    return UUID(int=1), UUID(int=2), UUID(int=3), status, "lifestyle", None, error, 250, MADE, MADE


def test_make_job_reads_the_columns_of_later_revisions() -> None:
    assert make_job((*row(), 2, MADE)) == replace(JOB, retry_count=2, completed_at=MADE)


def test_make_job_returns_the_same_as_the_constructor() -> None:
    job = make_job(row())
    assert job == JOB
    assert type(job) is GenerationJob
    assert repr(job) == repr(JOB)
    assert hash(job) == hash(JOB)


def test_make_listed_returns_a_listed_job() -> None:
    job = make_listed(row())
    assert type(job) is ListedJob
    assert replace(job, error=None) == make_listed(row(error=None))
    assert not job.is_error_cut


@pytest.mark.parametrize(("length", "is_cut"), [(ERROR_CHARACTERS, False), (ERROR_CHARACTERS + 1, True)])
def test_listed_job_keeps_only_the_beginning_of_a_long_error(length: int, is_cut: bool) -> None:
    job = make_listed(row(error="x" * length))
    assert job.is_error_cut is is_cut
    assert job.error == "x" * ERROR_CHARACTERS


@pytest.mark.parametrize("job", [make_job(row()), make_listed(row())])
def test_jobs_made_from_rows_are_frozen(job: GenerationJob) -> None:
    with pytest.raises(FrozenInstanceError):
        job.cost_cents = 0  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del job.error


def test_unknown_status_in_a_row_is_an_unexpected_error() -> None:
    with pytest.raises(UnexpectedError, match="'cancelled', which is none of queued"):
        make_job(row(status="cancelled"))
