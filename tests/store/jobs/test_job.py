"""A job: transitions, columns, times, status spans, and events from differences between polls."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import UUID

import pytest

from gjobs.store.errors import NoPrivilege
from gjobs.store.job_list.list_query import ListingQuery, ListQuery, RowWindow, RowWindowQuery
from gjobs.store.jobs import job_results
from gjobs.store.jobs.job import (
    TRANSITIONS,
    AnyStatus,
    GenerationJob,
    JobStatus,
    JobTimes,
    UnknownStatus,
    job_times,
    parse_status,
    plain_job,
    why_refused,
)
from gjobs.store.jobs.job_results import (
    Applied,
    EventKind,
    JobEvent,
    ObservedEvents,
    StatusSpan,
    status_spans,
    time_in_each,
)
from gjobs.store.store import Store
from gjobs.store.values.formats import FarTime
from tests.store.store_fixtures import NOW, Db, Sql, a_job, add_ada, altered, the_job

LEGAL = {
    (JobStatus.QUEUED, JobStatus.RUNNING),
    (JobStatus.RUNNING, JobStatus.SUCCEEDED),
    (JobStatus.RUNNING, JobStatus.FAILED),
}


def test_only_three_transitions_are_allowed_and_a_refusal_names_the_required_status() -> None:
    for current, target in product(JobStatus, JobStatus):
        assert (target in current.allowed) is ((current, target) in LEGAL)
        assert (current in target.sources) is ((current, target) in LEGAL)
    assert [status for status in JobStatus if status.is_final] == [JobStatus.SUCCEEDED, JobStatus.FAILED]
    with pytest.raises(TypeError):
        TRANSITIONS[JobStatus.FAILED] = (JobStatus.QUEUED,)  # type: ignore[index]

    for status, wanted, sentence in (
        ("queued", "succeeded", "Only a running job can be completed; this one is queued."),
        ("failed", "running", "Only a queued job can be started; this one has already failed."),
        ("running", "queued", "Only a new job is queued; this one is running."),
    ):
        assert why_refused(JobStatus(status), JobStatus(wanted)) == sentence


WAIT, RUN = timedelta(minutes=20, seconds=16), timedelta(seconds=8)
STARTED = NOW + WAIT
LATER = STARTED + RUN


def in_seconds(times: JobTimes) -> tuple[float | None, ...]:
    return tuple(None if time is None else time.total_seconds() for time in (times.wait, times.run, times.total))


@pytest.mark.parametrize(
    ("job", "expected", "without_now"),
    [
        (a_job(), (1224, None, None), (None, None, None)),
        (a_job(started_at=STARTED), (1216, None, None), (1216, None, None)),
        (a_job(status=JobStatus.RUNNING, started_at=STARTED), (1216, 8, 1224), (1216, None, None)),
        (a_job(status=JobStatus.RUNNING), (None, None, 1224), (None, None, None)),
        (a_job(status=JobStatus.FAILED, updated_at=LATER), (None, None, 1224), (None, None, 1224)),
        *(
            (a_job(status=status, started_at=STARTED, **ended), (1216, 8, 1224), (1216, 8, 1224))
            for status in (JobStatus.SUCCEEDED, JobStatus.FAILED)
            for ended in ({"updated_at": LATER}, {"updated_at": LATER + WAIT, "completed_at": LATER})
        ),
        (
            a_job(status=JobStatus.SUCCEEDED, started_at=NOW - RUN, completed_at=NOW - WAIT),
            (0, 0, -1216),
            (0, 0, -1216),
        ),
        (a_job(status=UnknownStatus("paused"), started_at=STARTED), (1216, None, None), (1216, None, None)),
        (
            a_job(status=JobStatus.FAILED, created_at=FarTime.of("-infinity"), started_at=STARTED, updated_at=LATER),
            (None, 8, None),
            (None, 8, None),
        ),
    ],
    ids=[
        "queued",
        "queued again",
        "running",
        "running since before starts were recorded",
        "failed without having run",
        *(f"{status}{edited}" for status in ("succeeded", "failed") for edited in ("", " and edited later")),
        "started and ended in one transaction",
        "unknown status",
        "far creation",
    ],
)
def test_job_times_depend_on_the_status_and_the_recorded_start(
    job: GenerationJob, expected: tuple[float | None, ...], without_now: tuple[float | None, ...]
) -> None:
    assert in_seconds(job_times(job, LATER)) == expected
    assert in_seconds(job_times(job, None)) == without_now
    document = plain_job(job)
    assert (document["wait_seconds"], document["run_seconds"]) == without_now[:2]


def run_for_8_seconds(sql: Sql, job_id: UUID) -> None:
    sql("update generation_jobs set status = 'running' where id = %s", (job_id,))
    sql("update gjobs.job_event_log set at = %s where to_status = 'running' and job_id = %s", (STARTED, job_id))
    sql("update generation_jobs set status = 'succeeded', completed_at = %s where id = %s", (LATER, job_id))


async def window_of(store: Store) -> RowWindow:
    return (await store.get_listing(ListingQuery())).window


async def test_each_read_of_a_job_returns_the_same_run(db: Db, sql: Sql) -> None:
    job_id = db.make_job()
    run_for_8_seconds(sql, job_id)
    for store in (db.operator, db.ada):
        window = await window_of(store)
        assert window.has_starts
        found = [
            await the_job(store, job_id),
            *window.jobs,
            *(await store.get_window(RowWindowQuery())).jobs,
            *await store.get_generation_jobs(limit=5),
            *await store.get_these_jobs([job_id]),
            *(await store.find_by_id(str(job_id))).jobs,
        ]
        assert [in_seconds(job_times(job, LATER)) for job in found] == [(1216, 8, 1224)] * 6


async def test_list_shows_a_start_at_the_next_refresh(db: Db, sql: Sql) -> None:
    first, second = db.make_job(), db.make_job()
    await window_of(db.ada)
    await db.ada.transition_job_status(first, "running")
    starts = dict(sql("select * from gjobs.job_starts"))
    for _ in range(2):
        before = await window_of(db.ada)
        assert {job.id: job.started_at for job in before.jobs} == {first: starts[first], second: None}

    views = "gjobs.job_starts, gjobs.job_summary"
    with altered(sql, f"revoke select on {views} from public", f"grant select on {views} to public"):  # noqa: S608
        assert await window_of(db.ada) == before, "an unchanged list looks up no start"
        with pytest.raises(NoPrivilege):
            await db.ada.get_window(RowWindowQuery())
        await db.operator.capability_cache.refresh()
        window = await window_of(db.ada)
        assert ({job.started_at for job in window.jobs}, window.has_starts) == ({None}, False)
        assert (await the_job(db.ada, first)).retry_count == 0


async def test_write_returns_the_start_of_each_job(db: Db, sql: Sql) -> None:
    """A job that was queued again keeps its first start. A job that never ran has none."""
    first, second, third, never = (db.make_job() for _ in range(4))
    for status in ("running", "queued"):
        sql("update generation_jobs set status = %s where id = %s", (status, third))
    outcomes = await db.ada.transition_jobs([first, second, third], "running")
    starts = dict(sql("select * from gjobs.job_starts"))
    for job_id, outcome in zip((first, second, third), outcomes, strict=True):
        assert isinstance(outcome, Applied)
        assert outcome.job.started_at == starts[job_id]
        assert outcome.job == await the_job(db.ada, job_id)

    ended = await db.ada.transition_job_status(first, "succeeded")
    assert isinstance(ended, Applied)
    assert ended.job == await the_job(db.ada, first)
    assert ended.job.started_at == starts[first]
    assert await db.ada.update_generation_job(first, cost_cents=3) == await the_job(db.ada, first)

    sql("update generation_jobs set status = 'succeeded' where id = %s", (never,))
    assert in_seconds(job_times(await the_job(db.operator, never), None))[:2] == (None, None)


async def test_app_table_has_no_starts(app_store: Store, app_sql: Sql) -> None:
    add_ada(app_sql, UUID(int=9))
    window = (await app_store.get_listing(ListingQuery(window=RowWindowQuery(listed=ListQuery())))).window
    assert (len(window.jobs), window.has_starts) == (1, False)


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


RAN_UNTIL_DELETED = (created(0, R), event(4, EventKind.DELETED, R, None))


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
        pytest.param(RAN_UNTIL_DELETED, [(R, 0, 4, 4)], id="deleted"),
        pytest.param([*RAN_UNTIL_DELETED, created(6, R)], [(R, 0, 4, 4), (R, 6, None, 4)], id="restored"),
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


JOB = a_job()


def observed(*polled: GenerationJob) -> list[tuple[str, AnyStatus | None, AnyStatus | None, int]]:
    """Return the events of one poll a minute."""
    events = ObservedEvents()
    for minute, job in enumerate(polled):
        events.add_poll([job], at=NOW + timedelta(minutes=minute))
    found = events.history(JOB.id, now=NOW + timedelta(hours=1))
    assert all(event.actor_role == "observed" for event in found.events)
    return [(event.kind, event.from_status, event.to_status, event.cents_change) for event in found.events]


def test_differences_between_two_polls_become_events() -> None:
    running = replace(JOB, status=JobStatus.RUNNING)
    costlier = replace(running, cost_cents=300)
    failed = replace(costlier, status=JobStatus.FAILED, error="timeout")
    assert observed(JOB, JOB, running, costlier, failed, replace(failed, error="late")) == [
        (EventKind.STATUS, JobStatus.QUEUED, JobStatus.RUNNING, 0),
        (EventKind.COST, JobStatus.RUNNING, JobStatus.RUNNING, 50),
        (EventKind.STATUS, JobStatus.RUNNING, JobStatus.FAILED, 0),
        (EventKind.ERROR, JobStatus.FAILED, JobStatus.FAILED, 0),
    ]
    assert observed(JOB) == observed(JOB, replace(JOB, updated_at=NOW + timedelta(hours=1))) == []
    assert observed(*(replace(JOB, status=parse_status("cancelled")) for _ in range(2))) == []


def test_observed_events_are_limited_in_jobs_and_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_results, "MOST_JOBS", 2)
    monkeypatch.setattr(job_results, "MOST_OBSERVED_EVENTS", 3)
    events = ObservedEvents()
    for cost in range(9):
        events.add_poll([replace(JOB, cost_cents=cost)], at=NOW)
    assert [event.cost_cents for event in events.history(JOB.id, now=NOW).events] == [6, 7, 8]
    events.add_poll([replace(JOB, id=UUID(int=number)) for number in (8, 9)], at=NOW)
    assert events.history(JOB.id, now=NOW).events == ()
