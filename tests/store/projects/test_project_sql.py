"""Reading and creating projects, assets and users."""

import re
from datetime import timedelta
from typing import Any

import pytest

from gjobs.store.database.query import Query
from gjobs.store.errors import InvalidValue, RowMissing
from gjobs.store.projects import project_sql
from gjobs.store.store import Store
from gjobs.store.users import user_sql
from gjobs.store.users.actor import ActingUser
from tests.conftest import Conninfo
from tests.store.store_fixtures import (
    ADA,
    BEN,
    CLEO,
    NOTHING,
    NOW,
    STRANGER,
    Db,
    Sql,
    error_of,
    plan_of,
)


class TestProjects:
    async def test_projects_are_listed_newest_first_and_found_by_their_exact_name(self, db: Db) -> None:
        old, new = db.make_project(name="Old"), db.make_project(name="New")
        db.sql("update projects set created_at = %s where id = %s", (NOW + timedelta(days=1), new))
        db.make_job(old, cost_cents=5)
        db.make_job(old, "failed", cost_cents=7)
        projects = await db.ada.get_projects()
        shown = [(p.id, p.name, p.job_count, p.total_cost_cents) for p in projects]
        assert shown == [(new, "New", 0, 0), (old, "Old", 2, 12)]
        assert [p.id for p in await db.ada.get_projects(limit=1)] == [new]

        ids = {db.make_project(name="Twins"), db.make_project(name="Twins")}
        db.make_project(name="twins")
        assert {p.id for p in await db.ada.get_projects_named("Twins")} == ids
        assert list(await db.ada.get_projects_named("Twin")) == []

    async def test_user_creates_projects_only_for_themselves(self, db: Db) -> None:
        for owner_id in (None, ADA, BEN):
            project = await db.ada.create_project("  [b]Ünïcødé 製品\n", owner_id=owner_id)
            assert (project.user_id, project.name) == (ADA, "[b]Ünïcødé 製品")
            assert (project.job_count, project.total_cost_cents) == (0, 0)
            assert await db.ada.get_project(project.id) == project
        assert await db.ada.get_project(NOTHING) is None
        assert (await db.operator.create_project("Catalog", owner_id=CLEO)).user_id == CLEO

    async def test_project_without_an_owner_and_text_that_no_row_can_contain_are_refused(self, db: Db) -> None:
        for store, name, field in (
            (db.operator, "Catalog", "user_id"),
            (db.stranger, "Catalog", "user_id"),
            (db.ada, " ", "name"),
        ):
            assert (await error_of(InvalidValue, store.create_project(name))).field == field
        for text in ("a\0b", "\udcff@example.com"):
            assert (await error_of(InvalidValue, db.ada.get_projects_named(text))).field == "name"
            assert (await error_of(InvalidValue, db.operator.get_user(text))).field == "email"
            assert (await error_of(InvalidValue, db.operator.find_users(text))).field == "email"


def test_query_of_one_project_or_user_reads_its_jobs_by_index(database: Conninfo) -> None:
    queries: tuple[tuple[Query[Any], str], ...] = (
        (project_sql.by_id(NOTHING), "project_id"),
        (project_sql.projects_by_name("Catalog", limit=1), "project_id"),
        (user_sql.by_id(ADA), "user_id"),
        (user_sql.by_email("ada@example.com", limit=1), "user_id"),
    )
    for query, key in queries:
        plan = "\n".join(plan_of(database, query))
        assert re.search(rf"on generation_jobs.*\n(.*\n)*? *Index Cond: \({key} = ", plan), plan


async def test_assets_are_listed_newest_first(ada: Store, db: Db) -> None:
    project_id = db.make_project()
    old = db.make_asset(project_id, kind="input")
    new = db.make_asset(project_id, kind="output", created_at=NOW + timedelta(days=1))
    db.make_asset(db.make_project())
    assets = await ada.get_assets(project_id)
    assert [(asset.id, asset.kind, asset.user_id, asset.storage_path) for asset in assets] == [
        (new, "output", ADA, "photo.jpg"),
        (old, "input", ADA, "photo.jpg"),
    ]
    assert [asset.id for asset in await ada.get_assets(project_id, limit=1)] == [new]
    assert list(await ada.get_assets(NOTHING)) == []


class TestUsers:
    async def test_users_are_listed_by_email_with_their_job_counts(self, db: Db) -> None:
        project_id = db.make_project(BEN)
        db.make_job(project_id)
        db.make_job(project_id, created_at=NOW + timedelta(hours=1))
        users = await db.operator.get_users()
        assert [(user.id, user.email, user.job_count, user.last_job_at) for user in users] == [
            (ADA, "ada@example.com", 0, None),
            (BEN, "ben@example.com", 2, NOW + timedelta(hours=1)),
            (CLEO, None, 0, None),
        ]
        assert [user.id for user in await db.operator.get_users(limit=1)] == [ADA]

    async def test_user_is_found_by_an_unambiguous_email_or_by_id(self, operator: Store, sql: Sql) -> None:
        for wanted in ("ben@example.com", " BEN@Example.com ", str(BEN), str(BEN).upper()):
            assert (await operator.get_user(wanted)).id == BEN
            assert (await operator.acting_as_user(wanted)).actor == ActingUser(id=BEN, email="ben@example.com")
        assert (await operator.acting_as_user(str(CLEO))).actor == ActingUser(id=CLEO, email=None)
        for wanted in ("", "nobody@example.com", "%", "ben@example", str(STRANGER)):
            with pytest.raises(RowMissing, match="No user has the e-mail or id"):
                await operator.get_user(wanted)
        sql("insert into auth.users (id, email) values (%s, 'Ada@Example.com')", [STRANGER])
        with pytest.raises(InvalidValue, match="Several users") as caught:
            await operator.get_user("ada@example.com")
        for user_id in (ADA, STRANGER):
            assert str(user_id) in str(caught.value.hint)
        assert (await operator.get_user(str(STRANGER))).id == STRANGER
