"""What is seen between two looks, where nothing is recorded."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from store.jobs.job import GenerationJob, JobStatus
from store.watch.watch import JobsAtPoll, transitions_between
from tests.store.support import NOW, a_job

LATER = NOW + timedelta(seconds=2)

JOB = a_job(created_at=NOW - timedelta(hours=1), updated_at=NOW - timedelta(hours=1))


def look(*jobs: GenerationJob, at: datetime = NOW) -> JobsAtPoll:
    return JobsAtPoll(at=at, jobs={job.id: job for job in jobs})


def changes(
    former: JobsAtPoll, *jobs: GenerationJob, asked: tuple[UUID, ...] = ()
) -> list[tuple[int, str | None, str | None]]:
    told = transitions_between(former, look(*jobs, at=LATER), asked)
    assert {one.at for one in told} <= {LATER}
    return [(one.job_id.int, one.from_status, one.to_status) for one in told]


@pytest.mark.parametrize(
    ("former", "job", "expected"),
    [
        pytest.param([JOB], JOB, [], id="unchanged"),
        pytest.param([JOB], replace(JOB, cost_cents=9, updated_at=LATER), [], id="update without a status change"),
        pytest.param(
            [JOB], replace(JOB, status=JobStatus.SUCCEEDED), [(1, "queued", "succeeded")], id="missed one between"
        ),
        pytest.param([], JOB, [], id="old job that appears when others are gone"),
    ],
)
def test_only_a_changed_status_is_a_transition(
    former: list[GenerationJob], job: GenerationJob, expected: object
) -> None:
    assert changes(look(*former), job) == expected


def test_transitions_are_ordered_by_update_time() -> None:
    first = replace(JOB, status=JobStatus.RUNNING, updated_at=NOW + timedelta(seconds=1))
    second = replace(JOB, id=UUID(int=2), status=JobStatus.FAILED, updated_at=NOW)
    was = replace(second, status=JobStatus.RUNNING)
    assert changes(look(JOB, was), first, second) == [(2, "running", "failed"), (1, "queued", "running")]


def test_job_created_between_two_polls_is_new_even_if_committed_late() -> None:
    new = replace(JOB, created_at=NOW + timedelta(seconds=1))
    late = replace(JOB, id=UUID(int=2), created_at=NOW - timedelta(seconds=30))
    assert changes(look(), new, late) == [(1, None, "queued"), (2, None, "queued")]


def test_queried_job_that_is_not_found_was_deleted() -> None:
    ended = replace(JOB, id=UUID(int=2), status=JobStatus.FAILED)
    former = look(JOB, replace(ended, status=JobStatus.RUNNING))
    assert changes(former, ended, asked=(JOB.id, ended.id)) == [(2, "running", "failed"), (1, "queued", None)]
