"""What is seen between two looks, where nothing is recorded."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from store.jobs.job import GenerationJob, JobStatus
from store.watch.watch import JobsAtPoll, transitions_between

NOON = datetime(2026, 1, 4, 12, tzinfo=UTC)

LATER = NOON + timedelta(seconds=2)

JOB = GenerationJob(
    id=UUID(int=1),
    user_id=UUID(int=0xA0),
    project_id=UUID(int=0xA1),
    status=JobStatus.QUEUED,
    mode="lifestyle",
    input_asset_id=None,
    error=None,
    cost_cents=5,
    created_at=NOON - timedelta(hours=1),
    updated_at=NOON - timedelta(hours=1),
)


def look(*jobs: GenerationJob, at: datetime = NOON) -> JobsAtPoll:
    return JobsAtPoll(at=at, jobs={job.id: job for job in jobs})


def changes(
    former: JobsAtPoll, *jobs: GenerationJob, asked: tuple[UUID, ...] = ()
) -> list[tuple[int, str | None, str | None]]:
    told = transitions_between(former, look(*jobs, at=LATER), asked)
    assert {one.at for one in told} <= {LATER}
    return [(one.job_id.int, one.from_status, one.to_status) for one in told]


def test_unchanged_jobs_cause_no_transitions() -> None:
    assert changes(look(JOB), JOB) == []


def test_update_without_a_status_change_is_no_transition() -> None:
    assert changes(look(JOB), replace(JOB, cost_cents=9, updated_at=LATER)) == []


def test_transitions_are_ordered_by_update_time() -> None:
    first = replace(JOB, status=JobStatus.RUNNING, updated_at=NOON + timedelta(seconds=1))
    second = replace(JOB, id=UUID(int=2), status=JobStatus.FAILED, updated_at=NOON)
    was = replace(second, status=JobStatus.RUNNING)
    assert changes(look(JOB, was), first, second) == [(2, "running", "failed"), (1, "queued", "running")]


def test_intermediate_status_between_two_polls_is_missed() -> None:
    assert changes(look(JOB), replace(JOB, status=JobStatus.SUCCEEDED)) == [(1, "queued", "succeeded")]


def test_job_created_between_two_polls_is_new_even_if_committed_late() -> None:
    new = replace(JOB, created_at=NOON + timedelta(seconds=1))
    late = replace(JOB, id=UUID(int=2), created_at=NOON - timedelta(seconds=30))
    assert changes(look(), new, late) == [(1, None, "queued"), (2, None, "queued")]


def test_old_job_that_appears_when_others_are_gone_is_not_new() -> None:
    assert changes(look(), JOB) == []


def test_queried_job_that_is_not_found_was_deleted() -> None:
    ended = replace(JOB, id=UUID(int=2), status=JobStatus.FAILED)
    former = look(JOB, replace(ended, status=JobStatus.RUNNING))
    assert changes(former, ended, asked=(JOB.id, ended.id)) == [(2, "running", "failed"), (1, "queued", None)]
