"""The verdict on a run reports each kind of violation, and none for a correct run."""

from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from tests.chaos.final_state import Event, Job, Record
from tests.chaos.job_modes import ATTEMPTS
from tests.chaos.recorder import HandlerEvent, HandlerRecord, HandlerRecords
from tests.chaos.verdict import judge

PLAIN, TAKEN, RETRIED, BROKEN, LOST_TOO_OFTEN = (UUID(int=number) for number in range(1, 6))

STRANGE = UUID(int=99)

AT, LEASE = 1_000_000.0, 2.0
"""When each handler ran, and the duration of a lease, in seconds."""


def by(worker: int, job: UUID, kind: str, **more: str | None) -> Event:
    """Return an event of the worker that holds the job."""
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
            at=AT,
            cost_cents=10 if handler_event is HandlerEvent.RETURNED else None,
        )
        for handler_event in sights
    ]


BEGAN, RETURNED, RAISED = HandlerEvent

EVENTS = {
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
    LOST_TOO_OFTEN: [
        created(LOST_TOO_OFTEN),
        claimed(LOST_TOO_OFTEN, 1),
        *(taken(LOST_TOO_OFTEN, 1, attempt) for attempt in range(2, ATTEMPTS + 2)),
        ended(LOST_TOO_OFTEN, 1, "failed"),
    ],
}

CORRECT = Record(
    queued=list(EVENTS),
    jobs=[
        Job(id=job, status="failed" if job in (BROKEN, LOST_TOO_OFTEN) else "succeeded", cost_cents=10)
        for job in EVENTS
    ],
    events=[event for replay in EVENTS.values() for event in replay],
    leased=[],
    seen=[
        *saw(PLAIN, 1, 1, BEGAN, RETURNED),
        *saw(TAKEN, 1, 1, BEGAN),
        *saw(TAKEN, 2, 2, BEGAN, RETURNED),
        *saw(RETRIED, 1, 1, BEGAN, RAISED),
        *saw(RETRIED, 1, 2, BEGAN, RETURNED),
        *saw(BROKEN, 2, 1, BEGAN, RAISED),
        *saw(LOST_TOO_OFTEN, 1, 1, BEGAN),
    ],
    crashes=[AT + 60.0],
    lease=LEASE,
)


def without(job: UUID) -> Record:
    return replace(CORRECT, events=[event for event in CORRECT.events if event.job_id != job])


def with_events(job: UUID, *events: Event) -> Record:
    """Return the correct record with other events of a job."""
    return replace(without(job), events=[*without(job).events, *events])


def with_seen(*seen: HandlerRecord) -> Record:
    return replace(CORRECT, seen=[*CORRECT.seen, *seen])


def with_job(job: UUID, **changes: str | int) -> Record:
    return replace(CORRECT, jobs=[replace(one, **changes) if one.id == job else one for one in CORRECT.jobs])  # type: ignore[arg-type]


def test_judge_counts_a_correct_record_and_finds_no_violation() -> None:
    verdict = judge(CORRECT)
    assert verdict.violations == []
    assert (verdict.succeeded, verdict.failed, verdict.lost_too_often) == (3, 2, 1)
    assert (verdict.attempts, verdict.begun) == (6 + ATTEMPTS, 7)
    assert (verdict.taken_over, verdict.retried) == (1 + ATTEMPTS, 1)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (replace(CORRECT, jobs=CORRECT.jobs[1:]), "it is lost"),
        (replace(CORRECT, queued=CORRECT.queued[1:]), "nobody queued it"),
        (with_job(PLAIN, status="running"), "it is still running"),
        (with_job(PLAIN, status="failed"), "it is failed, but succeeded by its events"),
        (replace(CORRECT, leased=[PLAIN]), "it still has a lease"),
        (with_events(PLAIN, *EVENTS[PLAIN], ended(PLAIN, 1)), "status came after the end of the job"),
        (with_events(PLAIN, *EVENTS[PLAIN], by(1, PLAIN, "deleted")), "deleted is not an event of a worker"),
        (
            with_events(PLAIN, created(PLAIN), created(PLAIN), *EVENTS[PLAIN][1:]),
            "created as queued when it was queued",
        ),
        (with_events(PLAIN, created(PLAIN), ended(PLAIN, 1)), "from running to succeeded when it was queued"),
        (with_events(PLAIN, *EVENTS[PLAIN][:2], ended(PLAIN, 2)), "held by Holder(owner='id-1', worker='worker-1')"),
        (
            with_events(PLAIN, *EVENTS[PLAIN][:2], replace(ended(PLAIN, 1), application="worker-2")),
            "Holder(owner='id-1', worker='worker-2') ended as succeeded",
        ),
        (with_events(TAKEN, *EVENTS[TAKEN][:3], ended(TAKEN, 1)), "held by Holder(owner='id-2'"),
        (
            with_events(RETRIED, *EVENTS[RETRIED][:2], by(2, RETRIED, "cost"), *EVENTS[RETRIED][3:]),
            "reported the cost of",
        ),
        (with_events(RETRIED, *EVENTS[RETRIED][:4], ended(RETRIED, 1)), "held by nobody"),
        (with_events(TAKEN, *EVENTS[TAKEN][:2], *EVENTS[TAKEN][4:]), "held by Holder(owner='id-1'"),
        (
            with_events(TAKEN, *EVENTS[TAKEN][:2], taken(TAKEN, 2, 3), ended(TAKEN, 2)),
            "attempt 3 came after attempt 1",
        ),
        (
            with_events(PLAIN, created(PLAIN), replace(claimed(PLAIN, 1), lease_owner=None), ended(PLAIN, 1)),
            "attempt 1 has no owner",
        ),
        (with_seen(*saw(PLAIN, 2, 2, BEGAN)), "worker='worker-2') was made, but has no event"),
        (with_seen(*saw(PLAIN, 1, 1, BEGAN)), "was made 2 times"),
        (with_seen(*saw(LOST_TOO_OFTEN, 1, ATTEMPTS + 1, BEGAN)), "was made after the limit"),
        (replace(CORRECT, seen=[one for one in CORRECT.seen if one.job_id != PLAIN]), "but no handler returned"),
        (replace(CORRECT, seen=[one for one in CORRECT.seen if one.job_id != BROKEN]), "but no handler raised"),
        (with_job(PLAIN, cost_cents=11), "it cost 11, but 10 by its handler"),
    ],
)
def test_judge_reports_each_kind_of_violation(record: Record, words: str) -> None:
    assert [violation for violation in judge(record).violations if words in violation] != []


@pytest.mark.parametrize("crashed_at", [AT + 0.9, AT - 2 * LEASE])
@pytest.mark.parametrize("worker", [1, 2])
def test_judge_allows_a_claim_without_an_event_near_a_crash(crashed_at: float, worker: int) -> None:
    """The worker that ends the job, or another one, has claimed the same attempt before the crash."""
    verdict = judge(replace(with_seen(*saw(PLAIN, worker, 1, BEGAN)), crashes=[crashed_at]))
    assert verdict.violations == []
    assert verdict.lost_claims == 1
    assert verdict.attempts + verdict.lost_claims == judge(CORRECT).attempts + 1


@pytest.mark.parametrize("crashed_at", [AT + 1.1, AT - 2 * LEASE - 0.1])
def test_judge_reports_a_claim_without_an_event_long_before_or_after_a_crash(crashed_at: float) -> None:
    verdict = judge(replace(with_seen(*saw(PLAIN, 2, 1, BEGAN)), crashes=[crashed_at]))
    assert len(verdict.violations) == 1
    assert verdict.lost_claims == 0


@pytest.mark.parametrize("seen", CORRECT.seen)
def test_record_of_a_handler_can_be_parsed_again(seen: HandlerRecord) -> None:
    assert HandlerRecord.of(seen.line()) == seen


def test_incomplete_line_of_the_recorder_is_read_when_it_is_complete(tmp_path: Path) -> None:
    handler_records = HandlerRecords(tmp_path / "records")
    text = "".join(f"{seen.line()}\n" for seen in CORRECT.seen)
    with (tmp_path / "records").open("a") as file:
        for part in (text[:50], text[50:200], text[200:]):
            file.write(part)
            file.flush()
            handler_records.read_on()
    handler_records.close()
    assert handler_records.seen == CORRECT.seen
    assert handler_records.ended == 5
