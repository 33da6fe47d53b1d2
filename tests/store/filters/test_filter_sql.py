"""Filters on real rows: each actor finds exactly the jobs that match."""

import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gjobs.store.blocking import BlockingStore
from gjobs.store.database.database import Database
from gjobs.store.database.query import NamedIds, compiled, explain_plan
from gjobs.store.error_groups.error_group import error_group_id
from gjobs.store.errors import NoPrivilege
from gjobs.store.filters.filter_syntax import format_filter, parse
from gjobs.store.filters.filter_terms import NO_FILTER, Age, Between, Compared, Comparison, JobFilter, Key, Term, Value
from gjobs.store.job_list.list_query import ListQuery, RowWindowQuery
from gjobs.store.job_list.list_sql import AccessPath, page
from gjobs.store.jobs.job import GenerationJob, JobStatus
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR, ActingUser
from tests.conftest import Conninfo
from tests.store.filters.filter_model import Names, matches
from tests.store.store_fixtures import (
    ADA,
    BEN,
    NOW,
    Db,
    Sql,
    add_ada,
    error_of,
    show_rows,
)

READS_NAMES = AccessPath(readable=frozenset({Key.PROJECT, Key.USER}))
PROJECTS = ("Autumn catalog", "autumn CATALOG", "50%_off\\", "50x_off\\", "cafe")
MODES = ("lifestyle", "Lifestyle", "main_white", "mainXwhite", "秋 50%")
ERRORS = (None, None, "API timeout", "a%b_c\\d", "axbxc", '"quoted", deadbeef', "")
COSTS = (-5, 0, 1, 50, 51, 250)
SECONDS = (0, 1, 60, 61, 3_600)

MINUTES_AGO = (0, 25, 31)
"""Minutes since the last update, on both sides of the limit for stuck jobs. The tests end before a job passes the
limit.
"""

JOBS = 60
JOB, PROJECT = UUID("0b000000-0000-4000-8000-000000000000"), UUID("cafe0000-0000-4000-8000-000000000000")


@pytest.fixture
def rows(operator_now: BlockingStore, db: Db) -> tuple[GenerationJob, ...]:
    """Jobs of two owners in five projects, with values that nearly equal each other."""
    chosen = random.Random(7)  # noqa: S311
    projects = [db.make_project((ADA, BEN)[number % 2], name) for number, name in enumerate(PROJECTS)]
    inputs = {project: [None, db.make_asset(project)] for project in projects}
    jobs = []
    for number in range(JOBS):
        project, created_at = chosen.choice(projects), NOW - timedelta(hours=chosen.randrange(48))
        jobs.append(
            {
                "id": UUID(int=chosen.getrandbits(16) << 112 | number),
                "project_id": project,
                "status": chosen.choice(list(JobStatus)),
                "mode": chosen.choice(MODES),
                "error": chosen.choice(ERRORS),
                "cost_cents": chosen.choice(COSTS),
                "input_asset_id": chosen.choice(inputs[project]),
                "created_at": created_at,
                "updated_at": created_at + timedelta(seconds=chosen.choice(SECONDS), microseconds=chosen.randrange(2))
                if number % 3
                else datetime.now(UTC) - timedelta(minutes=chosen.choice(MINUTES_AGO)),
            }
        )
    db.make_jobs(jobs)
    return operator_now.get_generation_jobs().items


def parts(text: str) -> st.SearchStrategy[str]:
    """Draw a part of the text."""
    return st.integers(0, len(text) - 1).flatmap(
        lambda start: st.integers(start + 1, len(text)).map(lambda end: text[start:end])
    )


def beginnings(ids: list[UUID]) -> st.SearchStrategy[str]:
    return st.tuples(st.sampled_from(ids), st.integers(4, 36)).map(lambda chosen: str(chosen[0])[: chosen[1]])


def amounts(numbers: tuple[int, ...], comparisons: Sequence[Comparison]) -> st.SearchStrategy[Value]:
    one = st.sampled_from(numbers)
    return st.builds(Compared, comparison=st.sampled_from(comparisons), amount=one) | st.tuples(one, one).map(
        lambda ends: Between(low=min(ends), high=max(ends))
    )


def filters_on(rows: tuple[GenerationJob, ...], keys: list[Key | None]) -> st.SearchStrategy[JobFilter]:
    errors = st.sampled_from([error for error in ERRORS if error]).flatmap(parts)
    times = st.sampled_from([job.created_at for job in rows])
    # Half an hour after any job's creation.
    ages = times.map(lambda time: Age(seconds=int((datetime.now(UTC) - time).total_seconds()) + 1_800))
    assets = [job.input_asset_id for job in rows if job.input_asset_id]
    comparisons = [one for one in Comparison if one is not Comparison.EQUAL]
    values: dict[Key | None, st.SearchStrategy[Value]] = {
        None: errors
        | st.sampled_from(MODES).flatmap(parts)
        | beginnings([*(job.id for job in rows), *assets, ADA, *(job.project_id for job in rows)]),
        Key.STATUS: st.sampled_from([status.value for status in JobStatus]),
        Key.MODE: st.sampled_from(MODES) | st.sampled_from(["LIFESTYLE", "main%white", "main_whit"]),
        Key.COST: amounts(COSTS, list(Comparison)),
        Key.PROJECT: st.sampled_from([*PROJECTS, "CAFE", "Autumn%"]) | beginnings([job.project_id for job in rows]),
        Key.USER: st.sampled_from(["ada@example.com", "BEN@example.com", "%"]) | beginnings([ADA, BEN]),
        Key.ASSET: st.sampled_from(["none", "any"]) | beginnings(assets),
        Key.SINCE: times | ages,
        Key.UNTIL: times | ages,
        Key.TOOK: amounts(SECONDS, comparisons),
        Key.ERROR: errors.map(str.upper) | errors,
        Key.ERROR_GROUP: st.sampled_from([error_group_id(error) for error in (*ERRORS, "unknown")]),
        Key.ID: beginnings([job.id for job in rows]),
        Key.IS: st.just("stuck"),
    }

    def terms(key: Key | None) -> st.SearchStrategy[Term]:
        some = st.lists(values[key], min_size=1, max_size=1 if key in (Key.SINCE, Key.UNTIL) else 3)
        return st.builds(Term, key=st.just(key), values=some.map(tuple), is_negated=st.booleans())

    some = st.lists(st.sampled_from(keys).flatmap(terms), min_size=1, max_size=3)
    return st.builds(JobFilter, terms=some.map(tuple))


on_rows = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@on_rows
@given(data=st.data())
def test_operator_finds_exactly_the_jobs_that_match_a_filter(
    operator_now: BlockingStore, rows: tuple[GenerationJob, ...], data: st.DataObject
) -> None:
    job_filter = data.draw(filters_on(rows, [None, *Key]), label="filter")
    names = Names(
        projects={project.id: project.name for project in operator_now.get_projects()},
        users={user.id: user.email for user in operator_now.get_users()},
    )
    expected = tuple(job for job in rows if matches(job, job_filter, names))
    assert operator_now.find_jobs(job_filter).items == expected
    assert operator_now.find_jobs(parse(format_filter(job_filter))).items == expected


@settings(on_rows, max_examples=25)
@given(data=st.data())
def test_user_finds_exactly_their_own_jobs_that_match_a_filter(
    operator_now: BlockingStore, rows: tuple[GenerationJob, ...], data: st.DataObject
) -> None:
    ada = operator_now.acting_as(ActingUser(id=ADA))
    job_filter = data.draw(filters_on(rows, [None, *(key for key in Key if key is not Key.USER)]), label="filter")
    names = Names(projects={project.id: project.name for project in ada.get_projects()}, users={})
    expected = tuple(job for job in rows if job.user_id == ADA and matches(job, job_filter, names))
    assert ada.find_jobs(job_filter).items == expected


def test_filter_combines_with_project_and_status(operator_now: BlockingStore, rows: tuple[GenerationJob, ...]) -> None:
    assert operator_now.find_jobs(NO_FILTER).items == rows
    assert len(rows) == JOBS
    project, status = rows[0].project_id, rows[0].status
    found = operator_now.find_jobs(parse("-cost:0", now=NOW), project_id=project, status=status)
    assert found.items == tuple(
        job for job in rows if job.cost_cents != 0 and (job.project_id, job.status) == (project, status)
    )


async def test_filter_finds_times_outside_the_python_range(db: Db) -> None:
    project_id = db.make_project()
    late = db.make_job(project_id, "failed", created_at="20000-01-01", updated_at="infinity")
    early = db.make_job(project_id, "failed", created_at="-infinity", updated_at="2026-01-01Z")

    async def found(text: str) -> list[UUID]:
        return [job.id for job in await db.operator.find_jobs(parse(text, now=NOW))]

    assert await found("since:2026-01-01") == [late]
    assert await found("until:2026-01-01") == [early]
    assert await found("took:>36500d") == [late, early]


async def test_user_finds_no_hidden_project_by_name_and_may_not_filter_by_email(db: Db, ada: Store) -> None:
    """A user's job may be in another user's project."""
    job_id = db.make_job(db.make_project(ADA, "Secret"))
    db.sql("update generation_jobs set user_id = %s", [BEN])
    assert [job.id for job in await db.ben.find_jobs(NO_FILTER)] == [job_id]
    assert (await db.ben.find_jobs(parse("project:Secret", now=NOW))).items == ()

    job_id, by_email = db.make_job(), parse("user:ada@example.com", now=NOW)
    window = RowWindowQuery(listed=ListQuery(job_filter=by_email))
    for call in (ada.find_jobs(by_email), ada.get_window(window)):
        error = await error_of(NoPrivilege, call)
        assert (
            str(error)
            == "The filter key 'user' can't match names in this database. Only the operator may read the users."
        )
        assert error.hint == "Use the user's id, or its first digits."
    assert [job.id for job in await ada.find_jobs(parse(f"user:{ADA}", now=NOW))] == [job_id]


async def test_planner_knows_the_ids_of_a_name(db: Db) -> None:
    """Otherwise, it reads most of the table to find the few jobs of a user."""
    projects = [db.make_project(owner, name) for owner, name in ((ADA, "Catalog"), (BEN, "CATALOG"), (BEN, "Alone"))]
    db.make_job(projects[2])

    async def condition(text: str) -> str:
        query = page(ListQuery(job_filter=parse(text, now=NOW)), READS_NAMES, after=None, limit=1)
        ((plan,),) = await db.operator.database.read_together(OPERATOR, explain_plan(query))
        return json.dumps(plan)

    assert f"user_id = '{BEN}'::uuid" in await condition("user:BEN@example.com")
    assert f"project_id = '{projects[2]}'::uuid" in await condition("project:alone")
    of_two = await condition("project:catalog")
    assert "project_id = ANY (" in of_two
    assert all(str(project_id) in of_two for project_id in projects[:2])
    assert "ANY ('{}'" in await condition("project:unknown")


HOSTILE = "'; drop table generation_jobs; --"


def test_statement_is_built_once_has_typed_text_as_parameters_and_error_groups_last() -> None:
    text = f'"{HOSTILE}" mode:"{HOSTILE}" project:"{HOSTILE}" user:"{HOSTILE}" error:"{HOSTILE}" cost:4711 id:3f2a'
    query = page(ListQuery(job_filter=parse(text, now=NOW)), READS_NAMES, after=None, limit=1)
    statement, constants = compiled(query.statement)
    assert not any(typed in statement for typed in ("drop", "4711", "3f2a"))
    values = [value.name if isinstance(value, NamedIds) else value for value in constants.values()]
    assert values.count(HOSTILE) == 6  # twice for the word, which is compared with modes and errors

    def statement_of(text: str) -> object:
        return page(ListQuery(job_filter=parse(text, now=NOW)), READS_NAMES, after=None, limit=1).statement

    assert statement_of("mode:a cost:>5") is statement_of("mode:a cost:>5")
    assert statement_of("mode:a") is not statement_of("mode:b")

    for text in ("error-group:3b1a4064e8 mode:a", "mode:a error-group:3b1a4064e8"):
        # A slow condition is checked only for jobs that meet the others, also within an expression.
        query = page(ListQuery(job_filter=parse(text, now=NOW)), READS_NAMES, after=None, limit=1)
        _, _, conditions = compiled(query.statement)[0].partition("WHERE")
        assert conditions.index("jobs.mode") < conditions.index("jobs.error")


async def test_filter_by_name_needs_a_grant_and_filter_by_id_does_not(
    attached_database: Conninfo, app_sql: Sql, recording_login: str
) -> None:
    add_ada(app_sql, JOB, project_id=PROJECT)
    show_rows(app_sql, recording_login, "generation_jobs")
    async with Store(Database({**attached_database, "user": recording_login})) as store:

        async def found(text: str) -> list[UUID]:
            return [job.id for job in await store.find_jobs(parse(text, now=NOW))]

        for text in (f"project:{PROJECT}", "project:cafe0000", f"user:{ADA}", "-project:beef lifestyle"):
            assert await found(text) == [JOB]
        for text, key in (("project:Catalog", "project"), ("-user:ada@example.com", "user")):
            with pytest.raises(
                NoPrivilege, match=f"^The filter key '{key}' can't match names in this database. No grant: "
            ):
                await found(text)
        show_rows(app_sql, recording_login, "projects")
        assert await found("project:Catalog") == [JOB]
