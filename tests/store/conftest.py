"""Stores with different eyes on one migrated database, and rows for them to see."""

from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from store.blocking import BlockingStore
from store.database.database import Database
from store.jobs.job import JobStatus
from store.store import Store
from store.users.actor import ActingUser
from tests.conftest import Conninfo, connect
from tests.store.feeding import Source
from tests.store.support import ADA, BEN, CLEO, NOW, STRANGER, Db, MakeAsset, MakeJob, MakeProject, Sql, sql_of


@pytest.fixture
def sql(bystander: psycopg.Connection) -> Sql:
    """Three users are there."""
    run = sql_of(bystander)
    for user_id, email in ((ADA, "ada@example.com"), (BEN, "ben@example.com"), (CLEO, None)):
        run("insert into auth.users (id, email, created_at) values (%s, %s, %s)", (user_id, email, NOW))
    return run


@pytest.fixture
def app_sql(attached_database: Conninfo) -> Iterator[Sql]:
    """On the app's own schema, which is empty."""
    with connect(attached_database, autocommit=True) as connection:
        yield sql_of(connection)


@pytest.fixture
def operator_now(database: Conninfo, sql: Sql) -> Iterator[BlockingStore]:
    with BlockingStore.connect(make_conninfo("", **database)) as store:
        yield store


@pytest.fixture
async def operator(database: Conninfo, sql: Sql) -> AsyncIterator[Store]:
    store = Store(Database(database))
    yield store
    await store.close()


@pytest.fixture
def ada(operator: Store) -> Store:
    return operator.acting_as(ActingUser(id=ADA, email="ada@example.com"))


@pytest.fixture
def ben(operator: Store) -> Store:
    return operator.acting_as(ActingUser(id=BEN, email="ben@example.com"))


@pytest.fixture
def stranger(operator: Store) -> Store:
    """A user of nothing."""
    return operator.acting_as(ActingUser(id=STRANGER))


@pytest.fixture
def make_project(sql: Sql) -> MakeProject:
    def make(owner: UUID = ADA, name: str = "Catalog") -> UUID:
        ((project_id,),) = sql(
            "insert into projects (user_id, name, created_at) values (%s, %s, %s) returning id", (owner, name, NOW)
        )
        return UUID(str(project_id))

    return make


@pytest.fixture
def make_asset(sql: Sql) -> MakeAsset:
    def make(project_id: UUID, *, kind: str = "input", created_at: datetime = NOW) -> UUID:
        ((asset_id,),) = sql(
            "insert into assets (user_id, project_id, kind, mode, prompt_version, prompt_payload, storage_path,"
            " created_at) select user_id, id, %s, 'lifestyle', 'v1', '{}', 'photo.jpg', %s from projects"
            " where id = %s returning id",
            (kind, created_at, project_id),
        )
        return UUID(str(asset_id))

    return make


@pytest.fixture
def make_job(sql: Sql, make_project: MakeProject) -> MakeJob:
    def make(
        project_id: UUID | None = None,
        status: JobStatus | str = JobStatus.QUEUED,
        *,
        job_id: UUID | None = None,
        mode: str = "lifestyle",
        cost_cents: int = 250,
        error: str | None = None,
        input_asset_id: UUID | None = None,
        created_at: datetime | str = NOW,
        updated_at: datetime | str = NOW,
    ) -> UUID:
        made, project_id = job_id or uuid4(), project_id or make_project()
        sql(
            "insert into generation_jobs (id, user_id, project_id, status, mode, input_asset_id, error, cost_cents,"
            " created_at, updated_at) select %s, user_id, id, %s, %s, %s, %s, %s, %s, %s from projects where id = %s",
            (made, status, mode, input_asset_id, error, cost_cents, created_at, updated_at, project_id),
        )
        return made

    return make


@pytest.fixture
def db(
    database: Conninfo,
    sql: Sql,
    make_project: MakeProject,
    make_asset: MakeAsset,
    make_job: MakeJob,
    operator: Store,
    ada: Store,
    ben: Store,
    stranger: Store,
) -> Db:
    return Db(
        conninfo=database,
        sql=sql,
        make_project=make_project,
        make_asset=make_asset,
        make_job=make_job,
        operator=operator,
        ada=ada,
        ben=ben,
        stranger=stranger,
    )


@pytest.fixture
def source() -> Source:
    return Source()
