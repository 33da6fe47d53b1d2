"""Times are read as aware UTC in any session time zone, and text in any encoding of the database."""

import copy
import pickle
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.sql import SQL, Identifier, Literal

from gjobs.store.database.connection_pool import UtcLoader
from gjobs.store.database.database import Database
from gjobs.store.embedded.server_files import ADMINISTRATOR, OWNER, ServerHandle
from gjobs.store.error_groups.error_group import error_group_id, group_id
from gjobs.store.errors import InvalidValue, UnexpectedError
from gjobs.store.filters.filter_syntax import parse
from gjobs.store.job_list.list_query import ListingQuery, ListOrder, ListQuery, OrderColumn, RowWindowQuery
from gjobs.store.jobs.job import JobStatus
from gjobs.store.leases.lease_client import NEXT_DUE
from gjobs.store.retention.archive import get_statistics_with_archive, get_summary_with_archive, list_archived
from gjobs.store.retention.cleanup import count_expired
from gjobs.store.retention.retention import ArchiveQuery, ExpiredJobs
from gjobs.store.statistics.statistics import TotalsQuery
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR
from gjobs.store.values.formats import EARLIEST, LATEST, FarTime, parse_far_time, plain_time
from tests.conftest import TESTS, Conninfo, connect, make_hosted, run_file
from tests.store.store_fixtures import ADA, NOW, Db, Sql, the_job


@given(st.integers(min_value=-(2**63), max_value=2**63 - 1))
def test_every_binary_timestamp_loads_within_the_python_range(microseconds: int) -> None:
    loaded = UtcLoader(0).load(microseconds.to_bytes(8, "big", signed=True))
    assert EARLIEST <= loaded <= LATEST
    if EARLIEST < loaded < LATEST:
        assert (loaded - datetime(2000, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) == microseconds


FIRST, LAST = -211_813_488_000_000_000, 9_223_371_331_199_999_999
"""The earliest and latest time in Postgres, in microseconds since its epoch (2000-01-01)."""


@given(st.integers(FIRST, LAST) | st.sampled_from([-(2**63), 2**63 - 1]))
def test_every_far_time_is_read_back_from_its_text(microseconds: int) -> None:
    loaded = UtcLoader(0).load(microseconds.to_bytes(8, "big", signed=True))
    back = parse_far_time(plain_time(loaded))
    assert back == (loaded if isinstance(loaded, FarTime) else None)


def test_far_times_equal_only_times_and_their_copies_are_exact() -> None:
    for other in (None, "infinity", 1):
        far = FarTime.of("infinity")
        for time in (far, far - timedelta(days=1)):
            assert (time == other, time != other) == (False, True)

    infinity = FarTime.of("infinity")
    for same in (copy.copy(infinity), pickle.loads(pickle.dumps(infinity))):  # noqa: S301
        assert (same, plain_time(same), str(same)) == (infinity, "infinity", "infinity")
    computed = infinity - timedelta(days=1)
    for same in (computed, copy.copy(computed), copy.deepcopy(computed), pickle.loads(pickle.dumps(computed))):  # noqa: S301
        assert (same, same.tzinfo) == (computed, UTC)
        assert plain_time(same) == "9999-12-30T23:59:59.999999Z"
        assert same.isoformat() == "9999-12-30T23:59:59.999999+00:00"

    for text in (
        "",
        "infinity and beyond",
        "2026-01-15T12:00:00.000000Z",
        "0000-01-01T00:00:00.000000Z",
        "10000-01-01",
        "10000-13-01T00:00:00.000000Z",
        "10000-01-01T24:00:01Z",
        "294277-01-01T00:00:00Z",
        "4715-01-01T00:00:00Z BC",
    ):
        assert parse_far_time(text) is None


TIMES = {
    "2026-01-15 12:00:00+00": NOW,
    "2026-01-15 17:30:00+05:30": NOW,
    "2026-07-01 00:00:00.000001+00": datetime(2026, 7, 1, 0, 0, 0, 1, tzinfo=UTC),
    "0001-01-01 00:00:00+00": EARLIEST,
    "9999-12-31 23:59:59.999999+00": LATEST,
    "infinity": parse_far_time("infinity"),
    "-infinity": parse_far_time("-infinity"),
    "0044-03-15 12:00:00+00 BC": parse_far_time("0044-03-15T12:00:00.000000Z BC"),
    "4713-01-01 00:00:00+00 BC": parse_far_time("4713-01-01T00:00:00.000000Z BC"),
    "10000-01-01 00:00:00+00": parse_far_time("10000-01-01T00:00:00.000000Z"),
    "294276-12-31 23:59:59+00": parse_far_time("294276-12-31T23:59:59.000000Z"),
}
"""Times as written to Postgres, and as read from it."""


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "<+13>-13"])
async def test_timestamp_is_read_as_utc_in_any_session_time_zone_and_its_texts_are_read_back(
    database: Conninfo, db: Db, sql: Sql, zone: str
) -> None:
    is_same = "select %s::timestamptz = created_at from generation_jobs where id = %s"
    async with Store(Database({**database, "options": f"-c TimeZone={zone}"})) as store:
        for written, read in TIMES.items():
            job = await the_job(store, db.make_job(created_at=written, updated_at=written))
            assert (job.created_at, job.updated_at) == (read, read)
            assert job.created_at.tzinfo is UTC
            for text in (plain_time(job.created_at), job.created_at.isoformat()):
                assert sql(is_same, (text, job.id)) == [(True,)], text


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
async def test_daily_costs_use_utc_days_and_skip_times_outside_the_range(db: Db, zone: str) -> None:
    project_id = db.make_project()
    for written in (
        *("-infinity", "0044-03-15 BC", "2026-01-12 23:59:59.999999Z"),  # before
        *("2026-01-13 00:00Z", "2026-01-14 23:59:59.999999Z", "2026-01-15 00:00Z", "2026-01-15 23:59:59.999999Z"),
        *("2026-01-16 00:00Z", "infinity", "20000-01-01"),  # after
    ):
        db.make_job(project_id, cost_cents=1, created_at=written)
    async with Store(Database({**db.conninfo, "options": f"-c TimeZone={zone}"})) as store:
        numbers = await store.get_totals(TotalsQuery(days=3), at=NOW)
        users = await store.get_users()
        summary = await store.get_job_summary()
    assert [(day.day.isoformat(), day.job_count) for day in numbers.days or ()] == [
        ("2026-01-13", 1),
        ("2026-01-14", 1),
        ("2026-01-15", 2),
    ]
    assert numbers.statistics is not None
    assert numbers.statistics.total_count == 10
    assert users[0].last_job_at == parse_far_time("infinity")
    assert summary[0].first_job_at == parse_far_time("-infinity")
    assert summary[0].last_job_at == parse_far_time("infinity")


FAR_TIMES = [
    "infinity",
    "-infinity",
    "294276-12-31 23:59:59.999999+00",
    "294276-01-01 00:00:00+00",
    "4714-11-24 00:00:00+00 BC",
    "9999-12-31 23:59:59.999999+00",
    "2026-01-15 12:00:00+00",
]

FILTERS = [
    *("took:>5m", "took:>=5m", "took:<5m", "took:<=5m", "took:1m..2h", "-took:>5m", "took:>36500d", "took:<36500d"),
    *("since:7d", "until:7d", "-since:7d", "since:2026-01-01", "until:2026-01-01", "is:stuck", "-is:stuck"),
]


@pytest.fixture
def far_jobs(db: Db) -> dict[tuple[str, str, JobStatus], UUID]:
    """One job for each pair of times and each status."""
    project_id = db.make_project()
    jobs = {one: uuid4() for one in product(FAR_TIMES, FAR_TIMES, JobStatus)}
    db.make_jobs(
        {"id": job_id, "project_id": project_id, "status": status, "created_at": created, "updated_at": updated}
        for (created, updated, status), job_id in jobs.items()
    )
    return jobs


async def read_watch(store: Store) -> object:
    watch = await store.watch()
    return [await watch.read(), await watch.read()]


READS: list[Callable[[Store], Awaitable[object]]] = [
    lambda store: store.get_generation_jobs(limit=1000),
    lambda store: store.get_recent_jobs(100),
    lambda store: store.get_job_statistics(),
    lambda store: store.get_total_costs(),
    lambda store: store.get_job_summary(),
    lambda store: store.get_job_timings(),
    lambda store: store.get_totals(TotalsQuery(days=7)),
    lambda store: store.get_flow(TotalsQuery(days=7)),
    lambda store: store.get_exact_totals(TotalsQuery(days=7), lambda *_: None),
    lambda store: store.get_projects(),
    lambda store: store.get_workers_overview(),
    lambda store: store.get_budgets(),
    lambda store: list_archived(store, ArchiveQuery(), limit=100),
    get_statistics_with_archive,
    get_summary_with_archive,
    lambda store: count_expired(store, ExpiredJobs(created_before=NOW)),
    read_watch,
]


async def test_every_query_and_filter_reads_jobs_with_times_at_the_limits(
    operator: Store, ada: Store, far_jobs: dict[tuple[str, str, JobStatus], UUID]
) -> None:
    await operator.get_users()
    await operator.find_users("ada")
    for read in READS:
        await read(operator)
        await read(ada)
    for column, descending in product(OrderColumn, (False, True)):
        listed = ListQuery(order=ListOrder(column=column, descending=descending))
        await operator.get_listing(ListingQuery(window=RowWindowQuery(listed=listed)))
        await ada.get_listing(ListingQuery(window=RowWindowQuery(listed=listed)))
    for (_, updated, status), job_id in far_jobs.items():
        if status is JobStatus.RUNNING or (status is JobStatus.FAILED and updated in FAR_TIMES[:2]):
            await operator.get_generation_job(job_id)
            await operator.get_job_history(job_id)
            await operator.get_stuck_verdict(job_id)
            await operator.get_job_links(job_id)
            await operator.find_by_id(str(job_id))

    for text in FILTERS:
        job_filter = parse(text, now=NOW)
        page = await operator.find_jobs(job_filter, limit=1000)
        assert len(page.items) == await operator.count_jobs(job_filter, most=10_000), text

    async def found(text: str) -> set[UUID]:
        return {job.id for job in (await operator.find_jobs(parse(text), limit=1000)).items}

    # A job in the far future is found by its duration.
    last, a_year_before = FAR_TIMES[2], FAR_TIMES[3]
    slow = far_jobs[a_year_before, last, JobStatus.FAILED]
    instant = far_jobs[last, last, JobStatus.FAILED]
    assert {slow, instant} & await found("took:>5m") == {slow}
    assert {slow, instant} & await found("took:<5m") == {instant}


async def test_lease_with_any_expiry_time_can_be_read(operator: Store, db: Db, sql: Sql) -> None:
    job_id = db.make_job(status=JobStatus.RUNNING)
    sql("insert into gjobs.job_leases values (%s, gen_random_uuid(), 1, now(), now(), null)", (job_id,))
    for expires in FAR_TIMES:
        sql("update gjobs.job_leases set expires_at = %s", (expires,))
        await operator.database.read(OPERATOR, NEXT_DUE)
        await operator.get_workers_overview()
        await operator.get_stuck_verdict(job_id)


@contextmanager
def app_database(server: ServerHandle, encoding: str) -> Iterator[Conninfo]:
    """A database of an app, with one user."""
    name = f"test_{uuid4().hex}"
    create = "create database {} owner {} template template0 encoding {} locale_provider libc locale {}"
    with connect({**server.conninfo, "user": ADMINISTRATOR, "dbname": "postgres"}, autocommit=True) as administrator:
        administrator.execute(SQL(create).format(Identifier(name), Identifier(OWNER), Literal(encoding), Literal("C")))
        conninfo = {**server.conninfo, "dbname": name}
        make_hosted(conninfo)
        run_file(conninfo, TESTS / "app_schema.sql")
        with connect(conninfo) as owner:
            owner.execute("insert into auth.users (id, email) values (%s, 'ada@example.com')", [ADA])
        yield conninfo
        administrator.execute(SQL("drop database {} with (force)").format(Identifier(name)))


async def test_latin1_database_stores_its_text_and_refuses_other_characters(
    server: ServerHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app_database(server, "LATIN1") as conninfo:
        without_encoding = {key: value for key, value in conninfo.items() if key != "client_encoding"}
        for name, client_encoding in (("Café", None), ("À côté", "LATIN1")):
            if client_encoding:
                monkeypatch.setenv("PGCLIENTENCODING", client_encoding)
            async with Store(Database(without_encoding)) as operator:
                store = await operator.acting_as_user("ada@example.com")
                project = await store.create_project(name)
                assert [found.name for found in await store.get_projects_named(name)] == [name]
                with pytest.raises(InvalidValue, match="has no equivalent in encoding"):
                    await store.create_project("製品")
                assert (await store.get_projects())[0].id == project.id


@pytest.mark.parametrize(("encoding", "plain"), [("LATIN1", "Café 7"), ("SQL_ASCII", "製品 7")])
async def test_error_groups_are_the_same_in_every_encoding(server: ServerHandle, encoding: str, plain: str) -> None:
    """Only a UTF-8 database decodes escaped characters. In other databases, errors with escaped characters get a
    different group.
    """
    with app_database(server, encoding) as conninfo:
        async with Store(Database(conninfo)) as store:
            project = await store.create_project("x", owner_id=ADA)
            for error in (plain, f'{{"message": "{plain}"}}', '{"message": "Caf\\u00e9 7"}'):
                job = await store.create_generation_job(project_id=project.id, mode="m")
                await store.transition_jobs([job.id], "running")
                await store.transition_jobs([job.id], "failed", error)
            groups = await store.get_error_groups()
            assert {group.id: group.count for group in groups} == {
                error_group_id(plain): 2,
                group_id("Caf\\u# #"): 1,
            }


async def test_invalid_text_in_an_sql_ascii_database_is_an_unexpected_error(server: ServerHandle) -> None:
    """The server stores bytes in this encoding without a check."""
    with app_database(server, "SQL_ASCII") as conninfo:
        async with Store(Database(conninfo)) as store:
            await store.create_project("製品", owner_id=ADA)
            assert [project.name for project in await store.get_projects()] == ["製品"]
            with connect({**conninfo, "client_encoding": "SQL_ASCII"}) as owner:
                owner.execute(b"update projects set name = E'caf\\xe9'")
            with pytest.raises(UnexpectedError, match="invalid byte sequence"):
                await store.get_projects()
            assert await store.get_total_costs() == 0
