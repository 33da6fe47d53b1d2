"""A database whose app has a status that the workflow lacks: every reader goes on, and nothing moves such a job."""

from collections.abc import AsyncIterator, Hashable
from datetime import timedelta
from itertools import product

import pytest

from store.database.database import Database
from store.doctor.examine import examine
from store.doctor.findings import Severity
from store.errors import InvalidValue
from store.filters.filter_text import format_filter, parse
from store.job_list.list_query import ListingQuery, ListOrder, ListQuery, OrderColumn, RowWindowQuery
from store.jobs.job import JobStatus, UnknownStatus, in_order, parse_status, why_refused
from store.jobs.job_results import Deleted, Refused
from store.retention import archive, cleanup, retention_policies
from store.retention.retention import ArchiveQuery, RetentionAction
from store.statistics.totals import Precision, TotalsQuery
from store.statistics.totals_counter import CountCapabilities, Part, TotalsCounter
from store.store import Store
from store.watch.watch import Transition
from tests.conftest import Conninfo, connect
from tests.store.store_fixtures import ADA, Db, sql_of

CANCELLED = UnknownStatus("cancelled")
WIDER = """
alter table public.generation_jobs drop constraint generation_jobs_status_check;
alter table public.generation_jobs add constraint {name}
    check (status in ('queued', 'running', 'succeeded', 'failed', 'cancelled'));
"""


class RestingStatistics:
    """What adds up all jobs took too long before."""

    def is_resting(self, scope: Hashable) -> bool:
        return isinstance(scope, tuple) and scope[0] is Part.STATISTICS

    def note(self, scope: Hashable) -> None: ...

    def forget(self, scope: Hashable) -> None: ...


class World:
    """One job of each status of the workflow, and two that the app has cancelled."""

    def __init__(self, db: Db) -> None:
        self.db, self.store = db, db.operator
        self.project = db.make_project()
        self.known = {status: db.make_job(self.project, status, cost_cents=100) for status in JobStatus}
        self.cancelled = [db.make_job(self.project, "cancelled", cost_cents=10) for _ in range(2)]


@pytest.fixture(params=["managed", "the app's own"])
def wider(request: pytest.FixtureRequest) -> Conninfo:
    """A schema of the test's own, whose check allows one more status."""
    name = "migrated_copy" if request.param == "managed" else "attached_database"
    conninfo: Conninfo = request.getfixturevalue(name)
    with connect(conninfo, autocommit=True) as connection:
        connection.execute(WIDER.format(name="generation_jobs_status_check").encode())
    return conninfo


@pytest.fixture
async def world(wider: Conninfo) -> AsyncIterator[World]:
    with connect(wider, autocommit=True) as connection:
        sql = sql_of(connection)
        sql("insert into auth.users (id, email) values (%s, 'ada@example.com')", [ADA])
        async with Store(Database(wider)) as store:
            yield World(Db(wider, sql, store))


def test_any_text_is_a_status_and_only_the_workflows_have_transitions() -> None:
    assert parse_status("failed") is JobStatus.FAILED
    assert parse_status("cancelled") == CANCELLED
    assert (CANCELLED.allowed, CANCELLED.is_final) == ((), False)
    assert in_order([CANCELLED, JobStatus.FAILED, UnknownStatus("born"), JobStatus.QUEUED]) == [
        "queued", "failed", "born", "cancelled",
    ]  # fmt: skip


def test_refusal_says_that_the_status_is_outside_the_workflow() -> None:
    assert why_refused(CANCELLED, JobStatus.RUNNING) == (
        "Only a queued job can be started; this one is cancelled, a status outside the workflow."
    )


async def test_jobs_with_an_unknown_status_are_listed(world: World) -> None:
    page = await world.store.get_generation_jobs()
    assert sorted(job.status for job in page.items) == ["cancelled", "cancelled", *sorted(JobStatus)]
    assert {job.id for job in (await world.store.get_jobs_by_status("cancelled")).items} == set(world.cancelled)
    assert await world.store.get_job_statuses(world.cancelled) == dict.fromkeys(world.cancelled, CANCELLED)
    job = await world.store.get_generation_job(world.cancelled[0])
    assert job is not None
    assert job.status == CANCELLED


async def test_listing_in_every_order_has_unknown_statuses(world: World) -> None:
    for column, descending in product(OrderColumn, (True, False)):
        listed = ListQuery(order=ListOrder(column=column, descending=descending))
        listing = await world.store.get_listing(ListingQuery(window=RowWindowQuery(listed=listed)))
        assert {job.id for job in listing.window.jobs} == {*world.known.values(), *world.cancelled}


async def test_filter_finds_an_unknown_status_and_leaves_it_out(world: World) -> None:
    found = await world.store.find_jobs(parse("status:cancelled"))
    assert {job.id for job in found.items} == set(world.cancelled)
    rest = await world.store.find_jobs(parse("-status:cancelled,failed"))
    assert {job.status for job in rest.items} == {"queued", "running", "succeeded"}
    assert await world.store.count_jobs(parse("status:cancelled"), most=10) == 2


async def test_unknown_status_is_counted_under_its_own_name(world: World) -> None:
    statistics = await world.store.get_job_statistics()
    assert [(row.status, row.count) for row in statistics] == [
        ("queued", 1), ("running", 1), ("succeeded", 1), ("failed", 1), ("cancelled", 2),
    ]  # fmt: skip
    assert statistics.cost_cents(CANCELLED) == 20
    assert {row.status for row in await world.store.get_job_summary()} == {*JobStatus, CANCELLED}
    for totals in (
        await world.store.get_totals(TotalsQuery()),
        await world.store.get_exact_totals(TotalsQuery(), lambda *_: None),
    ):
        assert {status: one.number for status, one in totals.counts.items()} == {
            "queued": 1, "running": 1, "succeeded": 1, "failed": 1, "cancelled": 2,
        }  # fmt: skip
        assert totals.precision is Precision.EXACT
        every = totals.count(None)
        assert every is not None
        assert every.number == 6
    assert (await world.store.get_job_timings()).of_all.finished <= 2


async def test_unknown_statuses_are_counted_where_adding_up_takes_too_long(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then each status of the workflow is counted for itself, and the others by one statement."""
    counter = TotalsCounter(world.store.database, world.store.actor)
    monkeypatch.setattr(counter, "_slow_counts", RestingStatistics())
    capabilities = CountCapabilities(has_projects=True, has_rollups=False, readable=frozenset(), may_estimate=False)
    totals = await counter.count(TotalsQuery(project_id=world.project), capabilities, at=None)
    assert totals.statistics is None
    assert {status: one.number for status, one in totals.counts.items()} == {
        "queued": 1, "running": 1, "succeeded": 1, "failed": 1, "cancelled": 2,
    }  # fmt: skip
    assert totals.precision is Precision.EXACT


async def test_no_transition_or_retry_moves_a_job_with_an_unknown_status(world: World) -> None:
    for target in (JobStatus.RUNNING, JobStatus.SUCCEEDED, JobStatus.FAILED):
        outcome = await world.store.transition_job_status(world.cancelled[0], target)
        assert isinstance(outcome, Refused)
        assert (outcome.current, outcome.allowed) == (CANCELLED, ())
    with pytest.raises(InvalidValue, match="Unknown status 'cancelled'"):
        await world.store.transition_job_status(world.known[JobStatus.QUEUED], "cancelled")
    assert await world.store.get_job_statuses(world.cancelled) == dict.fromkeys(world.cancelled, CANCELLED)


async def test_job_with_an_unknown_status_is_deleted_as_seen_and_comes_back(world: World) -> None:
    job = await world.store.get_generation_job(world.cancelled[0])
    assert job is not None
    (outcome,) = await world.store.delete_jobs_as_seen({job.id: job.status})
    assert isinstance(outcome, Deleted)
    assert await world.store.restore_generation_jobs([outcome.job]) == (job,)


async def test_watch_tells_of_an_unknown_status(world: World) -> None:
    watch = await world.store.watch()
    await watch.read()
    job_id = world.known[JobStatus.QUEUED]
    world.db.sql("update generation_jobs set status = 'cancelled', updated_at = now() where id = %s", [job_id])
    told: list[Transition] = []
    for _ in range(20):
        told += [one for one in (await watch.read()).transitions if one.job_id == job_id]
        if told:
            break
    assert [(one.from_status, one.to_status) for one in told] == [(JobStatus.QUEUED, CANCELLED)]


@pytest.mark.parametrize("is_renamed", [True, False])
async def test_doctor_suggests_no_check_that_the_rows_violate(world: World, is_renamed: bool) -> None:
    if is_renamed:
        world.db.sql("alter table generation_jobs rename constraint generation_jobs_status_check to status_is_known")
    report = await examine(world.store.database, label="wider")
    problems = [one for one in report.findings if one.severity is Severity.PROBLEM]
    assert not [one for one in problems if "status_check" in repr(one) or "status_is_known" in repr(one)]
    assert not [one for one in report.findings if one.sql and "CHECK" in one.sql and "status" in one.sql]


async def test_doctor_does_not_bring_back_a_check_that_rows_violate(world: World) -> None:
    world.db.sql("alter table generation_jobs drop constraint generation_jobs_status_check")
    report = await examine(world.store.database, label="open")
    assert [one.severity for one in report.findings if one.name == "further-values"] == [Severity.NOTE]
    assert not [one for one in report.findings if one.sql and "status_check" in one.sql]


class TestManaged:
    """What only a migrated database has."""

    @pytest.fixture
    def wider(self, migrated_copy: Conninfo) -> Conninfo:
        with connect(migrated_copy, autocommit=True) as connection:
            connection.execute(WIDER.format(name="generation_jobs_status_check").encode())
        return migrated_copy

    async def test_history_has_an_unknown_status(self, world: World) -> None:
        world.db.sql("update generation_jobs set status = 'queued' where id = %s", [world.cancelled[0]])
        history = await world.store.get_job_history(world.cancelled[0])
        assert [(event.from_status, event.to_status) for event in history.events] == [
            (None, CANCELLED), (CANCELLED, JobStatus.QUEUED),
        ]  # fmt: skip
        assert [span.status for span in history.spans] == [CANCELLED, JobStatus.QUEUED]

    async def test_jobs_with_an_unknown_status_are_archived_and_restored(self, world: World) -> None:
        expired = await cleanup.find_expired(world.store, timedelta(0), statuses=[CANCELLED])
        (found,) = await cleanup.count_expired(world.store, expired)
        assert (found.status, found.count) == (CANCELLED, 2)
        async for progress in cleanup.run_cleanup(world.store, expired, RetentionAction.ARCHIVE):
            done = progress.done
        assert done == 2
        query = ArchiveQuery(status=CANCELLED)
        counts = await archive.count_archived(world.store, query)
        assert [(row.status, row.count) for row in counts] == [(CANCELLED, 2)]
        statistics = await archive.get_statistics_with_archive(world.store)
        assert statistics.count(CANCELLED) == 2
        async for progress in archive.restore_matching(world.store, query):
            done = progress.done
        assert done == 2

    async def test_retention_policy_refuses_an_unknown_status(self, world: World) -> None:
        with pytest.raises(InvalidValue, match="'cancelled' is not one"):
            await retention_policies.set_policy(
                world.store,
                project_id=None,
                older_than=timedelta(days=1),
                action=RetentionAction.ARCHIVE,
                statuses=[JobStatus.FAILED, CANCELLED],
            )


@pytest.mark.parametrize("text", ["cancelled", "fail", "Queued", "on hold", "FAILED", "any, thing"])
def test_every_status_can_be_written_in_a_filter(text: str) -> None:
    quoted = parse(f'status:"{text}"')
    assert quoted.terms[0].values == (text,)
    assert parse(format_filter(quoted)) == quoted


def test_a_slip_of_a_status_is_pointed_at() -> None:
    with pytest.raises(InvalidValue, match="Unknown status 'faild'") as refused:
        parse("status:faild")
    assert refused.value.hint == ('Did you mean failed? Quote a status that only your app has: "faild".')
