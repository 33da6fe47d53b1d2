"""Running jobs are stuck after a multiple of their mode's usual time, unless a worker holds them."""

from datetime import timedelta
from uuid import UUID

from gjobs.store.database.database import Database
from gjobs.store.filters.filter_syntax import parse
from gjobs.store.jobs.job_results import FEWEST, LeaseState, StuckVerdict
from gjobs.store.store import Store
from tests.conftest import Conninfo, connect
from tests.store.store_fixtures import NOTHING, NOW, Sql, add_ada, record_start, sql_of

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


async def test_negated_stuck_filter_finds_the_other_running_jobs(operator: Store, sql: Sql, project: UUID) -> None:
    run_for(sql, project, 1)
    late, early = running(sql, project, 6), running(sql, project, 4)
    others = {job.id for job in await operator.find_jobs(parse("-is:stuck status:running", now=NOW))}
    assert (others, await stuck(operator)) == ({early}, {late})


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


async def test_stuck_jobs_are_found_by_time_alone_on_the_app_schema(attached_database: Conninfo, app_sql: Sql) -> None:
    add_ada(app_sql, project_id=NOTHING)
    job = running(app_sql, NOTHING, 31)
    async with Store(Database(attached_database)) as store:
        assert await stuck(store) == {job}
        assert (await verdict(store, job)).lease is LeaseState.UNKNOWN
