"""Find rows by an id or its first digits."""

import re
from typing import Any
from uuid import UUID

import pytest

from gjobs.store import search, tables
from gjobs.store.database.query import Query
from gjobs.store.errors import NoPrivilege
from gjobs.store.jobs import job_sql
from gjobs.store.projects import project_sql
from gjobs.store.search import IdMatches
from gjobs.store.store import Store
from gjobs.store.users import user_sql
from gjobs.store.users.actor import ActingUser
from gjobs.store.values.formats import IdRange
from tests.conftest import Conninfo
from tests.store.store_fixtures import ADA, BEN, NOTHING, Db, Sql, add_ada, plan_of

WHOLE = IdRange(low=ADA, high=ADA)


async def test_find_by_id_finds_jobs_projects_assets_and_users(db: Db, operator: Store) -> None:
    project_id = db.make_project()
    asset_id, job_id = db.make_asset(project_id), db.make_job(project_id)

    job = await db.operator.find_by_id(str(job_id))
    project = await db.operator.find_by_id(project_id.hex.upper())
    asset = await db.operator.find_by_id(f" {asset_id} ")
    user = await db.operator.find_by_id(str(BEN))

    assert job == IdMatches(jobs=(await db.operator.get_generation_job(job_id),))  # type: ignore[arg-type]
    assert project == IdMatches(projects=(await db.operator.get_project(project_id),))  # type: ignore[arg-type]
    assert asset == IdMatches(assets=tuple(await db.operator.get_assets(project_id)))
    assert user == IdMatches(users=(ActingUser(id=BEN, email="ben@example.com"),))

    for text in ("", "abc", "lifestyle", str(NOTHING), "%"):
        assert await operator.find_by_id(text) == IdMatches()


async def test_find_by_id_prefix_finds_all_matching_jobs(db: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MOST_FOUND", 2)
    for digits in (
        "feed0000-0000-4000-8000-000000000001",
        "feed0000-0000-4000-8000-000000000002",
        "feee0000-0000-4000-8000-000000000000",
    ):
        db.make_job(job_id=UUID(digits))

    async def found(text: str) -> tuple[list[str], bool]:
        matches = await db.operator.find_by_id(text)
        return [job.id.hex[-1] for job in matches.jobs], matches.is_more

    assert await found("feed") == (["1", "2"], False)
    assert await found("feed0000-0000-4000-8000-000000000002") == (["2"], False)
    assert await db.operator.find_by_id("feef") == IdMatches()
    db.make_job(job_id=UUID("feed0000-0000-4000-8000-000000000003"))
    assert await found("feed") == (["1", "2"], True)


async def test_find_by_id_needs_grants_but_not_every_table(app_store: Store, app_sql: Sql) -> None:
    add_ada(app_sql)
    app_sql("drop table assets cascade")
    assert (await app_store.find_by_id(str(ADA))).users == (ActingUser(id=ADA, email="ada@example.com"),)
    app_sql("revoke all on projects, generation_jobs from authenticated")
    with pytest.raises(NoPrivilege):
        await app_store.acting_as(ActingUser(id=ADA)).find_by_id(str(ADA))


def test_find_by_id_uses_an_index(database: Conninfo) -> None:
    queries: tuple[tuple[Query[Any], str], ...] = (
        (job_sql.job_statements(job_sql.COLUMNS_WITH_START).in_range(WHOLE, limit=1), "generation_jobs_pkey"),
        (project_sql.projects_in_id_range(WHOLE, limit=1), "projects_pkey"),
        (project_sql.in_range(WHOLE, limit=1), "assets_pkey"),
        (user_sql.in_range(WHOLE, limit=1), "users_pkey"),
        (user_sql.owners_in_range(WHOLE, limit=1, of=tables.generation_jobs), r"\w+_user\w*"),
        (user_sql.owners_in_range(WHOLE, limit=1, of=tables.projects), r"\w+_user\w*"),
    )
    for query, index in queries:
        plan = "\n".join(plan_of(database, query, "enable_sort"))
        assert re.search(rf"{index}.*\n *Index Cond: \(\((user_)?id >= ", plan), plan
