"""What is seen between two looks, where nothing is recorded."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from store.jobs.job import GenerationJob, JobStatus
from store.watch.watch import Look, observed

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


def look(*jobs: GenerationJob, at: datetime = NOON) -> Look:
    return Look(at=at, jobs={job.id: job for job in jobs})


def changes(
    former: Look, *jobs: GenerationJob, asked: tuple[UUID, ...] = ()
) -> list[tuple[int, str | None, str | None]]:
    told = observed(former, look(*jobs, at=LATER), asked)
    assert {one.at for one in told} <= {LATER}
    return [(one.job_id.int, one.from_status, one.to_status) for one in told]


def test_nothing_changed() -> None:
    assert changes(look(JOB), JOB) == []


def test_what_is_touched_and_stays_what_it_was_is_no_change() -> None:
    assert changes(look(JOB), replace(JOB, cost_cents=9, updated_at=LATER)) == []


def test_changes_come_in_the_order_in_which_they_were_made() -> None:
    first = replace(JOB, status=JobStatus.RUNNING, updated_at=NOON + timedelta(seconds=1))
    second = replace(JOB, id=UUID(int=2), status=JobStatus.FAILED, updated_at=NOON)
    was = replace(second, status=JobStatus.RUNNING)
    assert changes(look(JOB, was), first, second) == [(2, "running", "failed"), (1, "queued", "running")]


def test_a_step_between_two_others_is_missed() -> None:
    assert changes(look(JOB), replace(JOB, status=JobStatus.SUCCEEDED)) == [(1, "queued", "succeeded")]


def test_a_new_job_is_one_that_was_made_since_whenever_that_was_committed() -> None:
    new = replace(JOB, created_at=NOON + timedelta(seconds=1))
    late = replace(JOB, id=UUID(int=2), created_at=NOON - timedelta(seconds=30))
    assert changes(look(), new, late) == [(1, None, "queued"), (2, None, "queued")]


def test_a_job_that_comes_into_sight_because_others_are_gone_is_none() -> None:
    assert changes(look(), JOB) == []


def test_what_was_looked_for_and_is_not_there_was_deleted() -> None:
    ended = replace(JOB, id=UUID(int=2), status=JobStatus.FAILED)
    former = look(JOB, replace(ended, status=JobStatus.RUNNING))
    assert changes(former, ended, asked=(JOB.id, ended.id)) == [(2, "running", "failed"), (1, "queued", None)]
