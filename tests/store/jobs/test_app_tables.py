"""Jobs of an app whose table has a status outside the workflow, or lacks `retry_count` and `completed_at`."""

from collections.abc import AsyncIterator, Hashable
from datetime import datetime, timedelta
from itertools import product
from uuid import UUID

import pytest

from gjobs.migrations.columns import lacking_columns
from gjobs.migrations.runner import add_columns, upgrade
from gjobs.store.database.database import Database
from gjobs.store.doctor.examine import examine
from gjobs.store.doctor.findings import Severity
from gjobs.store.errors import InvalidValue
from gjobs.store.filters.filter_syntax import format_filter, parse
from gjobs.store.job_list.list_query import ListingQuery, ListOrder, ListQuery, OrderColumn, RowWindowQuery
from gjobs.store.jobs.job import JobStatus, UnknownStatus, in_order, job_times, parse_status, why_refused
from gjobs.store.jobs.job_results import Applied, Deleted, Refused, Retried
from gjobs.store.moments.past_store import past_store
from gjobs.store.retention import archive, cleanup
from gjobs.store.retention.retention import ArchiveQuery, RetentionAction
from gjobs.store.statistics.read_totals import CountCapabilities, Part, TotalsCounter
from gjobs.store.statistics.statistics import Count, Precision, TotalsQuery, WasteKey
from gjobs.store.store import Store
from gjobs.store.watch.watch import Transition
from tests.conftest import Conninfo, connect
from tests.store.retention.conftest import cleaned, last_of
from tests.store.store_fixtures import ADA, Db, Sql, add_ada, sql_of, the_job

CANCELLED = UnknownStatus("cancelled")
WIDER_CHECK = """
alter table public.generation_jobs drop constraint generation_jobs_status_check;
alter table public.generation_jobs add constraint generation_jobs_status_check
    check (status in ('queued', 'running', 'succeeded', 'failed', 'cancelled'));
"""
COUNTS = {"queued": 1, "running": 1, "succeeded": 1, "failed": 1, "cancelled": 2}


class SlowStatistics:
    """A record of slow counts in which the statistics took too long."""

    def is_resting(self, scope: Hashable) -> bool:
        return isinstance(scope, tuple) and scope[0] is Part.STATISTICS

    def note(self, scope: Hashable) -> None: ...

    def forget(self, scope: Hashable) -> None: ...


class App:
    """A database with one job of each status of the workflow, and two cancelled jobs."""

    def __init__(self, db: Db) -> None:
        self.db, self.store = db, db.operator
        self.project = db.make_project()
        self.known = {status: db.make_job(self.project, status, cost_cents=100) for status in JobStatus}
        self.cancelled = [db.make_job(self.project, "cancelled", cost_cents=10) for _ in range(2)]


@pytest.fixture(params=["migrated_copy", "attached_database"])
async def app(request: pytest.FixtureRequest) -> AsyncIterator[App]:
    conninfo: Conninfo = request.getfixturevalue(request.param)
    with connect(conninfo, autocommit=True) as connection:
        sql = sql_of(connection)
        sql(WIDER_CHECK)
        sql("insert into auth.users (id, email) values (%s, 'ada@example.com')", [ADA])
        async with Store(Database(conninfo)) as store:
            yield App(Db(conninfo, sql, store))


def test_unknown_status_has_no_transitions_and_is_sorted_last() -> None:
    assert parse_status("failed") is JobStatus.FAILED
    assert parse_status("cancelled") == CANCELLED
    assert (CANCELLED.allowed, CANCELLED.is_final) == ((), False)
    assert in_order([CANCELLED, JobStatus.FAILED, UnknownStatus("born"), JobStatus.QUEUED]) == [
        "queued", "failed", "born", "cancelled",
    ]  # fmt: skip
    assert why_refused(CANCELLED, JobStatus.RUNNING) == (
        "Only a queued job can be started; this one is cancelled, a status outside the workflow."
    )


async def test_jobs_of_an_unknown_status_are_listed_and_counted(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    page = await app.store.get_generation_jobs()
    assert sorted(job.status for job in page.items) == ["cancelled", "cancelled", *sorted(JobStatus)]
    assert {job.id for job in (await app.store.get_jobs_by_status("cancelled")).items} == set(app.cancelled)
    assert await app.store.get_job_statuses(app.cancelled) == dict.fromkeys(app.cancelled, CANCELLED)
    assert (await the_job(app.store, app.cancelled[0])).status == CANCELLED

    for column, descending in product(OrderColumn, (True, False)):
        listed = ListQuery(order=ListOrder(column=column, descending=descending))
        listing = await app.store.get_listing(ListingQuery(window=RowWindowQuery(listed=listed)))
        assert {job.id for job in listing.window.jobs} == {*app.known.values(), *app.cancelled}

    found = await app.store.find_jobs(parse("status:cancelled"))
    assert {job.id for job in found.items} == set(app.cancelled)
    others = await app.store.find_jobs(parse("-status:cancelled,failed"))
    assert {job.status for job in others.items} == {"queued", "running", "succeeded"}
    assert await app.store.count_jobs(parse("status:cancelled"), most=10) == 2

    statistics = await app.store.get_job_statistics()
    assert [(row.status, row.count) for row in statistics] == list(COUNTS.items())
    assert statistics.cost_cents(CANCELLED) == 20
    assert {row.status for row in await app.store.get_job_summary()} == {*JobStatus, CANCELLED}
    assert (await app.store.get_job_timings()).of_all.finished <= 2

    # Without statistics, each status of the workflow is counted on its own, and the others in one statement.
    counter = TotalsCounter(app.store.database, app.store.actor)
    monkeypatch.setattr(counter, "_slow_counts", SlowStatistics())
    capabilities = CountCapabilities(has_projects=True, has_rollups=False, readable=frozenset(), may_estimate=False)
    without_statistics = await counter.count(TotalsQuery(project_id=app.project), capabilities, at=None)
    assert without_statistics.statistics is None
    for totals in (
        await app.store.get_totals(TotalsQuery()),
        await app.store.get_exact_totals(TotalsQuery(), lambda *_: None),
        without_statistics,
    ):
        assert {status: one.number for status, one in totals.counts.items()} == COUNTS
        assert totals.precision is Precision.EXACT
        if totals.statistics is not None:
            assert totals.count(None) == Count(number=6)


async def test_job_with_an_unknown_status_is_never_moved_but_can_be_deleted_and_restored(app: App) -> None:
    for target in (JobStatus.RUNNING, JobStatus.SUCCEEDED, JobStatus.FAILED):
        outcome = await app.store.transition_job_status(app.cancelled[0], target)
        assert isinstance(outcome, Refused)
        assert (outcome.current, outcome.allowed) == (CANCELLED, ())
    with pytest.raises(InvalidValue, match="Unknown status 'cancelled'"):
        await app.store.transition_job_status(app.known[JobStatus.QUEUED], "cancelled")
    assert await app.store.get_job_statuses(app.cancelled) == dict.fromkeys(app.cancelled, CANCELLED)

    job = await the_job(app.store, app.cancelled[0])
    (deleted,) = await app.store.delete_jobs_as_seen({job.id: job.status})
    assert isinstance(deleted, Deleted)
    assert await app.store.restore_generation_jobs([deleted.job]) == (job,)

    # A watch reports a change to an unknown status.
    watch = await app.store.watch()
    await watch.read()
    job_id = app.known[JobStatus.QUEUED]
    app.db.sql("update generation_jobs set status = 'cancelled', updated_at = now() where id = %s", [job_id])
    found: list[Transition] = []
    for _ in range(20):
        found += [one for one in (await watch.read()).transitions if one.job_id == job_id]
        if found:
            break
    assert [(one.from_status, one.to_status) for one in found] == [(JobStatus.QUEUED, CANCELLED)]
    assert [(await watch.read()).transitions for _ in range(3)] == [()] * 3

    # The doctor suggests no check that the rows violate.
    for change in ("select", "alter table generation_jobs rename constraint generation_jobs_status_check to any_name"):
        app.db.sql(change)
        findings = (await examine(app.store.database, label="wider check")).findings
        problems = [one for one in findings if one.severity is Severity.PROBLEM]
        assert not [one for one in problems if "status_check" in repr(one) or "any_name" in repr(one)]
        assert not [one for one in findings if one.sql and "CHECK" in one.sql and "status" in one.sql]

    app.db.sql("alter table generation_jobs drop constraint any_name")
    findings = (await examine(app.store.database, label="no check")).findings
    assert [one.severity for one in findings if one.name == "further-values"] == [Severity.NOTE]
    assert not [one for one in findings if one.sql and "status_check" in one.sql]


@pytest.mark.parametrize("app", ["migrated_copy"], indirect=True)
async def test_jobs_with_an_unknown_status_have_a_history_and_are_archived_and_restored(app: App) -> None:
    expired = await cleanup.find_expired(app.store, timedelta(0), statuses=[CANCELLED])
    (found,) = await cleanup.count_expired(app.store, expired)
    assert (found.status, found.count) == (CANCELLED, 2)
    assert (await cleaned(app.store, expired)).done == 2
    query = ArchiveQuery(status=CANCELLED)
    counts = await archive.count_archived(app.store, query)
    assert [(row.status, row.count) for row in counts] == [(CANCELLED, 2)]
    statistics = await archive.get_statistics_with_archive(app.store)
    assert statistics.count(CANCELLED) == 2
    assert (await last_of(archive.restore_matching(app.store, query))).done == 2
    with pytest.raises(InvalidValue, match="'cancelled' is not one"):
        await cleanup.set_policy(
            app.store,
            project_id=None,
            older_than=timedelta(days=1),
            action=RetentionAction.ARCHIVE,
            statuses=[JobStatus.FAILED, CANCELLED],
        )

    job_id = app.db.make_job(app.project, "cancelled")
    app.db.sql("update generation_jobs set status = 'queued' where id = %s", [job_id])
    history = await app.store.get_job_history(job_id)
    assert [(event.from_status, event.to_status) for event in history.events] == [
        (None, CANCELLED), (CANCELLED, JobStatus.QUEUED),
    ]  # fmt: skip
    assert [span.status for span in history.spans] == [CANCELLED, JobStatus.QUEUED]


def test_every_status_can_be_quoted_in_a_filter() -> None:
    for text in ("cancelled", "fail", "Queued", "on hold", "FAILED", "any, thing"):
        job_filter = parse(f'status:"{text}"')
        assert job_filter.terms[0].values == (text,)
        assert parse(format_filter(job_filter)) == job_filter


JOB, OTHER = UUID(int=0xA1), UUID(int=0xA2)


@pytest.fixture
async def store(attached_database: Conninfo, app_sql: Sql) -> AsyncIterator[Store]:
    upgrade(attached_database)
    add_ada(app_sql, JOB, OTHER)
    async with Store(Database(attached_database)) as store:
        yield store


def event_time(sql: Sql, status: str) -> datetime:
    ((at,),) = sql("select at from gjobs.job_events where to_status = %s and kind = 'status'", (status,))
    assert isinstance(at, datetime)
    return at


async def test_job_has_its_times_wherever_it_is_read_and_after_it_is_restored(store: Store, app_sql: Sql) -> None:
    await store.transition_job_status(JOB, "running")
    outcome = await store.transition_job_status(JOB, "failed", error="Boom")
    assert isinstance(outcome, Applied)
    ended = outcome.job
    assert (ended.started_at, ended.completed_at) == (event_time(app_sql, "running"), event_time(app_sql, "failed"))
    assert ended.retry_count is None
    assert job_times(ended, None).run is not None

    listing = await store.get_listing(ListingQuery(window=RowWindowQuery(listed=ListQuery(status=JobStatus.FAILED))))
    (listed,) = listing.window.jobs
    assert listing.window.has_starts
    assert (listed.completed_at, listed.started_at) == (ended.completed_at, ended.started_at)

    app_sql("select gjobs.archive_jobs(%s)", ([JOB],))
    app_sql("select gjobs.restore_jobs(%s)", ([JOB],))
    assert await the_job(store, JOB) == ended
    await store.delete_generation_jobs({JOB: None})
    await store.restore_generation_jobs([ended])
    assert await the_job(store, JOB) == ended


async def test_past_moments_and_statistics_work(store: Store, app_sql: Sql) -> None:
    await store.transition_job_status(JOB, "running")
    ((while_running,),) = app_sql("select clock_timestamp()")
    await store.transition_job_status(JOB, "succeeded")
    past = await the_job(past_store(store, while_running), JOB)
    assert (past.status, past.completed_at) == (JobStatus.RUNNING, None)

    timings = await store.get_job_timings()
    assert (timings.of_all.succeeded, timings.of_all.queued) == (1, 1)
    assert timings.of_all.running is not None
    flow = await store.get_flow(TotalsQuery())
    assert flow.moves is not None
    assert flow.moves.entered[JobStatus.SUCCEEDED] == 1


async def test_retry_is_linked_and_counted_once_the_table_has_the_column(
    store: Store, app_sql: Sql, attached_database: Conninfo
) -> None:
    app_sql("update generation_jobs set status = 'failed'")
    assert not (await store.get_waste(WasteKey.MODE)).knows_retries
    (made,) = await store.retry_generation_jobs([JOB])
    assert isinstance(made, Retried)
    assert (made.job.retry_count, made.job.status) == (None, JobStatus.QUEUED)
    assert (await store.get_job_links(made.job.id)).repeats == JOB

    add_columns(attached_database, lacking_columns(attached_database))
    async with Store(Database(attached_database)) as later:
        (counted,) = await later.retry_generation_jobs([OTHER])
        assert isinstance(counted, Retried)
        assert counted.job.retry_count == 1
        waste = await later.get_waste(WasteKey.MODE)
        assert (waste.knows_retries, waste.total.retry_count) == (True, 1)
