"""A job's history as each actor sees it, and stuck jobs."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gjobs.store.database.database import Database
from gjobs.store.errors import InvalidValue
from gjobs.store.filters.filter_syntax import parse
from gjobs.store.jobs.job_results import FEWEST, EventKind, JobEvent, LeaseState, StuckVerdict
from gjobs.store.jobs.job_sql import make_event
from gjobs.store.store import Store
from tests.conftest import Conninfo, connect
from tests.store.store_fixtures import ADA, BEN, NOTHING, NOW, Db, Sql, add_ada, record_start, sql_of


async def test_job_history_returns_the_newest_events_up_to_the_limit(db: Db) -> None:
    job_id = db.make_job()
    for cost in range(1, 6):
        db.sql("update generation_jobs set cost_cents = %s where id = %s", [cost, job_id])
    history = await db.operator.get_job_history(job_id, limit=3)
    assert [event.cost_cents for event in history.events] == [3, 4, 5]
    assert history.is_cut
    assert not (await db.operator.get_job_history(job_id, limit=6)).is_cut
    with pytest.raises(InvalidValue, match="limit"):
        await db.operator.get_job_history(job_id, limit=0)


async def test_restored_job_keeps_its_history_which_its_user_sees_while_it_is_deleted(db: Db) -> None:
    job_id = db.make_job()
    await db.ada.transition_job_status(job_id, "running")
    before = await db.operator.get_job_history(job_id)
    deleted = await db.ada.delete_generation_jobs({job_id: None})
    for store in (db.operator, db.ada):
        events = (await store.get_job_history(job_id)).events
        assert [(event.kind, event.actor_user_id) for event in events] == [
            (EventKind.CREATED, None),
            (EventKind.STATUS, ADA),
            (EventKind.DELETED, ADA),
        ]
    assert (await db.ben.get_job_history(job_id)).events == ()
    assert (await db.operator.get_job_history(NOTHING)).events == ()

    await db.operator.restore_generation_jobs(deleted)
    after = await db.operator.get_job_history(job_id)
    assert after.started_at == before.started_at
    assert after.events[:2] == before.events
    assert [event.kind for event in after.events[2:]] == [EventKind.DELETED, EventKind.CREATED]
    assert [span.status for span in after.spans] == ["queued", "running", "running"]


JOBS = tuple(UUID(int=0x100 + number) for number in range(3))
PROJECTS = {ADA: UUID(int=0xA1), BEN: UUID(int=0xB1)}


@dataclass(frozen=True)
class State:
    """The columns of a job that events record."""

    status: str
    mode: str
    error: str | None
    cost_cents: int
    retry_count: int | None
    user_id: UUID | None
    project_id: UUID


def replayed(events: list[JobEvent]) -> State | None:
    """Return the job after its events, or None if it doesn't exist."""
    state: State | None = None
    for event in events:
        if event.to_status is None:
            state = None
            continue
        has_error = event.kind in (EventKind.CREATED, EventKind.STATUS, EventKind.RETRY, EventKind.ERROR)
        state = State(
            status=event.to_status.value,
            mode=event.mode,
            error=event.error if has_error or state is None else state.error,
            cost_cents=event.cost_cents,
            retry_count=event.retry_count,
            user_id=event.user_id,
            project_id=event.project_id,
        )
    return state


IDS = st.lists(st.sampled_from(JOBS), min_size=1, max_size=3, unique=True)

SETS = st.dictionaries(
    st.sampled_from(["status", "mode", "error", "cost_cents", "retry_count", "owner"]),
    st.integers(0, 2),
    min_size=1,
    max_size=4,
)

VALUES = {
    "status": ("queued", "running", "failed"),
    "mode": ("lifestyle", "", "m" * 3_000),
    "error": (None, "late", "x" * 9_000),
    "cost_cents": (0, -(2**31), 2**31 - 1),
    "retry_count": (None, 0, 7),
}

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("insert"), IDS, SETS),
        st.tuples(st.just("update"), IDS, SETS),
        st.tuples(st.just("delete"), IDS, st.just({})),
        st.tuples(st.just("truncate"), IDS, st.just({})),
    ),
    min_size=1,
    max_size=12,
)


def columns_of(chosen: dict[str, int]) -> dict[str, object]:
    values: dict[str, object] = {name: VALUES[name][index] for name, index in chosen.items() if name != "owner"}
    if "owner" in chosen:
        user_id = (ADA, BEN)[chosen["owner"] % 2]
        values |= {"user_id": user_id, "project_id": PROJECTS[user_id]}
    return values


def apply(connection: psycopg.Connection, step: tuple[str, list[UUID], dict[str, int]]) -> None:
    verb, job_ids, chosen = step
    values = columns_of(chosen)
    if verb == "insert":
        values = {"user_id": ADA, "project_id": PROJECTS[ADA], "mode": "lifestyle", **values}
        names, marks = ", ".join(values), ", ".join(["%s"] * len(values))
        statement = f"insert into generation_jobs (id, {names}) select unnest(%s::uuid[]), {marks}"
        connection.execute(statement.encode(), [job_ids, *values.values()])
    elif verb == "update":
        assignments = ", ".join(f"{name} = %s" for name in values)
        statement = f"update generation_jobs set {assignments} where id = any(%s)"  # noqa: S608
        connection.execute(statement.encode(), [*values.values(), job_ids])
    elif verb == "delete":
        connection.execute("delete from generation_jobs where id = any(%s)", [job_ids])
    else:
        connection.execute("truncate generation_jobs")


def start_over(connection: psycopg.Connection) -> None:
    connection.execute("delete from auth.users")
    connection.execute("delete from gjobs.job_event_log")
    for user_id, project_id in PROJECTS.items():
        connection.execute("insert into auth.users (id) values (%s)", [user_id])
        connection.execute("insert into projects (id, user_id, name) values (%s, %s, 'P')", [project_id, user_id])


@settings(
    max_examples=40,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=STEPS, undone=st.sets(st.integers(0, 11), max_size=3))
def test_replaying_events_reproduces_the_jobs_and_their_cost(
    operator_connection: psycopg.Connection, steps: list[tuple[str, list[UUID], dict[str, int]]], undone: set[int]
) -> None:
    start_over(operator_connection)
    for number, step in enumerate(steps):
        with suppress(psycopg.errors.UniqueViolation), operator_connection.transaction(force_rollback=number in undone):
            apply(operator_connection, step)

    rows = operator_connection.execute(
        "select id, status, mode, error, cost_cents, retry_count, user_id, project_id from generation_jobs"
    )
    present = {row[0]: State(*row[1:]) for row in rows}
    assert {job: state for job in JOBS if (state := replayed(events_of(operator_connection, job)))} == present
    changes = operator_connection.execute(
        "select coalesce(sum(cents_change), 0) from gjobs.job_events"
        " where id > all (select id from gjobs.job_events where kind = 'truncated')"
    ).fetchone()
    assert changes == (sum(state.cost_cents for state in present.values()),)


def events_of(connection: psycopg.Connection, job_id: UUID) -> list[JobEvent]:
    """Return the events of the job and those of all jobs."""
    rows = connection.execute(
        "select id, at, kind, from_status, to_status, error, cost_cents, cents_change, retry_count, mode, project_id,"
        " user_id, actor_user_id, actor_role, application, lease_owner, note"
        " from gjobs.job_events where job_id = %s or kind = 'truncated' order by id",
        [job_id],
    )
    return [make_event(row) for row in rows]


STUCK = parse("is:stuck", now=NOW)


def run_for(sql: Sql, project: UUID, seconds: float, *, mode: str | None = "lifestyle", number: int = FEWEST) -> None:
    """Insert finished jobs of the mode, each with a running time of `seconds`."""
    made = sql(
        "insert into generation_jobs (user_id, project_id, status, mode, created_at, completed_at)"
        " select user_id, id, 'succeeded', %s, now() - interval '1 day', now() from projects, generate_series(1, %s)"
        " where id = %s returning id, completed_at",
        [mode, number, project],
    )
    record_start(sql, [job for job, _ in made], made[0][1] - timedelta(seconds=seconds))


def running(sql: Sql, project: UUID, minutes: float, *, mode: str = "lifestyle") -> UUID:
    """Insert a running job that was last updated `minutes` ago."""
    ((job,),) = sql(
        "insert into generation_jobs (user_id, project_id, status, mode, updated_at)"
        " select user_id, id, 'running', %s, now() - make_interval(secs => %s) from projects where id = %s"
        " returning id",
        [mode, 60 * minutes, project],
    )
    return UUID(str(job))


def lease(sql: Sql, job: UUID, seconds: float) -> None:
    """Insert a lease that expires after `seconds`."""
    sql(
        "insert into gjobs.job_leases (job_id, owner, attempt, acquired_at, expires_at)"
        " values (%s, %s, 1, now(), now() + make_interval(secs => %s))",
        [job, NOTHING, seconds],
    )


async def stuck(store: Store) -> set[UUID]:
    return {job.id for job in await store.find_jobs(STUCK)}


async def verdict(store: Store, job: UUID) -> StuckVerdict:
    found = await store.get_stuck_verdict(job)
    assert found is not None
    assert found.is_stuck is (job in await stuck(store))
    assert found.is_stuck is (job in await store.find_stuck_jobs([job, NOTHING]))
    return found


async def test_job_is_stuck_after_half_an_hour_without_a_usual_time(operator: Store, sql: Sql, project: UUID) -> None:
    late, early = running(sql, project, 31), running(sql, project, 29)
    run_for(sql, project, 1, number=FEWEST - 1)
    assert await stuck(operator) == {late}
    found = await verdict(operator, late)
    assert (found.after, found.usual, found.lease) == (timedelta(minutes=30), None, LeaseState.NONE)
    assert not (await verdict(operator, early)).is_stuck


async def test_each_mode_has_its_own_stuck_threshold(operator: Store, ada: Store, sql: Sql, project: UUID) -> None:
    run_for(sql, project, 20 * 60, mode="long")
    run_for(sql, project, 3 * 60, mode="short")
    run_for(sql, project, 1, mode="instant")
    times = {"long": (59, 61), "short": (8, 10), "instant": (4, 6)}
    early = {running(sql, project, minutes, mode=mode) for mode, (minutes, _) in times.items()}
    late = {running(sql, project, minutes, mode=mode) for mode, (_, minutes) in times.items()}
    for store in (operator, ada):
        assert await stuck(store) == late
    afters = {(await verdict(operator, job)).after for job in late | early}
    assert afters == {timedelta(minutes=60), timedelta(minutes=9), timedelta(minutes=5)}


async def test_job_with_a_live_lease_is_not_stuck(operator: Store, sql: Sql, project: UUID) -> None:
    held, lost = running(sql, project, 300), running(sql, project, 300)
    lease(sql, held, 60)
    lease(sql, lost, -60)
    assert await stuck(operator) == {lost}
    assert (await verdict(operator, held)).lease is LeaseState.LIVE
    assert (await verdict(operator, lost)).lease is LeaseState.EXPIRED


async def test_finished_or_missing_job_has_no_stuck_verdict(operator: Store, sql: Sql, project: UUID) -> None:
    run_for(sql, project, 1, number=1)
    ((job,),) = sql("select id from generation_jobs")
    assert await operator.get_stuck_verdict(UUID(str(job))) is None
    assert await operator.get_stuck_verdict(NOTHING) is None


async def test_stuck_jobs_are_found_where_jobs_may_have_no_mode(migrated_copy: Conninfo) -> None:
    with connect(migrated_copy) as app:
        sql = sql_of(app)
        sql("alter table generation_jobs alter mode drop not null")
        add_ada(sql, project_id=NOTHING)
        run_for(sql, NOTHING, 0, mode=None)
        job = running(sql, NOTHING, 31)
    async with Store(Database(migrated_copy)) as store:
        assert await stuck(store) == {job}


async def test_stuck_jobs_are_found_by_time_alone_on_the_app_schema(app_store: Store, app_sql: Sql) -> None:
    add_ada(app_sql, project_id=NOTHING)
    job = running(app_sql, NOTHING, 31)
    assert await stuck(app_store) == {job}
    assert (await verdict(app_store, job)).lease is LeaseState.UNKNOWN
