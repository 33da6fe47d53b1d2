"""Views, foreign tables and other tables named generation_jobs: what gjobs refuses, and why."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
from psycopg.sql import SQL
from sqlalchemy import text

from gjobs.store.capabilities.capabilities import missing_grant
from gjobs.store.capabilities.capability import PROJECTS, Capability
from gjobs.store.database.database import Database
from gjobs.store.database.query import Query, make_number
from gjobs.store.doctor.findings import Section, Severity
from gjobs.store.errors import NoPrivilege, ReadOnly
from gjobs.store.job_list.list_query import ListingQuery
from gjobs.store.jobs.job import JobStatus
from gjobs.store.jobs.job_results import Applied
from gjobs.store.store import Store
from gjobs.store.users.actor import ANON, OPERATOR, ActingUser
from tests.conftest import connect
from tests.hosted.access_routes import Login
from tests.hosted.statement_log import record_transcript
from tests.hosted.test_hosted_doctor import examined
from tests.tui.dashboard.dashboard_driver import WatchedApp, drive_dashboard, opener_of
from tests.tui.jobs_database import ADA, AUTUMN, JobsDatabase, job_id

AS_ADA = ActingUser(id=ADA)
ONE: Query[int] = Query(text("select 1"), make_number)
"""A query that does not read the relation. A foreign table of a server that does not exist can't be read."""


def instead(statements: str) -> str:
    """Return statements that rename the table to `jobs`, and create another relation with its name."""
    rename = "alter table public.generation_jobs rename to jobs;"
    return f"{rename} {statements}; grant all on public.generation_jobs to authenticated, anon"


VIEW = instead("create view public.generation_jobs as select * from public.jobs")
INVOKER_VIEW = instead("create view public.generation_jobs with (security_invoker = yes) as select * from public.jobs")
MATERIALIZED_VIEW = instead("create materialized view public.generation_jobs as select * from public.jobs")
NESTED_VIEW = instead(
    "create view public.inner_jobs as select * from public.jobs;"
    " create view public.middle_jobs with (security_invoker = on) as select * from public.inner_jobs;"
    " create view public.generation_jobs with (security_invoker = on) as select * from public.middle_jobs;"
    " grant select on public.inner_jobs, public.middle_jobs to authenticated, anon"
)
NESTED_MATERIALIZED_VIEW = instead(
    "create materialized view public.inner_jobs as select * from public.jobs;"
    " create view public.generation_jobs with (security_invoker = on) as select * from public.inner_jobs;"
    " grant select on public.inner_jobs to authenticated"
)
NESTED_INVOKER_VIEW = instead(
    "create view public.inner_jobs with (security_invoker = on) as select * from public.jobs;"
    " create view public.generation_jobs with (security_invoker = on) as select * from public.inner_jobs;"
    " grant select on public.inner_jobs to authenticated"
)
PROJECTS_VIEW = (
    "alter table public.projects rename to folders; create view public.projects as select * from public.folders;"
    " alter view public.projects owner to postgres; grant select on public.projects to authenticated, anon"
)
FOREIGN_TABLE = instead(
    "create foreign data wrapper elsewhere; create server elsewhere foreign data wrapper elsewhere;"
    " create foreign table public.generation_jobs (id uuid, user_id uuid, project_id uuid, status text, mode text,"
    " input_asset_id uuid, error text, cost_cents integer, created_at timestamptz, updated_at timestamptz)"
    " server elsewhere"
)
PARTITIONED_TABLE = instead(
    "create table public.generation_jobs (like public.jobs including defaults) partition by list (status);"
    " create table public.others partition of public.generation_jobs default;"
    " insert into public.generation_jobs select * from public.jobs"
)
OF_OWNER = "a view that runs with the rights of its owner"
OWN_COLUMNS = (
    "alter table public.generation_jobs add column model text, add column params jsonb,"
    " alter column mode drop not null, alter column cost_cents drop not null"
)
OTHER_TYPE = (
    "drop view public.generation_job_summary; alter table public.generation_jobs alter column cost_cents type bigint"
)


WRITES: tuple[Callable[[Store], Awaitable[object]], ...] = (
    lambda store: store.create_generation_job(project_id=AUTUMN, mode="lifestyle"),
    lambda store: store.update_generation_job(job_id(1), cost_cents=5),
    lambda store: store.transition_job_status(job_id(1), JobStatus.RUNNING),
    lambda store: store.delete_generation_job(job_id(1)),
)


def change(login: Login, statements: str) -> None:
    """Run statements as the administrator, on behalf of the owner where that is possible."""
    with connect(login.server.administrator(login.database)) as administrator:
        administrator.execute(statements.encode())
        owner = SQL("alter table public.generation_jobs owner to postgres")
        administrator.execute(owner)


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """What another relation with the name of a table prevents."""

    statements: str
    is_no_table: str = ""
    """Why policies do not apply, so that nobody may act as a user."""
    name: str = "generation_jobs"
    kind: str = ""
    """For the doctor."""
    no_writes: str = ""
    """Why the store writes no jobs."""


RELATIONS = {
    "view": Relation(
        statements=VIEW,
        is_no_table=f"generation_jobs is {OF_OWNER}",
        kind="view",
        no_writes="because it is a view.",
    ),
    "materialized view": Relation(
        statements=MATERIALIZED_VIEW,
        is_no_table="generation_jobs is a materialized view",
        kind="materialized view",
        no_writes="because it is a materialized view.",
    ),
    "foreign table": Relation(
        statements=FOREIGN_TABLE,
        is_no_table="generation_jobs is a foreign table",
        kind="foreign table",
        no_writes="because it is a foreign table.",
    ),
    "view with the caller's rights": Relation(statements=INVOKER_VIEW, no_writes="because it is a view."),
    "table with another type": Relation(
        statements=OTHER_TYPE, no_writes="because generation_jobs has unexpected types: cost_cents is bigint."
    ),
    "view in views": Relation(statements=NESTED_VIEW, is_no_table=f"generation_jobs reads {OF_OWNER}"),
    "materialized view in a view": Relation(
        statements=NESTED_MATERIALIZED_VIEW, is_no_table="generation_jobs reads a materialized view"
    ),
    "view of projects": Relation(
        statements=PROJECTS_VIEW, is_no_table=f"projects is {OF_OWNER}", name="projects", kind="view"
    ),
}


@pytest.mark.parametrize("relation", RELATIONS.values(), ids=RELATIONS)
async def test_gjobs_refuses_what_another_relation_does_not_support(
    owner: Login, jobs_db: JobsDatabase, relation: Relation
) -> None:
    change(owner, relation.statements)
    async with Store(Database(owner.conninfo)) as store:
        if relation.is_no_table:
            await assert_nobody_acts_as_a_user(store, relation)
        if relation.no_writes:
            await assert_writes_are_refused_before_the_first_statement(store, owner, relation.no_writes)
    if relation.kind:
        await assert_the_doctor_says_it_once(owner, relation)


async def assert_nobody_acts_as_a_user(store: Store, relation: Relation) -> None:
    why = f"{relation.is_no_table}, so policies do not decide what it returns."
    for actor in (AS_ADA, ANON):
        with pytest.raises(NoPrivilege) as refused:
            await store.acting_as(actor).actor_database.read(ONE)
        assert (refused.value.message, refused.value.hint) == (
            f"gjobs can't show what a user sees: {why}",
            "Act as the operator instead.",
        )
    assert relation.kind == "foreign table" or len((await store.get_generation_jobs()).items) == 8
    missing = (await store.capability_cache.get()).missing(Capability.ACTING)
    assert missing is not None
    assert missing.reason.endswith(why)


async def assert_writes_are_refused_before_the_first_statement(store: Store, owner: Login, reason: str) -> None:
    with record_transcript(owner) as transcript:
        for write in WRITES:
            with pytest.raises(ReadOnly) as refused:
                await write(store)
            assert refused.value.message.endswith(reason)
            assert refused.value.hint == "gjobs only reads here. Make this change in your app."
        recorded = transcript()
    assert not store.database.access.may_write
    assert (recorded.writes, recorded.problems) == (0, [])


async def assert_the_doctor_says_it_once(owner: Login, relation: Relation) -> None:
    report = await examined(owner.conninfo)
    schema = [one for one in report.findings if one.section is Section.SCHEMA and one.severity is not Severity.OK]
    assert [(one.name, one.severity, one.sentence, one.hint) for one in schema] == [
        (
            "other-relation",
            Severity.NOTE,
            f"{relation.name} is a {relation.kind}. gjobs reads it, but does not write to it.",
            "Only its columns were checked, not its keys, indexes, constraints, triggers and policies.",
        )
    ]
    assert not any("does not write to" in one.sentence for one in report.findings if one not in schema)
    assert not any("ALTER TABLE public.generation_jobs " in str(one.sql) for one in report.findings)
    assert not any("'gjobs migrate up'" in step for step in report.next_steps)


@pytest.mark.parametrize("statements", [INVOKER_VIEW, NESTED_INVOKER_VIEW], ids=["one view", "view in a view"])
async def test_user_sees_their_own_jobs_through_views_with_the_rights_of_the_caller(
    owner: Login, jobs_db: JobsDatabase, statements: str
) -> None:
    change(owner, statements)
    async with Store(Database(owner.conninfo)) as store:
        listing = await store.acting_as(AS_ADA).get_listing(ListingQuery())
        assert {job.user_id for job in listing.window.jobs} == {ADA}
        assert len(listing.window.jobs) == 7


@pytest.mark.parametrize(
    "statements",
    [pytest.param(PARTITIONED_TABLE, id="partitioned table"), pytest.param(OWN_COLUMNS, id="own columns and NULLs")],
)
async def test_table_with_the_same_ten_columns_accepts_writes(
    owner: Login, jobs_db: JobsDatabase, statements: str
) -> None:
    change(owner, statements)
    async with Store(Database(owner.conninfo)) as store:
        created = await store.create_generation_job(project_id=AUTUMN, mode="lifestyle")
        await store.update_generation_job(created.id, cost_cents=5)
        assert isinstance(await store.transition_job_status(created.id, JobStatus.RUNNING), Applied)
        assert await store.delete_generation_job(created.id)


async def test_projects_are_not_created_or_deleted_through_a_view(owner: Login, jobs_db: JobsDatabase) -> None:
    change(owner, PROJECTS_VIEW)
    async with Store(Database(owner.conninfo)) as store:
        with pytest.raises(ReadOnly, match=r"^gjobs does not write to projects, because it is a view"):
            await store.create_project("Winter catalog", owner_id=ADA)
        assert isinstance(await store.transition_job_status(job_id(1), JobStatus.RUNNING), Applied)
        missing = missing_grant((await store.capability_cache.get()).facts, OPERATOR, PROJECTS, verb="delete")
    assert missing is not None
    assert missing.reason == "gjobs does not write to projects, because it is a view."


async def test_writes_are_possible_as_soon_as_the_view_is_a_table_again(owner: Login, jobs_db: JobsDatabase) -> None:
    change(owner, INVOKER_VIEW)
    async with Store(Database(owner.conninfo)) as store:
        with pytest.raises(ReadOnly):
            await store.delete_generation_job(job_id(1))
        change(owner, "drop view public.generation_jobs; alter table public.jobs rename to generation_jobs")
        assert await store.delete_generation_job(job_id(1))


async def test_doctor_still_reports_a_missing_column_of_a_view(owner: Login, jobs_db: JobsDatabase) -> None:
    change(owner, instead("create view public.generation_jobs as select id, user_id, status, mode from public.jobs"))
    report = await examined(owner.conninfo)
    assert {one.sentence.partition(" is ")[0] for one in report.findings if one.name == "missing-column"} == {
        f"Column public.generation_jobs.{name}"
        for name in ("project_id", "input_asset_id", "error", "cost_cents", "created_at", "updated_at")
    }


async def test_doctor_prints_no_sql_that_a_partitioned_table_refuses(owner: Login, jobs_db: JobsDatabase) -> None:
    change(owner, PARTITIONED_TABLE)
    report = await examined(owner.conninfo)
    lost = [one for one in report.findings if one.name in ("missing-key", "missing-index")]
    assert len(lost) == 10
    assert not any("INDEX CONCURRENTLY" in str(one.sql) or "PRIMARY KEY" in str(one.sql) for one in lost)


async def test_dashboard_shows_why_it_does_not_write_before_a_write_is_tried(
    owner: Login, jobs_db: JobsDatabase
) -> None:
    change(owner, INVOKER_VIEW)
    async with drive_dashboard(WatchedApp(opener_of(owner.conninfo, actor=AS_ADA))) as driver:
        await driver.shows("read-only", "gjobs does not write to generation_jobs, because it is a view.")
        await driver.press("s")
        await driver.shows_message("gjobs does not write to generation_jobs, because it is a view.")
