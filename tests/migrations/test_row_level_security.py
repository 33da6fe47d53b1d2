"""The rows that users, visitors, the operator and the service role see and change."""

from collections.abc import Mapping
from uuid import UUID

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from tests.conftest import Conninfo, connect
from tests.migrations.conftest import ADA, BEN, UserRows, acting, add

TABLES = ("projects", "assets", "generation_jobs")

NOT_PERMITTED = psycopg.errors.InsufficientPrivilege

INSERTS: Mapping[str, SQL] = {
    "projects": SQL("insert into public.projects (user_id, name) values (%(user)s, 'Spring')"),
    "assets": SQL(
        "insert into public.assets"
        " (user_id, project_id, source_asset_id, kind, mode, prompt_version, prompt_payload, storage_path)"
        " values (%(user)s, %(project)s, %(asset)s, 'output', 'lifestyle', '1', '{}', 'b.png')"
    ),
    "generation_jobs": SQL(
        "insert into public.generation_jobs (user_id, project_id, input_asset_id, mode)"
        " values (%(user)s, %(project)s, %(asset)s, 'lifestyle')"
    ),
}


def row_of(user: UserRows, table: str) -> UUID:
    return {"projects": user.project, "assets": user.asset, "generation_jobs": user.job}[table]


def insert(connection: psycopg.Connection, table: str, user: UUID, project: UUID, asset: UUID | None = None) -> int:
    return connection.execute(INSERTS[table], {"user": user, "project": project, "asset": asset}).rowcount


def update(connection: psycopg.Connection, table: str, row: UUID, column: str, value: object) -> int:
    statement = SQL("update public.{} set {} = %s where id = %s").format(Identifier(table), Identifier(column))
    return connection.execute(statement, [value, row]).rowcount


def delete(connection: psycopg.Connection, table: str, row: UUID) -> int:
    return connection.execute(SQL("delete from public.{} where id = %s").format(Identifier(table)), [row]).rowcount


def seen(connection: psycopg.Connection, table: str) -> set[UUID]:
    return {row[0] for row in connection.execute(SQL("select id from public.{}").format(Identifier(table)))}


@pytest.mark.parametrize("table", TABLES)
class TestEachTable:
    def test_user_sees_and_changes_only_own_rows(self, operator: psycopg.Connection, table: str) -> None:
        with acting(operator, ADA.id):
            assert seen(operator, table) == {ADA_ROW[table]}
        with acting(operator, BEN.id):
            assert seen(operator, table) == {BEN_ROW[table]}
            assert insert(operator, table, BEN.id, BEN.project) == 1
            assert update(operator, table, BEN_ROW[table], "updated_at", "2026-01-01") == 1
            assert update(operator, table, ADA_ROW[table], "updated_at", "2026-01-01") == 0
            assert delete(operator, table, ADA_ROW[table]) == 0
            assert delete(operator, table, BEN_ROW[table]) == 1
        with pytest.raises(NOT_PERMITTED), acting(operator, BEN.id):
            insert(operator, table, ADA.id, BEN.project)
        with pytest.raises(NOT_PERMITTED), acting(operator, BEN.id):
            update(operator, table, BEN_ROW[table], "user_id", ADA.id)

    @pytest.mark.parametrize("role", ["anon", "authenticated"])
    def test_requests_without_claims_can_access_no_row(
        self, operator: psycopg.Connection, table: str, role: str
    ) -> None:
        with acting(operator, None, role):
            assert seen(operator, table) == set()
            assert update(operator, table, ADA_ROW[table], "updated_at", "2026-01-01") == 0
            assert delete(operator, table, ADA_ROW[table]) == 0
        with pytest.raises(NOT_PERMITTED), acting(operator, None, role):
            insert(operator, table, ADA.id, ADA.project)

    def test_operator_and_service_role_see_all_rows(self, operator: psycopg.Connection, table: str) -> None:
        everyones = {ADA_ROW[table], BEN_ROW[table]}
        assert seen(operator, table) == everyones
        with acting(operator, None, "service_role"):
            assert seen(operator, table) == everyones
            assert delete(operator, table, ADA_ROW[table]) == 1


ADA_ROW = {table: row_of(ADA, table) for table in TABLES}

BEN_ROW = {table: row_of(BEN, table) for table in TABLES}


@pytest.mark.parametrize("table", ["assets", "generation_jobs"])
class TestProjectsOfOtherUsers:
    def test_user_cannot_use_a_project_of_another_user(self, operator: psycopg.Connection, table: str) -> None:
        with pytest.raises(NOT_PERMITTED), acting(operator, BEN.id):
            insert(operator, table, BEN.id, ADA.project)
        with pytest.raises(NOT_PERMITTED), acting(operator, BEN.id):
            update(operator, table, BEN_ROW[table], "project_id", ADA.project)

    def test_user_can_reference_own_assets(self, operator: psycopg.Connection, table: str) -> None:
        with acting(operator, BEN.id):
            assert insert(operator, table, BEN.id, BEN.project, asset=BEN.asset) == 1


def test_job_cannot_use_an_asset_of_another_user(operator: psycopg.Connection) -> None:
    with pytest.raises(NOT_PERMITTED), acting(operator, BEN.id):
        insert(operator, "generation_jobs", BEN.id, BEN.project, asset=ADA.asset)
    with pytest.raises(NOT_PERMITTED), acting(operator, BEN.id):
        update(operator, "generation_jobs", BEN.job, "input_asset_id", ADA.asset)


def test_policies_evaluate_the_user_once_per_statement(
    operator: psycopg.Connection, attached_database: Conninfo
) -> None:
    """The app's own policies do not, and they allow the use of projects of other users."""
    statements = (
        SQL("explain select from public.{}"),
        SQL("explain update public.{} set updated_at = now()"),
        SQL("explain delete from public.{}"),
    )

    def once(connection: psycopg.Connection, table: str) -> list[bool]:
        with acting(connection, ADA.id):
            plans = [connection.execute(query.format(Identifier(table))).fetchall() for query in statements]
        return [any("InitPlan" in str(line) for line in plan) for plan in plans]

    with connect(attached_database, autocommit=True) as of_the_app:
        add(of_the_app, ADA)
        add(of_the_app, BEN)
        for table in TABLES:
            assert once(operator, table) == [True, True, True], table
            assert once(of_the_app, table) == [False, False, False], table
        for table in ("assets", "generation_jobs"):
            with acting(of_the_app, BEN.id):
                assert insert(of_the_app, table, BEN.id, ADA.project, asset=ADA.asset) == 1


def test_project_assets_and_job_can_be_inserted_in_one_transaction(operator: psycopg.Connection) -> None:
    project, first, second = UUID(int=0xC0), UUID(int=0xC1), UUID(int=0xC2)
    with acting(operator, BEN.id):
        operator.execute("insert into public.projects (id, user_id, name) values (%s, %s, 'Spring')", [project, BEN.id])
        made = operator.execute(
            """
            with assets as (
                insert into public.assets
                    (id, user_id, project_id, source_asset_id, kind, mode, prompt_version, prompt_payload, storage_path)
                values (%(first)s, %(user)s, %(project)s, null, 'input', 'lifestyle', '1', '{}', 'a.png'),
                       (%(second)s, %(user)s, %(project)s, %(first)s, 'output', 'lifestyle', '1', '{}', 'b.png')
                returning project_id
            )
            insert into public.generation_jobs (user_id, project_id, mode)
            select %(user)s, project_id, 'lifestyle' from assets
            """,
            {"user": BEN.id, "project": project, "first": first, "second": second},
        )
        assert made.rowcount == 2
        assert insert(operator, "generation_jobs", BEN.id, project, asset=second) == 1


def test_request_roles_have_only_the_expected_table_privileges(database: Conninfo) -> None:
    with connect(database) as connection:
        objects = connection.execute(
            "select oid, relname, relrowsecurity from pg_class"
            " where relkind = 'r' and relnamespace in ('gjobs'::regnamespace, 'auth'::regnamespace)"
        ).fetchall()
        granted = connection.execute(
            "select relname, role,"
            " has_table_privilege(role, oid, 'insert, update, delete, truncate, references, trigger')"
            " from pg_class, unnest(%s::text[]) as role where oid = any (%s)"
            " and has_table_privilege(role, oid, 'select, insert, update, delete, truncate, references, trigger')",
            [["anon", "authenticated", "service_role"], [row[0] for row in objects]],
        ).fetchall()
        schema = connection.execute("select has_schema_privilege('public', 'gjobs', 'usage')").fetchone()

    rollups = {"job_deltas", "job_totals", "job_days", "job_folding", "waste_deltas", "waste_totals", "waste_days"}
    rollups.add("waste_keys")
    read = {"known_users", "job_event_log", "job_starts", "budgets", "budget_spending"}
    read |= {"archived_jobs", "retention_policies"}
    written = {"workers", "job_leases", "job_links"}
    unread = {"alembic_version", "replaced", "budget_charges"} | rollups
    assert {row[1] for row in objects} == read | written | unread | {"users"}
    assert [row[1] for row in objects if not row[2]] == []
    # Events, budgets, the archive and the functions of workers have policies as strict as those of the jobs.
    # Everybody may read the views of the rollups, which filter their rows.
    assert {table for table, _, may_write in granted if not may_write} == read
    assert {table for table, _, may_write in granted if may_write} == written
    assert schema == (True,)


def test_request_roles_cannot_truncate_tables(operator: psycopg.Connection) -> None:
    """Row level security does not apply to TRUNCATE."""
    for table in TABLES:
        for role in ("anon", "authenticated"):
            with pytest.raises(NOT_PERMITTED), acting(operator, ADA.id, role):
                operator.execute(SQL("truncate public.{} cascade").format(Identifier(table)))
