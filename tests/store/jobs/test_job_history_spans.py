"""The time that a job spent in each status, computed from its events."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from gjobs.store.jobs.job import AnyStatus, JobStatus
from gjobs.store.jobs.job_results import EventKind, JobEvent, StatusSpan, status_spans, time_in_each

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
Q, R, S, F = JobStatus


def event(minute: int, kind: EventKind, before: JobStatus | None = None, after: JobStatus | None = None) -> JobEvent:
    return JobEvent(
        id=minute,
        at=NOON + timedelta(minutes=minute),
        kind=kind,
        from_status=before,
        to_status=after,
        error=None,
        cost_cents=0,
        cents_change=0,
        retry_count=0,
        mode="lifestyle",
        project_id=UUID(int=1),
        user_id=None,
        actor_user_id=None,
        actor_role="gjobs",
        application="",
        lease_owner=None,
        note=None,
    )


def created(minute: int, status: JobStatus = Q) -> JobEvent:
    return event(minute, EventKind.CREATED, None, status)


def moved(minute: int, before: JobStatus, after: JobStatus) -> JobEvent:
    return event(minute, EventKind.STATUS, before, after)


def spans_of(*events: JobEvent) -> list[tuple[AnyStatus, int, int | None, float]]:
    """Return each span's status, first minute, last minute and length in minutes."""
    return [
        (span.status, _minute(span.since), None if span.until is None else _minute(span.until), _minutes(span))
        for span in status_spans(events, now=NOON + timedelta(minutes=10))
    ]


def _minute(time: datetime) -> int:
    return int((time - NOON).total_seconds() // 60)


def _minutes(span: StatusSpan) -> float:
    return span.lasted.total_seconds() / 60


STARTED = (created(0, R), event(4, EventKind.DELETED, R, None))


@pytest.mark.parametrize(
    ("events", "spans"),
    [
        pytest.param(
            [created(0), moved(2, Q, R), event(3, EventKind.COST, R, R), moved(7, R, S)],
            [(Q, 0, 2, 2), (R, 2, 7, 5), (S, 7, None, 3)],
            id="from creation to success",
        ),
        pytest.param([moved(2, Q, R), moved(7, R, F)], [(R, 2, 7, 5), (F, 7, None, 3)], id="first change is known"),
        pytest.param([event(3, EventKind.COST, R, R)], [(R, 3, None, 7)], id="first known event is no change"),
        pytest.param(STARTED, [(R, 0, 4, 4)], id="deleted"),
        pytest.param([*STARTED, created(6, R)], [(R, 0, 4, 4), (R, 6, None, 4)], id="restored"),
        pytest.param(
            [created(0), moved(1, Q, R), event(2, EventKind.PROGRESS)], [(Q, 0, 1, 1), (R, 1, None, 9)], id="progress"
        ),
        pytest.param([created(12)], [(Q, 12, None, 0)], id="never negative"),
        pytest.param([], [], id="no events"),
    ],
)
def test_status_spans_follow_the_events(events: list[JobEvent], spans: list[tuple[object, ...]]) -> None:
    assert spans_of(*events) == spans


def test_time_in_each_status_adds_up_several_spans() -> None:
    events = [created(0), moved(1, Q, R), moved(3, R, Q), moved(4, Q, R)]
    assert time_in_each(status_spans(events, now=NOON + timedelta(minutes=10))) == {
        Q: timedelta(minutes=2),
        R: timedelta(minutes=8),
    }
