"""The judge sees each thing that must not be, and nothing where all is well."""

from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from tests.chaos.final_state import Event, Job, Record
from tests.chaos.job_modes import ATTEMPTS
from tests.chaos.recorder import HandlerEvent, HandlerRecord, HandlerRecords
from tests.chaos.verdict import judge

PLAIN, TAKEN, RETRIED, BROKEN, GIVEN_UP = (UUID(int=number) for number in range(1, 6))

STRANGE = UUID(int=99)


def by(worker: int, job: UUID, kind: str, **more: str | None) -> Event:
    """Of a worker that holds the job."""
    return Event(
        **{  # type: ignore[arg-type]
            "job_id": job,
            "kind": kind,
            "lease_owner": f"id-{worker}",
            "application": f"worker-{worker}",
            **more,
        }
    )


def created(job: UUID) -> Event:
    return Event(job_id=job, kind="created", to_status="queued", application="app")


def claimed(job: UUID, worker: int) -> Event:
    return by(worker, job, "status", from_status="queued", to_status="running")


def taken(job: UUID, worker: int, attempt: int) -> Event:
    return by(worker, job, "owner", note=f"attempt {attempt}")


def ended(job: UUID, worker: int, status: str = "succeeded") -> Event:
    return by(worker, job, "status", from_status="running", to_status=status)


def saw(job: UUID, worker: int, attempt: int, *sights: HandlerEvent) -> list[HandlerRecord]:
    return [
        HandlerRecord(
            job_id=job,
            attempt=attempt,
            worker=f"worker-{worker}",
            handler_event=handler_event,
            cost_cents=10 if handler_event is HandlerEvent.RETURNED else None,
        )
        for handler_event in sights
    ]


BEGAN, RETURNED, RAISED = HandlerEvent

COURSES = {
    PLAIN: [created(PLAIN), claimed(PLAIN, 1), ended(PLAIN, 1)],
    TAKEN: [created(TAKEN), claimed(TAKEN, 1), taken(TAKEN, 2, 2), by(2, TAKEN, "progress"), ended(TAKEN, 2)],
    RETRIED: [
        created(RETRIED),
        claimed(RETRIED, 1),
        by(1, RETRIED, "cost"),
        by(1, RETRIED, "retry"),
        taken(RETRIED, 1, 2),
        ended(RETRIED, 1),
    ],
    BROKEN: [created(BROKEN), claimed(BROKEN, 2), ended(BROKEN, 2, "failed")],
    GIVEN_UP: [
        created(GIVEN_UP),
        claimed(GIVEN_UP, 1),
        *(taken(GIVEN_UP, 1, attempt) for attempt in range(2, ATTEMPTS + 2)),
        ended(GIVEN_UP, 1, "failed"),
    ],
}

WELL = Record(
    queued=list(COURSES),
    jobs=[Job(id=job, status="failed" if job in (BROKEN, GIVEN_UP) else "succeeded", cost_cents=10) for job in COURSES],
    events=[event for replay in COURSES.values() for event in replay],
    leased=[],
    seen=[
        *saw(PLAIN, 1, 1, BEGAN, RETURNED),
        *saw(TAKEN, 1, 1, BEGAN),
        *saw(TAKEN, 2, 2, BEGAN, RETURNED),
        *saw(RETRIED, 1, 1, BEGAN, RAISED),
        *saw(RETRIED, 1, 2, BEGAN, RETURNED),
        *saw(BROKEN, 2, 1, BEGAN, RAISED),
        *saw(GIVEN_UP, 1, 1, BEGAN),
    ],
)


def without(job: UUID) -> Record:
    return replace(WELL, events=[event for event in WELL.events if event.job_id != job])


def with_course(job: UUID, *events: Event) -> Record:
    """In place of what happened to it."""
    return replace(without(job), events=[*without(job).events, *events])


def with_seen(*seen: HandlerRecord) -> Record:
    return replace(WELL, seen=[*WELL.seen, *seen])


def with_job(job: UUID, **changes: str | int) -> Record:
    return replace(WELL, jobs=[replace(one, **changes) if one.id == job else one for one in WELL.jobs])  # type: ignore[arg-type]


def test_judge_finds_no_violations_in_a_correct_record_and_counts_it() -> None:
    verdict = judge(WELL)
    assert verdict.violations == []
    assert (verdict.succeeded, verdict.failed, verdict.given_up) == (3, 2, 1)
    assert (verdict.attempts, verdict.begun) == (6 + ATTEMPTS, 7)
    assert (verdict.taken_over, verdict.retried) == (1 + ATTEMPTS, 1)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (replace(WELL, jobs=WELL.jobs[1:]), "it is lost"),
        (replace(WELL, queued=WELL.queued[1:]), "nobody queued it"),
        (with_job(PLAIN, status="running"), "it is running still"),
        (with_job(PLAIN, status="failed"), "it is failed, and succeeded by its events"),
        (replace(WELL, leased=[PLAIN]), "somebody holds it still"),
        (with_course(PLAIN, *COURSES[PLAIN], ended(PLAIN, 1)), "status came after it had ended"),
        (with_course(PLAIN, *COURSES[PLAIN], by(1, PLAIN, "deleted")), "deleted is nothing that a worker does"),
        (with_course(PLAIN, created(PLAIN), created(PLAIN), *COURSES[PLAIN][1:]), "created as queued, queued before"),
        (with_course(PLAIN, created(PLAIN), ended(PLAIN, 1)), "from running to succeeded, being queued"),
        (with_course(PLAIN, *COURSES[PLAIN][:2], ended(PLAIN, 2)), "what Holder(owner='id-1', worker='worker-1') held"),
        (
            with_course(PLAIN, *COURSES[PLAIN][:2], replace(ended(PLAIN, 1), application="worker-2")),
            "Holder(owner='id-1', worker='worker-2') ended as succeeded",
        ),
        (with_course(TAKEN, *COURSES[TAKEN][:3], ended(TAKEN, 1)), "what Holder(owner='id-2'"),
        (
            with_course(RETRIED, *COURSES[RETRIED][:2], by(2, RETRIED, "cost"), *COURSES[RETRIED][3:]),
            "told the cost of",
        ),
        (with_course(RETRIED, *COURSES[RETRIED][:4], ended(RETRIED, 1)), "what nobody held"),
        (with_course(TAKEN, *COURSES[TAKEN][:2], *COURSES[TAKEN][4:]), "what Holder(owner='id-1'"),
        (
            with_course(TAKEN, *COURSES[TAKEN][:2], taken(TAKEN, 2, 3), ended(TAKEN, 2)),
            "attempt 3 came after attempt 1",
        ),
        (
            with_course(PLAIN, created(PLAIN), replace(claimed(PLAIN, 1), lease_owner=None), ended(PLAIN, 1)),
            "attempt 1 is nobody's",
        ),
        (with_seen(*saw(PLAIN, 2, 2, BEGAN)), "worker='worker-2') was made, and stands in no event"),
        (with_seen(*saw(PLAIN, 1, 1, BEGAN)), "was made 2 times"),
        (with_seen(*saw(GIVEN_UP, 1, ATTEMPTS + 1, BEGAN)), "beyond the limit"),
        (replace(WELL, seen=[one for one in WELL.seen if one.job_id != PLAIN]), "of which no handler returned"),
        (replace(WELL, seen=[one for one in WELL.seen if one.job_id != BROKEN]), "of which no handler raised"),
        (with_job(PLAIN, cost_cents=11), "it cost 11, and 10 by its handler"),
    ],
)
def test_judge_reports_each_kind_of_violation(record: Record, words: str) -> None:
    assert [violation for violation in judge(record).violations if words in violation] != []


@pytest.mark.parametrize("seen", WELL.seen)
def test_recorded_observation_reads_back_as_it_was_written(seen: HandlerRecord) -> None:
    assert HandlerRecord.of(seen.line()) == seen


def test_partial_recorder_line_is_read_once_it_is_complete(tmp_path: Path) -> None:
    handler_records = HandlerRecords(tmp_path / "witness")
    text = "".join(f"{seen.line()}\n" for seen in WELL.seen)
    with (tmp_path / "witness").open("a") as file:
        for part in (text[:50], text[50:200], text[200:]):
            file.write(part)
            file.flush()
            handler_records.read_on()
    handler_records.close()
    assert handler_records.seen == WELL.seen
    assert handler_records.ended == 5
