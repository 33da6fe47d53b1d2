"""Users see and change exactly the rows that the policies allow, through every method and on each schema.

On the app's schema, also after an upgrade, a function and a view of the app would return all rows.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import astuple, replace
from inspect import getmembers, iscoroutinefunction
from random import Random
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gjobs.migrations.runner import upgrade
from gjobs.store.database.database import Database
from gjobs.store.error_groups.error_group import EVERY_FAILURE
from gjobs.store.errors import NoPrivilege
from gjobs.store.filters.filter_syntax import parse
from gjobs.store.isolation.isolation import ProbeVerdict
from gjobs.store.isolation.isolation_check import plan_probes, run_probes
from gjobs.store.job_list.list_query import ListingQuery, ListQuery, RowWindowQuery
from gjobs.store.jobs.job import GenerationJob, JobStatus
from gjobs.store.jobs.job_sql import ALL_COLUMNS, APP_COLUMNS, JobColumns, make_job
from gjobs.store.journal.write_record import UnconfirmedWrite, WriteRecord
from gjobs.store.statistics.statistics import TotalsQuery
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR, ActingUser
from tests.conftest import Conninfo, connect
from tests.statement_recording import AS_OPERATOR, TABLES, RecordedActor, StatementRecording, as_user
from tests.store.policy_model import ACTORS, NEW, USERS, Rows, Schema, any_operation, any_rows
from tests.store.store_fixtures import ADA, BEN, NOTHING, NOW, a_job, add_ada, add_asset, sql_of

PROFILE = settings(
    max_examples=2,
    derandomize=True,
    phases=[Phase.generate],  # Shrinking an example would take minutes.
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

OPERATIONS = 40
"""Operations in each example."""


_SET_BY_DATABASE = ("created_at", "updated_at", "retry_count", "completed_at", "started_at")


def _names(columns: JobColumns) -> str:
    return ", ".join(column.name for column in columns)


class Bench:
    """A database with a real store, and a connection of its owner, who inserts and reads all rows."""

    def __init__(self, conninfo: Conninfo, owner: psycopg.Connection, schema: Schema) -> None:
        self.schema = schema
        self._conninfo = conninfo
        self._owner = owner

    def fill(self, rows: Rows) -> Rows:
        """Insert the rows, and return them with the columns that the database sets."""
        self._owner.execute("delete from auth.users")
        if self.schema is not Schema.ATTACHED:  # The log outlives the jobs, and their ids are used again.
            self._owner.execute("delete from gjobs.job_event_log")
            self._owner.execute("select gjobs.count_again()")
        with self._owner.transaction(), self._owner.cursor() as cursor:
            cursor.executemany("insert into auth.users (id, email) values (%s, %s)", [(u, f"{u}@x") for u in USERS])
            cursor.executemany(
                "insert into projects (id, user_id, name) values (%s, %s, 'Catalog')", list(rows.owners.items())
            )
            cursor.executemany(
                "insert into assets (id, user_id, project_id, kind, mode, prompt_version, prompt_payload, storage_path)"
                " values (%s, %s, %s, 'input', 'lifestyle', 'v1', '{}', 'photo.jpg')",
                [(asset.id, asset.user_id, asset.project_id) for asset in rows.assets.values()],
            )
            cursor.executemany(
                f"insert into generation_jobs ({_names(APP_COLUMNS)})"  # noqa: S608
                f" values ({', '.join(['%s'] * len(APP_COLUMNS))})",
                [astuple(job)[: len(APP_COLUMNS)] for job in rows.jobs.values()],
            )
        return replace(rows, jobs=self.jobs())

    def jobs(self) -> dict[UUID, GenerationJob]:
        start = "(select started_at from gjobs.job_starts where job_id = id)"
        end = (
            "(select max(e.at) from gjobs.job_events e where e.job_id = generation_jobs.id"
            " and e.to_status in ('succeeded', 'failed') and e.kind in ('created', 'status'))"
        )
        columns = {
            Schema.MANAGED: f"{_names(ALL_COLUMNS)}, {start}",
            Schema.ADOPTED: f"{_names(APP_COLUMNS)}, null, {end}, {start}",
            Schema.ATTACHED: _names(APP_COLUMNS),
        }[self.schema]
        cursor = self._owner.execute(f"select {columns} from generation_jobs".encode())  # noqa: S608
        return {job.id: job for job in map(make_job, cursor)}

    def settled(self, before: Rows, expected: Rows) -> Rows:
        """Require the expected rows, and return them with the ids and times that the database set."""
        found = self.jobs()
        made = found.keys() - before.jobs.keys()
        wanted = {next(iter(made)) if job_id == NEW and made else job_id: job for job_id, job in expected.jobs.items()}
        assert found.keys() == wanted.keys()
        for job_id, job in found.items():
            if wanted[job_id] is before.jobs.get(job_id):
                assert job == wanted[job_id]
            else:  # Written, perhaps with the same values.
                set_by_database = {name: getattr(job, name) for name in _SET_BY_DATABASE}
                assert job == replace(wanted[job_id], id=job_id, **set_by_database)
        return replace(expected, jobs=found)

    async def play(self, random: Random) -> None:
        rows = self.fill(any_rows(random))
        async with Store(Database(self._conninfo)) as operator:
            for _ in range(OPERATIONS):
                operation = any_operation(random, rows)
                expected = operation.expect(rows, self.schema)
                answer = await operation.attempt(operator)
                assert type(answer) is expected.answer, (operation, answer)
                rows = self.settled(rows, expected.rows)
            for actor in ACTORS:
                await sees_their_own(operator.acting_as(actor), rows)


def newest_first(jobs: Iterable[GenerationJob]) -> list[GenerationJob]:
    return sorted(jobs, key=lambda job: (job.created_at, job.id), reverse=True)


async def sees_their_own(store: Store, rows: Rows) -> None:
    """Require that every read returns only the actor's rows."""
    own = newest_first(rows.jobs_of(store.actor).values())
    assert list(await store.get_generation_jobs()) == own
    assert list(await store.get_recent_jobs(3)) == own[:3]
    for job_id, job in rows.jobs.items():
        assert await store.get_generation_job(job_id) == (job if job in own else None)
    for status in JobStatus:
        assert list(await store.get_jobs_by_status(status)) == [job for job in own if job.status is status]
    for project_id in (None, *rows.owners):
        await sees_their_own_of(store, rows, project_id, [job for job in own if project_id in (None, job.project_id)])
    await sees_their_own_projects(store, rows, own)
    await finds_their_own(store, rows)


async def sees_their_own_of(store: Store, rows: Rows, project_id: UUID | None, own: list[GenerationJob]) -> None:
    total = sum(job.cost_cents for job in own)
    statistics = await store.get_job_statistics(project_id)
    assert Counter({row.status: row.count for row in statistics}) == Counter(job.status for job in own)
    assert statistics.total_cost_cents == await store.get_total_costs(project_id) == total
    summary = await store.get_job_summary(project_id)
    groups = Counter((job.user_id, job.project_id, job.status) for job in own)
    assert Counter({(row.user_id, row.project_id, row.status): row.job_count for row in summary}) == groups
    assert sum(row.total_cost_cents for row in summary) == total
    assert list(await store.find_jobs(project_id=project_id)) == own
    listing = await store.get_listing(ListingQuery(window=RowWindowQuery(listed=ListQuery(project_id=project_id))))
    assert [job.id for job in listing.window.jobs] == [job.id for job in own]
    assert {project.id for project in listing.projects} == rows.projects_of(store.actor)
    numbers = await store.get_totals(TotalsQuery(project_id=project_id))
    assert numbers.statistics == statistics
    assert numbers.days is not None
    assert sum(day.job_count for day in numbers.days) == len(own)
    if project_id is not None:
        assert list(await store.get_project_jobs(project_id)) == own
        held = {asset.id for asset in rows.assets_of(store.actor).values() if asset.project_id == project_id}
        assert {asset.id for asset in await store.get_assets(project_id)} == held


async def sees_their_own_projects(store: Store, rows: Rows, own: list[GenerationJob]) -> None:
    counts = Counter(job.project_id for job in own)
    listed = await store.get_projects()
    assert {project.id: project.job_count for project in listed} == {
        project_id: counts[project_id] for project_id in rows.projects_of(store.actor)
    }
    assert {project.id for project in await store.get_projects_named("Catalog")} == {project.id for project in listed}
    for project_id in rows.owners:
        found = await store.get_project(project_id)
        assert found == next((project for project in listed if project.id == project_id), None)


async def finds_their_own(store: Store, rows: Rows) -> None:
    """Require that search by id and the visibility comparison find exactly the rows that the actor may see."""
    own, projects, assets = rows.jobs_of(store.actor), rows.projects_of(store.actor), rows.assets_of(store.actor)
    for some_id in (*list(rows.jobs)[:4], *list(rows.owners)[:2], *list(rows.assets)[:2]):
        found = await store.find_by_id(str(some_id))
        assert [job.id for job in found.jobs] == [some_id] * (some_id in own)
        assert [project.id for project in found.projects] == [some_id] * (some_id in projects)
        assert [asset.id for asset in found.assets] == [some_id] * (some_id in assets)
    for user_id in USERS:
        assert len((await store.find_by_id(str(user_id))).users) == (store.actor == OPERATOR)
    if store.actor == OPERATOR:
        assert {user.id for user in await store.find_users("")} == set(USERS)
        return
    with pytest.raises(NoPrivilege):
        await store.find_users("")
    for project_id in list(rows.owners)[:2]:
        window = RowWindowQuery(listed=ListQuery(project_id=project_id))
        visibility = await store.compare_visibility(window)
        there = {job.id for job in rows.jobs.values() if job.project_id == project_id}
        assert {job.id for job in visibility.window.jobs} == there
        assert visibility.hidden == there - own.keys()
        assert (visibility.seen.number, visibility.everything.number) == (len(there & own.keys()), len(there))
        with_visibility = await store.get_listing(ListingQuery(window=window, with_visibility=True))
        assert with_visibility.visibility == visibility


@pytest.fixture(params=list(Schema), ids=lambda schema: schema.name.lower())
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    schema: Schema = request.param
    conninfo = request.getfixturevalue("database" if schema is Schema.MANAGED else "attached_database")
    if schema is Schema.ADOPTED:
        upgrade(conninfo)
    with connect(conninfo, autocommit=True) as owner:
        yield Bench(conninfo, owner, schema)


@PROFILE
@given(random=st.randoms(use_true_random=True))
def test_users_see_and_change_exactly_what_the_policies_allow(bench: Bench, random: Random) -> None:
    asyncio.run(bench.play(random))


PROJECT = UUID("a1000000-0000-4000-8000-000000000000")
ASSET = UUID("a2000000-0000-4000-8000-000000000000")
FAILED = UUID("a4000000-0000-4000-8000-000000000000")
JOB = UUID("a3000000-0000-4000-8000-000000000000")
AS_ADA = as_user(ADA)
Call = Callable[[Store], Awaitable[object]]
DELETED_JOB = a_job(id=UUID(int=7), project_id=PROJECT, status=JobStatus.FAILED, input_asset_id=ASSET)


async def read_watch(store: Store) -> None:
    watch = await store.watch()
    for _ in range(2):
        await watch.read()


async def read_error_group_jobs(store: Store) -> None:
    (group,) = found = await store.get_error_groups()
    assert await store.get_error_group_jobs(EVERY_FAILURE, group, at=found.taken_at)


UNCONFIRMED = UnconfirmedWrite(written=WriteRecord(what="change job", before=(replace(DELETED_JOB, id=JOB),)))

READS: dict[str, Call] = {
    "get_generation_jobs": lambda store: store.get_generation_jobs(),
    "get_project_jobs": lambda store: store.get_project_jobs(PROJECT, status="queued"),
    "get_jobs_by_status": lambda store: store.get_jobs_by_status("queued"),
    "find_jobs": lambda store: store.find_jobs(parse("project:Catalog lifestyle", now=NOW)),
    "get_page_with_names": lambda store: store.get_page_with_names(ListQuery(), limit=5),
    "get_window": lambda store: store.get_window(RowWindowQuery()),
    "get_recent_jobs": lambda store: store.get_recent_jobs(),
    "get_generation_job": lambda store: store.get_generation_job(JOB),
    "get_these_jobs": lambda store: store.get_these_jobs([JOB, NOTHING]),
    "get_job_statuses": lambda store: store.get_job_statuses([JOB, NOTHING]),
    "get_job_statistics": lambda store: store.get_job_statistics(PROJECT),
    "get_total_costs": lambda store: store.get_total_costs(),
    "get_job_summary": lambda store: store.get_job_summary(),
    "get_job_timings": lambda store: store.get_job_timings(PROJECT),
    "get_error_groups": lambda store: store.get_error_groups(),
    "get_error_group_jobs": lambda store: read_error_group_jobs(store),
    "get_waste": lambda store: store.get_waste(),
    "count_jobs": lambda store: store.count_jobs(parse("lifestyle", now=NOW), most=10),
    "watch": lambda store: read_watch(store),
    "get_listing": lambda store: store.get_listing(ListingQuery()),
    "returns_quickly": lambda store: store.returns_quickly(ListQuery(project_id=PROJECT)),
    "get_totals": lambda store: store.get_totals(TotalsQuery(matching=ListQuery(project_id=PROJECT))),
    "get_flow": lambda store: store.get_flow(TotalsQuery()),  # Before the next, whose flow it would reuse.
    "get_exact_totals": lambda store: store.get_exact_totals(TotalsQuery(), lambda *_: None),
    "get_projects": lambda store: store.get_projects(),
    "get_project": lambda store: store.get_project(PROJECT),
    "get_projects_named": lambda store: store.get_projects_named("Catalog"),
    "get_assets": lambda store: store.get_assets(PROJECT),
    "get_asset": lambda store: store.get_asset(ASSET),
    "find_by_id": lambda store: store.find_by_id(str(JOB)),
    "resolve_write": lambda store: store.resolve_write(UNCONFIRMED),
}

WRITES: dict[str, Call] = {
    "create_generation_job": lambda store: store.create_generation_job(
        project_id=PROJECT, mode="lifestyle", input_asset_id=ASSET
    ),
    "update_generation_job": lambda store: store.update_generation_job(JOB, cost_cents=5, input_asset_id=ASSET),
    "transition_job_status": lambda store: store.transition_job_status(JOB, JobStatus.RUNNING),
    "transition_jobs": lambda store: store.transition_jobs([JOB, NOTHING], JobStatus.RUNNING),
    "delete_generation_job": lambda store: store.delete_generation_job(JOB),
    "delete_generation_jobs": lambda store: store.delete_generation_jobs({JOB: JobStatus.QUEUED}),
    "delete_jobs_as_seen": lambda store: store.delete_jobs_as_seen({JOB: JobStatus.QUEUED, NOTHING: None}),
    "restore_generation_jobs": lambda store: store.restore_generation_jobs([DELETED_JOB]),
    "create_project": lambda store: store.create_project("Catalog", owner_id=ADA),
}

OF_USERS: dict[str, Call] = {  # Users may not call them.
    "get_users": lambda store: store.get_users(),
    "get_user": lambda store: store.get_user(str(ADA)),
    "find_users": lambda store: store.find_users("ada"),
}

WITHOUT_OUR_TABLES: dict[str, Call] = {
    "get_user_emails": lambda store: store.get_user_emails([ADA]),
    "find_actor": lambda store: store.find_actor("ada@example.com"),
    "acting_as_user": lambda store: store.acting_as_user(str(ADA)),
}

AS_BOTH_ACTORS = {"compare_visibility"}
WITHOUT_ROWS = {"close", "get_cascading_tables", "get_list_cost", "slow_order_reason"}

ON_GJOBS_TABLES = {
    *("retry_generation_jobs", "get_job_links", "get_workers_overview", "get_job_history", "get_stuck_verdict"),
    *("get_retried_jobs", "find_stuck_jobs", "get_budgets", "check_budget", "set_budget", "remove_budget"),
}
"""Methods on tables that the recording database lacks. Their own tests check who sees what."""


def fill(database: Conninfo) -> None:
    """Insert the rows again: Ada has a project with an asset and a queued job, and Ben has a job in it, too."""
    with connect(database) as owner:
        sql = sql_of(owner)
        sql("delete from auth.users")
        add_ada(sql, JOB, NOTHING, FAILED, project_id=PROJECT)
        sql("update generation_jobs set status = 'failed', updated_at = now() where id = %s", [FAILED])
        add_asset(sql, PROJECT, asset_id=ASSET)
        sql("insert into auth.users (id, email) values (%s, 'ben@example.com')", [BEN])
        sql("update generation_jobs set user_id = %s where id = %s", [BEN, NOTHING])


@pytest.fixture
async def operator(
    watched_database: Conninfo, reused_watched_database: Conninfo, recording: StatementRecording
) -> AsyncIterator[Store]:
    fill(reused_watched_database)
    async with Store(Database(watched_database)) as store:
        yield store


def test_every_store_method_is_listed_for_the_actor_check() -> None:
    checked = set(READS | WRITES | OF_USERS | WITHOUT_OUR_TABLES) | AS_BOTH_ACTORS
    methods = {name for name, _ in getmembers(Store, iscoroutinefunction) if not name.startswith("_")}
    assert methods == checked | WITHOUT_ROWS | ON_GJOBS_TABLES


async def test_every_statement_of_a_user_has_role_and_claims_and_none_of_the_operator(
    operator: Store, ada: Store, recording: StatementRecording, reused_watched_database: Conninfo
) -> None:
    for store, actor, calls in ((ada, AS_ADA, READS | WRITES), (operator, AS_OPERATOR, READS | WRITES | OF_USERS)):
        for name, call in calls.items():
            if name in WRITES:
                fill(reused_watched_database)
            recording.forget()
            await call(store)
            assert recording.actors == {actor}, name


"""All reads in one test, and each write in its own."""


async def test_finding_an_actor_reads_no_table_of_the_app(operator: Store, recording: StatementRecording) -> None:
    for call in WITHOUT_OUR_TABLES.values():
        await call(operator)
    assert recording.actors == set()


async def test_user_search_by_a_user_never_runs_as_the_operator(ada: Store, recording: StatementRecording) -> None:
    for call in (OF_USERS | WITHOUT_OUR_TABLES).values():
        with pytest.raises(NoPrivilege):
            await call(ada)
    assert recording.actors <= {AS_ADA}


async def test_reason_of_a_failed_write_is_read_as_the_user(ada: Store, recording: StatementRecording) -> None:
    """Each of these calls changes nothing, and then reads why."""
    await ada.transition_job_status(NOTHING, "running")
    await ada.transition_job_status(JOB, "succeeded")
    await ada.delete_generation_job(NOTHING)
    assert recording.actors == {AS_ADA}


async def test_stores_run_as_their_own_actors(operator: Store, ada: Store, recording: StatementRecording) -> None:
    ben = operator.acting_as(ActingUser(id=BEN))
    expected: list[tuple[Store, RecordedActor]] = [(ada, AS_ADA), (operator, AS_OPERATOR), (ben, as_user(BEN))]
    for store, actors in expected * 2:
        recording.forget()
        await store.get_listing(ListingQuery())
        await store.get_totals(TotalsQuery())
        assert recording.actors == {actors}


async def test_visibility_comparison_reads_as_the_user_and_as_the_operator(
    ada: Store, operator: Store, recording: StatementRecording
) -> None:
    for project_id in (None, PROJECT):
        recording.forget()
        visibility = await ada.compare_visibility(RowWindowQuery(listed=ListQuery(project_id=project_id)))
        assert recording.actors == {AS_ADA, AS_OPERATOR}
        assert recording.tables(AS_ADA) == {"generation_jobs"}
        assert (visibility.seen.number, visibility.everything.number) == (2, 3)
    recording.forget()
    await operator.get_listing(ListingQuery())
    await operator.get_assets(PROJECT)
    assert (recording.actors, recording.tables(AS_OPERATOR)) == ({AS_OPERATOR}, set(TABLES))


async def test_rest_of_a_listing_with_visibility_is_read_as_the_user(ada: Store, recording: StatementRecording) -> None:
    window = RowWindowQuery(listed=ListQuery(project_id=PROJECT))
    await ada.get_listing(ListingQuery(window=window, with_visibility=True))
    assert recording.actors == {AS_ADA, AS_OPERATOR}
    assert {"projects", "generation_jobs"} <= recording.tables(AS_ADA)


async def test_isolation_check_plans_as_the_operator_and_probes_as_the_other_user(
    operator: Store, recording: StatementRecording
) -> None:
    plan = await plan_probes(operator.database, owner_id=ADA, other_id=BEN)
    assert recording.actors == {AS_OPERATOR}
    recording.forget()
    probes = [probe async for probe in run_probes(operator.database, plan, tries_writes=True)]
    # The conditions of policies are tried as a made-up user, on a made-up row.
    (made_up,) = recording.actors - {AS_OPERATOR, as_user(BEN)}
    assert made_up.user_id not in {ADA, BEN}
    assert recording.tables(as_user(BEN)) == set(TABLES)
    assert ProbeVerdict.UNKNOWN not in {probe.verdict for probe in probes if not probe.verb.writes}
