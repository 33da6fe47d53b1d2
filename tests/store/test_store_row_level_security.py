"""Users see and change exactly the rows that the policies allow, through every method and on each schema.

On the app's schema, also after an upgrade, a function and a view of the app would return all rows.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import astuple, replace
from random import Random
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gjobs.migrations.runner import upgrade
from gjobs.store.database.database import Database
from gjobs.store.errors import NoPrivilege
from gjobs.store.job_list.list_query import ListingQuery, ListQuery, RowWindowQuery
from gjobs.store.jobs.job import GenerationJob, JobStatus
from gjobs.store.jobs.job_sql import ALL_COLUMNS, APP_COLUMNS, JobColumns, make_job
from gjobs.store.statistics.statistics import TotalsQuery
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR
from tests.conftest import Conninfo, connect
from tests.store.policy_model import ACTORS, NEW, USERS, Rows, Schema, any_operation, any_rows

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
