"""Jobs and numbers of earlier moments equal what was there, for each actor, whatever happened since."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gjobs.store.database.database import Database
from gjobs.store.error_groups.error_group import error_group_id
from gjobs.store.errors import BeforeLog, InvalidValue, ReadOnly, SchemaMissing
from gjobs.store.filters.filter_syntax import parse
from gjobs.store.job_list.list_query import End, ListingQuery, ListOrder, ListQuery, OrderColumn, RowWindowQuery, key_of
from gjobs.store.job_store import JobStore
from gjobs.store.jobs.job import GenerationJob, JobStatus
from gjobs.store.jobs.job_results import MOST_CHANGES, PageKey, PastJob
from gjobs.store.moments import moment_sql
from gjobs.store.moments.past_store import TOO_MUCH, Known, PastStore, past_store
from gjobs.store.statistics.statistics import TotalsQuery
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR, Actor
from tests.conftest import Conninfo, connect
from tests.store.store_fixtures import ADA, ADA_HERSELF, BEN, BEN_HIMSELF, NOW, Db, Sql, altered, error_of, writes

Values = dict[str, Any]
ACTORS: tuple[Actor, ...] = (OPERATOR, ADA_HERSELF)
NEVER_MARKED = ("id", "status", "cost_cents")


def moment_now(sql: Sql) -> datetime:
    ((time,),) = sql("select clock_timestamp()")
    found: datetime = time
    return found


def values_of(job: GenerationJob) -> Values:
    """Return the values that are known, by name."""
    return {field.name: getattr(job, field.name) for field in fields(GenerationJob) if field.name not in marks_of(job)}


def marks_of(job: GenerationJob) -> set[str]:
    return {*job.unrecorded} if isinstance(job, PastJob) else set()


def agrees(job: GenerationJob, then: GenerationJob) -> bool:
    """Return whether all values that are not marked are those of the moment."""
    known = values_of(job)
    return known.items() <= values_of(then).items() and {*NEVER_MARKED} <= known.keys()


SAFE = {
    "They return what the overridden find_jobs returns.": (
        *("get_generation_jobs", "get_project_jobs", "get_jobs_by_status", "get_recent_jobs"),
    ),
    "PastDatabase refuses these writes.": (
        *("create_generation_job", "update_generation_job", "transition_job_status", "transition_jobs"),
        *("retry_generation_jobs", "delete_generation_job", "delete_generation_jobs", "delete_jobs_as_seen"),
        *("restore_generation_jobs", "create_project", "set_budget", "remove_budget"),
    ),
    "They read projects, assets and users, whose past is not recorded.": (
        *("get_projects", "get_project", "get_projects_named", "get_assets", "get_asset"),
        *("get_users", "get_user", "get_user_emails", "find_users", "find_actor", "acting_as_user"),
    ),
    "They return what the overridden get_these_jobs returns.": ("get_generation_job",),
    "They return what the overridden get_job_statistics returns.": ("get_total_costs",),
    "They serve writes or events of the present.": ("get_cascading_tables", "resolve_write", "watch"),
    "They read nothing.": ("connect", "close"),
}
"""Methods of Store that PastStore need not override, by the reason."""


class History:
    """Random writes, and what a store listed after each of them."""

    # Random ids would choose other jobs in each run. The events of former examples stay, so no id is used twice.
    numbers = count(1)

    def __init__(self, sql: Sql, present: Callable[[Actor], Store]) -> None:
        self.sql, self.present = sql, present
        self.projects = [
            sql("insert into projects (user_id, name, created_at) values (%s, 'x', %s) returning id", (owner, NOW))[0][
                0
            ]
            for owner in (ADA, BEN)
        ]
        self.deleted: list[tuple[Any, ...]] = []

    def pick(self, number: int) -> UUID | None:
        found = self.sql("select id from generation_jobs order by id")
        return found[number % len(found)][0] if found else None

    def write(self, what: str, number: int) -> None:
        sql, job = self.sql, self.pick(number)
        if what == "create":
            created_at = NOW + timedelta(minutes=number % 7)
            status = list(JobStatus)[number % 4]
            sql(
                "insert into generation_jobs (id, user_id, project_id, status, mode, cost_cents, created_at)"
                " select %s, user_id, id, %s, 'lifestyle', %s, %s from projects where id = %s",
                (UUID(int=next(self.numbers)), status, number, created_at, self.projects[number % 2]),
            )
        elif what == "restore":
            for (archived,) in sql("select id from gjobs.archived_jobs order by id limit 1"):
                sql("select gjobs.restore_jobs(array[%s::uuid])", (archived,))
        elif what == "undo" and self.deleted:
            sql(
                "insert into generation_jobs select (jsonb_populate_record(null::generation_jobs, %s::jsonb)).*",
                self.deleted.pop(),
            )
        elif job is not None:
            self._change(what, number, job)

    def _change(self, what: str, number: int, job: UUID) -> None:
        sql = self.sql
        if what == "move":
            status = list(JobStatus)[number % 4]
            sql("update generation_jobs set status = %s, error = %s where id = %s", (status, f"e{number}", job))
        elif what == "several":
            sql("update generation_jobs set cost_cents = cost_cents + 1, updated_at = now()")
        elif what == "delete":
            self.deleted += sql("select to_jsonb(j)::text from generation_jobs j where id = %s", (job,))
            sql("delete from generation_jobs where id = %s", (job,))
        elif what == "archive":
            sql("select gjobs.archive_jobs(array[%s::uuid])", (job,))
        elif what in ("error", "cost_cents", "retry_count", "mode"):
            sql(f"update generation_jobs set {what} = %s where id = %s", (str(number), job))  # noqa: S608


WRITES = (
    "create",
    "move",
    "error",
    "cost_cents",
    "retry_count",
    "mode",
    "several",
    "delete",
    "undo",
    "archive",
    "restore",
)
LISTED = ListingQuery(window=RowWindowQuery(after=50))


async def check_moment_as(
    past: PastStore, jobs: Sequence[GenerationJob], project: UUID, *, all_ids: Sequence[UUID]
) -> None:
    """Compare everything that the store returns about its moment with the jobs that were there."""
    window = (await past.get_listing(LISTED)).window
    listed = window.jobs
    assert window.has_starts
    assert {job.id for job in listed} == {job.id for job in jobs}
    by_id = {job.id: job for job in jobs}
    assert all(agrees(job, by_id[job.id]) for job in listed)
    keys = [(job.created_at, job.id) for job in listed]
    assert keys == sorted(keys, reverse=True)
    of_project = await past.get_project_jobs(project)
    assert {job.id for job in of_project} == {job.id for job in jobs if job.project_id == project}
    single = await past.get_these_jobs(all_ids)
    assert {job.id: values_of(job) for job in single} == {job.id: values_of(job) for job in listed}
    statistics = await past.get_job_statistics()
    for status in JobStatus:
        costs = [job.cost_cents for job in jobs if job.status is status]
        assert (statistics.count(status), statistics.cost_cents(status)) == (len(costs), sum(costs))
    of_project_then = [job for job in jobs if job.project_id == project]
    assert (await past.get_job_statistics(project)).total_count == len(of_project_then)
    assert await past.get_total_costs(project) == sum(job.cost_cents for job in of_project_then)


@example([("create", 2), ("move", 1), ("archive", 1), ("create", 2), ("move", 1), ("delete", 1)])
@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(WRITES), st.integers(0, 50)), min_size=4, max_size=10))
def test_each_moment_is_shown_as_it_was(database: Conninfo, sql: Sql, steps: list[tuple[str, int]]) -> None:
    async def run() -> None:
        sql("delete from generation_jobs")
        sql("delete from gjobs.archived_jobs")
        async with Store(Database(database)) as operator:
            history = History(sql, operator.acting_as)
            history.write("create", 1)
            seen: list[tuple[datetime, Actor, Sequence[GenerationJob]]] = []
            for step in (("create", 2), *steps):
                for actor in ACTORS:
                    present = await operator.acting_as(actor).get_generation_jobs(limit=100)
                    seen.append((moment_now(sql), actor, present.items))
                history.write(*step)
            ids = [row[0] for row in sql("select distinct job_id from gjobs.job_event_log")]
            for moment, seen_by, jobs in seen:
                past = past_store(operator.acting_as(seen_by), moment)
                await check_moment_as(past, jobs, history.projects[0], all_ids=ids)

    asyncio.run(run())


@pytest.fixture
def story(db: Db, sql: Sql) -> tuple[UUID, datetime]:
    """Sixteen jobs of Ada's project, and a moment after which they changed in several ways."""
    project = db.make_project()
    statuses = [list(JobStatus)[number % 4] for number in range(16)]
    db.make_jobs(
        {
            "id": UUID(int=number + 1),
            "project_id": project,
            "status": status,
            "cost_cents": number * 10,
            "error": f"error {number}" if status is JobStatus.FAILED else None,
            "created_at": NOW + timedelta(minutes=number),
            "updated_at": NOW + timedelta(hours=1),
        }
        for number, status in enumerate(statuses)
    )
    moment = moment_now(sql)
    sql("update generation_jobs set status = 'succeeded', error = null, cost_cents = 1")
    sql("delete from generation_jobs where id = %s", (UUID(int=12),))
    sql("select gjobs.archive_jobs(array[%s::uuid])", (UUID(int=8),))
    return project, moment


def numbers(jobs: Sequence[GenerationJob]) -> list[int]:
    return [job.id.int for job in jobs]


async def test_filters_orders_and_pages_work_on_the_jobs_of_the_moment(
    operator: Store, story: tuple[UUID, datetime]
) -> None:
    project, moment = story
    past = past_store(operator, moment)
    page = await past.get_project_jobs(project, limit=5)
    assert page.next_key is not None
    rest = await past.get_project_jobs(
        project, limit=50, after=PageKey(created_at=page.next_key.created_at, id=page.next_key.id)
    )
    # A deleted job gets the time of its recorded creation event, so it is among the newest.
    assert sorted(numbers([*page.items, *rest.items])) == list(range(1, 17))
    failed = await past.find_jobs(parse("status:failed error:error"))
    assert sorted(numbers(failed.items)) == [4, 8, 12, 16]
    assert {job.error for job in failed.items} == {f"error {number}" for number in (3, 7, 11, 15)}
    group = error_group_id("error 3")
    assert sorted(numbers((await past.find_jobs(parse(f"error-group:{group}"))).items)) == [4, 8, 12, 16]
    assert await past.count_jobs(parse("cost:>100"), most=100) == 5
    listed = ListQuery(order=ListOrder(column=OrderColumn.COST))
    first = (await past.get_listing(ListingQuery(window=RowWindowQuery(listed=listed, after=4)))).window
    assert (numbers(first.jobs), first.has_after) == ([16, 15, 14, 13], True)
    anchor = RowWindowQuery(listed=listed, anchor=key_of(first.jobs[2], listed.order), before=1, after=2)
    assert numbers((await past.get_window(anchor)).jobs) == [15, 14, 13]
    ended = ListQuery(order=ListOrder(column=OrderColumn.TOTAL, descending=False))
    by_time = (
        await past.get_listing(ListingQuery(window=RowWindowQuery(listed=ended, anchor=End.FIRST, after=50)))
    ).window
    assert len(by_time.jobs) == 16
    await error_of(InvalidValue, past.find_jobs(parse("is:stuck")))


async def test_projects_created_after_the_moment_are_not_listed(
    operator: Store, story: tuple[UUID, datetime], sql: Sql
) -> None:
    project, moment = story
    sql("insert into projects (user_id, name) select user_id, 'later' from projects")
    listings = [await store.get_listing(LISTED) for store in (operator, past_store(operator, moment))]
    named = [[one.name for one in listing.projects] for listing in listings]
    assert named == [["later", "Catalog"], ["Catalog"]]
    assert listings[1].projects[0].id == project


async def test_details_show_the_events_until_the_moment(operator: Store, story: tuple[UUID, datetime]) -> None:
    _, moment = story
    past = past_store(operator, moment)
    history = await past.get_job_history(UUID(int=12))
    assert [event.kind for event in history.events] == ["created"]
    job = await past.get_generation_job(UUID(int=12))
    assert isinstance(job, PastJob)
    assert (job.status, job.error) == (JobStatus.FAILED, "error 11")
    assert job.unrecorded == ("input_asset_id", "updated_at", "completed_at", "created_at")
    assert (await past.find_by_id(str(UUID(int=12)))).jobs == (job,)
    assert [one.status for one in (await past.find_by_id(str(UUID(int=1)))).jobs] == [JobStatus.QUEUED]
    archived = await past.get_generation_job(UUID(int=8))
    assert archived is not None
    assert archived.created_at == NOW + timedelta(minutes=7)
    totals = await past.get_totals(TotalsQuery.of_list(ListQuery(job_filter=parse("status:failed"))))
    assert totals.matching is not None
    assert (totals.matching.number, totals.counts[JobStatus.FAILED].number) == (4, 4)


async def test_numbers_of_a_project_are_exact_after_its_jobs_moved(db: Db, sql: Sql) -> None:
    first, second = db.make_project(), db.make_project()
    moved, edited = db.make_job(first, "queued", cost_cents=5), db.make_job(first, "running", cost_cents=7)
    db.make_job(second, "failed", cost_cents=11)
    moment = moment_now(sql)
    sql("update generation_jobs set project_id = %s, status = 'running', cost_cents = 9 where id = %s", (second, moved))
    sql("update generation_jobs set mode = 'packaging' where id = %s", (edited,))
    sql("update generation_jobs set project_id = %s where id = %s", (first, moved))
    sql("update generation_jobs set project_id = %s where id = %s", (second, moved))
    for actor in ACTORS:
        past = past_store(db.operator.acting_as(actor), moment)
        of_first, of_second = await past.get_job_statistics(first), await past.get_job_statistics(second)
        assert [of_first.count(status) for status in JobStatus] == [1, 1, 0, 0]
        assert [of_second.cost_cents(status) for status in JobStatus] == [0, 0, 0, 11]
        projects = (await past.get_totals(TotalsQuery())).projects or {}
        assert {one: (it.job_count, it.total_cost_cents) for one, it in projects.items()} == {
            first: (2, 12),
            second: (1, 11),
        }
    past = past_store(db.operator, moment)
    much = replace(await past.check(), count=MOST_CHANGES + 1)
    changed = PastStore(past.database, OPERATOR, past.capability_cache, moment=moment, known=Known(events=much))
    assert (await changed.get_totals(TotalsQuery())).unknown_because == TOO_MUCH


async def test_error_that_a_job_kept_when_it_was_queued_again_is_known(db: Db, sql: Sql) -> None:
    job = db.make_job(status="failed", error="boom")
    sql("update generation_jobs set status = 'queued'")
    moment = moment_now(sql)
    sql("update generation_jobs set error = null")
    for actor in ACTORS:
        (found,) = await past_store(db.operator.acting_as(actor), moment).get_these_jobs([job])
        assert (found.status, found.error) == (JobStatus.QUEUED, "boom")


async def test_job_without_earlier_events_has_the_values_that_the_next_events_prove(db: Db, sql: Sql) -> None:
    kept, failed, moved, edited, deleted = (db.make_job(status="failed", error=f"e{n}", mode="m") for n in range(5))
    ended = db.make_job(status="succeeded", error="a warning", mode="m")
    sql("delete from gjobs.job_event_log")
    moment = moment_now(sql)
    sql("update generation_jobs set cost_cents = cost_cents + 1 where id <> all (%s)", ([moved, edited, deleted],))
    sql("update generation_jobs set status = 'queued', error = null where id = %s", (failed,))
    sql("update generation_jobs set cost_cents = cost_cents + 1, mode = 'later' where id = %s", (moved,))
    sql("update generation_jobs set error = 'later' where id = %s", (edited,))
    sql("delete from generation_jobs where id = %s", (deleted,))
    proven = {
        kept: ("m", "e0", set()),
        failed: ("m", "e1", set()),
        moved: ("later", None, {"mode", "error", "retry_count"}),
        edited: ("m", None, {"error"}),
        deleted: ("m", None, {"error"}),
        ended: ("m", "a warning", set()),
    }
    for actor in ACTORS:
        found = await past_store(db.operator.acting_as(actor), moment).get_these_jobs(list(proven))
        shown = {job.id: (job.mode, job.error, marks_of(job) & {"mode", "error", "retry_count"}) for job in found}
        assert shown == proven
    sql("update gjobs.job_event_log set day = null")  # An earlier build's events do not show whether a job has moved.
    (job,) = await past_store(db.operator, moment).get_these_jobs([kept])
    assert {"mode", "error", "retry_count"} <= marks_of(job)


async def test_moved_job_without_earlier_events_had_its_former_owner_and_project(db: Db, sql: Sql) -> None:
    adas, bens = db.make_project(), db.make_project(BEN)
    job = db.make_job(adas)
    moment = moment_now(sql)
    sql("delete from gjobs.job_event_log")
    sql("update generation_jobs set user_id = %s, project_id = %s where id = %s", (BEN, bens, job))
    (found,) = await past_store(db.operator, moment).get_these_jobs([job])
    assert (found.user_id, found.project_id) == (ADA, adas)
    assert "user_id" not in marks_of(found)
    (found,) = await past_store(db.operator.acting_as(BEN_HIMSELF), moment).get_these_jobs([job])
    assert "user_id" in marks_of(found)


async def test_error_is_not_proven_if_the_actor_may_not_see_events_in_between(db: Db, sql: Sql) -> None:
    job = db.make_job(status="failed", error="then", mode="m")
    moment = moment_now(sql)
    sql("delete from gjobs.job_event_log")
    for owner, change in ((BEN, "error = null"), (BEN, "error = 'now', mode = 'later'"), (ADA, "cost_cents = 9")):
        sql(f"update generation_jobs set user_id = %s, {change} where id = %s", (owner, job))  # noqa: S608 - of constants
    (found,) = await past_store(db.operator.acting_as(ADA_HERSELF), moment).get_these_jobs([job])
    assert {"mode", "error", "retry_count"} <= marks_of(found)


async def test_nothing_is_proven_of_a_time_when_an_owner_unknown_to_the_actor_had_the_job(db: Db, sql: Sql) -> None:
    given, lent = db.make_job(db.make_project(BEN)), db.make_job(cost_cents=5)
    moves = "update generation_jobs set user_id = %s where id = any(%s)"
    sql(moves, (BEN, [given, lent]))
    moment = moment_now(sql)
    sql("update generation_jobs set status = 'failed', cost_cents = 9 where user_id = %s", (BEN,))
    sql(moves, (ADA, [given, lent]))
    for actor, is_marked in ((OPERATOR, False), (ADA_HERSELF, True)):
        found = await past_store(db.operator.acting_as(actor), moment).get_these_jobs([given, lent])
        assert len(found) == 2
        for job in found:
            assert ({"user_id", "project_id", "status", "cost_cents"} <= marks_of(job)) is is_marked
            assert is_marked or (job.user_id, job.status) == (BEN, JobStatus.QUEUED)


async def test_moments_before_a_truncate_are_not_known(db: Db, sql: Sql) -> None:
    db.make_job()
    moment = moment_now(sql)
    sql("truncate generation_jobs")
    db.make_job()
    for actor in ACTORS:
        refused = await error_of(InvalidValue, past_store(db.operator.acting_as(actor), moment).get_job_statistics())
        assert refused.message.startswith("The log of this database reaches back to 20")


async def test_jobs_that_were_only_archived_or_restored_since_are_known_as_well_as_unchanged_ones(
    db: Db, sql: Sql
) -> None:
    running = [db.make_job(status="running") for _ in range(3)]
    while_running = moment_now(sql)
    sql("update generation_jobs set status = 'failed', error = 'x'")
    ended = {job.id: job for job in await db.operator.get_these_jobs(running)}
    moment = moment_now(sql)
    sql("select gjobs.archive_jobs(%s)", (running[:2],))
    while_archived = moment_now(sql)
    sql("select gjobs.restore_jobs(%s)", (running[1:2],))
    for actor in ACTORS:
        past = past_store(db.operator.acting_as(actor), moment)
        found = {job.id: job for job in await past.get_these_jobs(running)}
        assert found == ended
        listed = (await past.get_listing(LISTED)).window.jobs
        assert {job.id: values_of(job) for job in listed} == {one: values_of(job) for one, job in ended.items()}
    absent = await past_store(db.operator, while_archived).get_these_jobs(running)
    assert [job.id for job in absent] == running[2:]
    for job in await past_store(db.operator, while_running).get_these_jobs(running):
        assert (job.completed_at, isinstance(job, PastJob) and "completed_at" in job.unrecorded) == (None, False)
    sql("update generation_jobs set mode = 'packaging'")
    sql("delete from generation_jobs where id = %s", (running[2],))
    edited, deleted = await past_store(db.operator, moment).get_these_jobs(running[1:])
    assert isinstance(edited, PastJob)
    assert isinstance(deleted, PastJob)
    if edited.id != running[1]:
        edited, deleted = deleted, edited
    assert (edited.completed_at, edited.unrecorded) == (ended[edited.id].completed_at, ("input_asset_id", "updated_at"))
    assert deleted.unrecorded == ("input_asset_id", "updated_at", "completed_at", "created_at")
    ((event_at,),) = sql("select at from gjobs.job_event_log where job_id = %s and kind = 'status'", (deleted.id,))
    assert deleted.completed_at == event_at


async def test_job_is_known_that_a_transaction_archived_which_began_before_the_moment(
    db: Db, sql: Sql, database: Conninfo
) -> None:
    job = db.make_job()
    with connect(database) as long:
        long.execute("select pg_current_xact_id()")
        moment = moment_now(sql)
        long.execute("select gjobs.archive_jobs(array[%s::uuid])", (job,))
    listed = (await past_store(db.operator, moment).get_listing(LISTED)).window.jobs
    assert [one.id for one in listed] == [job]


async def test_values_without_an_event_are_marked(db: Db, sql: Sql) -> None:
    job_id = db.make_job(status="failed", error="before")
    deleted = db.make_job(status="running")
    sql("delete from gjobs.job_event_log")
    db.make_job()
    moment = moment_now(sql)
    sql("update generation_jobs set error = 'after', cost_cents = 300 where id = %s", (job_id,))
    sql("delete from generation_jobs where id = %s", (deleted,))
    job = await past_store(db.operator, moment).get_generation_job(job_id)
    assert isinstance(job, PastJob)
    assert (job.status, job.cost_cents) == (JobStatus.FAILED, 250)
    assert "error" in job.unrecorded
    steps = [await past_store(db.operator, moment).event_beside(None, is_later=later) for later in (False, True)]
    times = [row[0] for row in sql("select at from gjobs.job_event_log order by id")]
    assert steps == times[:2]
    listed = {one.id: one for one in (await past_store(db.operator, moment).get_generation_jobs()).items}
    assert (len(listed), listed[deleted].status) == (3, JobStatus.RUNNING)


async def test_steps_lead_through_the_events_of_one_transaction(db: Db, sql: Sql) -> None:
    project = db.make_project()
    db.make_jobs({"id": uuid4(), "project_id": project} for _ in range(3))
    sql("update gjobs.job_event_log set at = at + (id - (select min(id) from gjobs.job_event_log)) * interval '1 h'")
    times = [row[0] for row in sql("select at - interval '3 h' from gjobs.job_event_log order by id")]
    sql("update gjobs.job_event_log set at = at - interval '3 h'")
    past = past_store(db.operator, times[1])
    beside = [await past.event_beside(project, is_later=is_later) for is_later in (False, True)]
    assert beside == [times[0], times[2]]


async def test_late_events_of_a_long_transaction_are_undone(db: Db, sql: Sql, database: Conninfo) -> None:
    project = db.make_project()
    changed, deleted = (db.make_job(project, "queued", cost_cents=5) for _ in range(2))
    with connect(database) as long:
        long.execute("select pg_current_xact_id()")
        others = {db.make_job(project, "queued") for _ in range(12)}
        sql("update gjobs.job_event_log set at = at - interval '10 min'")
        long.execute("update generation_jobs set status = 'running', cost_cents = 7 where id = %s", (changed,))
        long.execute("delete from generation_jobs where id = %s", (deleted,))
    ((moment, written),) = sql(
        "select min(at) - interval '3 min', min(at) from gjobs.job_event_log where at > now() - interval '5 min'"
    )
    for actor in ACTORS:
        past = past_store(db.operator.acting_as(actor), moment)
        listed = {job.id: job.status for job in (await past.get_project_jobs(project)).items}
        assert listed == dict.fromkeys({changed, deleted, *others}, JobStatus.QUEUED)
        found = await past.get_these_jobs([changed, deleted])
        assert {(job.id, job.status, job.cost_cents) for job in found} == {
            (one, JobStatus.QUEUED, 5) for one in (changed, deleted)
        }
        statistics = await past.get_job_statistics()
        assert [statistics.count(status) for status in JobStatus] == [14, 0, 0, 0]
        assert await past.event_beside(project, is_later=True) == written


async def test_only_the_newest_changes_are_searched_for_deleted_jobs(
    db: Db, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = db.make_project()
    first, last, kept = (db.make_job(project, "queued") for _ in range(3))
    moment = moment_now(sql)
    sql("update gjobs.job_event_log set at = at - interval '1 h'")
    sql("delete from generation_jobs where id = %s", (first,))
    for cost in range(4):
        sql("update generation_jobs set cost_cents = %s where id = %s", (cost, kept))
    sql("delete from generation_jobs where id = %s", (last,))
    # The first deletion becomes 20 minutes older than the last one.
    age = "((select max(id) from gjobs.job_event_log) - id) * interval '4 min'"
    sql(f"update gjobs.job_event_log set at = at - {age} where at > %s", (moment,))  # noqa: S608
    monkeypatch.setattr(moment_sql, "MOST_CHANGES", 3)
    monkeypatch.setattr("gjobs.store.jobs.job_results.MOST_CHANGES", 3)
    monkeypatch.setattr(moment_sql, "FEW_CHANGES", 0)
    past = past_store(db.operator, moment - timedelta(minutes=30))
    page = await past.get_project_jobs(project)
    assert {job.id for job in page.items} == {last, kept}
    assert page.cautions == ("Deleted jobs may be missing, because too much has changed since this moment.",)


async def test_list_with_more_deleted_jobs_than_it_reads_says_so(
    db: Db, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = db.make_project()
    jobs = [db.make_job(project, "queued") for _ in range(3)]
    moment = moment_now(sql)
    sql("delete from generation_jobs where id = any (%s)", (jobs[:2],))
    for few, most, is_warned in ((2, 1, False), (1, 2, False), (1, 1, True)):
        monkeypatch.setattr("gjobs.store.jobs.job_results.FEW_CHANGES", few)
        monkeypatch.setattr("gjobs.store.jobs.job_results.MOST_GONE", most)
        cautions = (await past_store(db.operator, moment).get_project_jobs(project)).cautions
        assert bool(cautions) is is_warned, (few, most)


async def test_user_whose_policies_hide_deleted_jobs_is_warned(db: Db, sql: Sql, story: tuple[UUID, datetime]) -> None:
    project, moment = story
    past = past_store(db.ada, moment)
    page = await past.get_project_jobs(project)
    assert (len(page), page.cautions) == (16, ())
    team = "create policy team on generation_jobs for select to authenticated using (true)"
    with altered(sql, team, "drop policy team on generation_jobs"):
        hidden = past_store(db.ada, moment)
        page = await hidden.get_project_jobs(project)
    assert len(page) == 14
    assert page.cautions == ("Jobs that are deleted or archived by now are missing: policies hide them.",)


async def test_past_store_never_writes(db: Db, sql: Sql) -> None:
    job_id = db.make_job()
    past = past_store(db.operator, moment_now(sql))
    job = await past.get_generation_job(job_id)
    assert job is not None
    for write in writes(past, job):
        await error_of(ReadOnly, write)
    for write in writes(past.acting_as(ADA_HERSELF), job):
        await error_of(ReadOnly, write)
    assert [tuple(row) for row in sql("select id, mode, status from generation_jobs")] == [
        (job_id, "lifestyle", "queued")
    ]


def test_past_store_overrides_each_read_of_the_present() -> None:
    public = {
        name
        for name, found in {**vars(JobStore), **vars(Store)}.items()
        if callable(found) or isinstance(found, classmethod)
    }
    safe = {name for names in SAFE.values() for name in names}
    assert {name for name in public if not name.startswith("_")} - vars(PastStore).keys() == safe


async def test_moments_that_are_not_recorded_are_refused(db: Db, sql: Sql) -> None:
    sql("delete from gjobs.job_event_log")
    await past_store(db.operator, moment_now(sql)).check()
    early = await error_of(InvalidValue, past_store(db.operator, NOW - timedelta(days=30)).check())
    assert early.message.startswith("The log of this database reaches back to 20")
    late = await error_of(InvalidValue, past_store(db.operator, moment_now(sql) + timedelta(days=1)).check())
    assert late.message == "This moment is in the future."
    for only_now in (
        past_store(db.operator, moment_now(sql)).get_job_timings(),
        past_store(db.operator, moment_now(sql)).get_job_summary(),
        past_store(db.operator, moment_now(sql)).get_error_groups(),
        past_store(db.operator, moment_now(sql)).get_waste(),
        past_store(db.operator, moment_now(sql)).get_budgets(),
        past_store(db.operator, moment_now(sql)).get_workers_overview(),
    ):
        assert "only for the present" in (await error_of(InvalidValue, only_now)).message


async def test_removed_events_limit_moments_and_histories_of_each_actor(db: Db, sql: Sql) -> None:
    """Also if the moment was shown before the removal."""
    old = db.make_job(status="queued", created_at=moment_now(sql) - timedelta(days=100))
    sql("update generation_jobs set status = 'running'")
    sql("update gjobs.job_event_log set at = at - case kind when 'created' then interval '91 d' else '89 d' end")
    recent = db.make_job()
    removed, kept = (moment_now(sql) - timedelta(days=days) for days in (90.5, 89.5))
    shown = [past_store(db.operator.acting_as(actor), removed) for actor in ACTORS]
    for past in shown:
        (job,) = await past.get_these_jobs([old])
        assert job.status is JobStatus.QUEUED
        assert not (await db.operator.get_job_history(old)).lacks_beginning
    sql("select gjobs.fold_events()")
    ((begins_at,),) = sql("select begins_at from gjobs.log_start")
    assert abs(begins_at - (moment_now(sql) - timedelta(days=90))) < timedelta(minutes=1)
    for before in shown:
        actor = before.actor
        for past in (before, past_store(db.operator.acting_as(actor), removed)):
            refused = await error_of(BeforeLog, past.get_these_jobs([old]))
            assert refused.log_begins_at == begins_at
        past = past_store(db.operator.acting_as(actor), kept)
        (job,) = await past.get_these_jobs([old])
        assert job.status is JobStatus.QUEUED
        for store in (past, db.operator.acting_as(actor)):
            history = await store.get_job_history(old)
            assert (history.lacks_beginning, history.log_begins_at) == (True, begins_at)
        assert not (await db.operator.acting_as(actor).get_job_history(recent)).lacks_beginning
    # Of the events that the next portion removes, none is shown.
    sql("update gjobs.job_event_log set at = at - interval '3 d' where kind = 'status'")
    await error_of(BeforeLog, past_store(db.operator, kept).event_beside(None, is_later=False))


async def test_moments_need_events(app_store: Store, app_sql: Sql) -> None:
    missing = await error_of(SchemaMissing, past_store(app_store, moment_now(app_sql)).get_generation_jobs())

    assert "gjobs migrate up" in str(missing.hint)


def test_function_for_any_client_shows_the_jobs_of_the_moment(story: tuple[UUID, datetime], sql: Sql) -> None:
    project, moment = story
    sql("insert into generation_jobs (user_id, project_id, mode) select user_id, id, 'new' from projects limit 1")
    found = sql("select id, status, cost_cents, unrecorded from gjobs.jobs_at(%s, %s) order by id", (moment, project))
    changed, gone = "input_asset_id,updated_at", "input_asset_id,updated_at,completed_at,created_at"
    assert [row[:3] for row in found] == [
        (UUID(int=number + 1), list(JobStatus)[number % 4], number * 10) for number in range(16)
    ]
    assert (found[0][3], found[11][3]) == (changed, gone)
    newest = sql("select id from gjobs.jobs_at(%s, p_limit => 2) where id < %s order by id", (moment, UUID(int=99)))
    assert newest == [(UUID(int=number),) for number in (12, 15, 16)]
    for gone_since in (None, moment):
        assert sql("select count(*) from gjobs.jobs_at(%s, p_gone_since => %s)", (moment, gone_since)) == [(16,)]
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="The log begins at 20"):
        sql("select * from gjobs.jobs_at('2020-01-01Z')")
