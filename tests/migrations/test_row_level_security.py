"""The rows that users, visitors, the operator and the service role see and change."""

from collections.abc import Mapping
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from tests.conftest import Conninfo, connect
from tests.migrations.conftest import ADA, BEN, UserRows, acting, add, add_jobs
from tests.migrations.test_budgets import limit_project, limit_user

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


REQUEST_ROLES = ["anon", "authenticated", "service_role"]
VIEWS = """
select c.relname::text from pg_class c
 where c.relkind = 'v' and c.relnamespace = 'gjobs'::regnamespace and has_table_privilege('anon', c.oid, 'select')
 order by 1
"""


def test_request_roles_have_only_the_expected_privileges(database: Conninfo) -> None:
    with connect(database) as connection:
        granted = connection.execute(
            "select role, privilege, array_agg(c.relname::text order by c.relname::text)"
            "  from pg_class c, unnest(%s::text[]) as role, unnest(%s::text[]) as privilege"
            " where (c.relnamespace = 'gjobs'::regnamespace or c.oid = 'auth.users'::regclass)"
            "   and c.relkind in ('r', 'v') and case when privilege in ('select', 'insert', 'update', 'references')"
            "       then has_any_column_privilege(role, c.oid, privilege)"
            "       else has_table_privilege(role, c.oid, privilege) end"
            " group by role, privilege",
            [REQUEST_ROLES, ["select", "insert", "update", "delete", "truncate", "references", "trigger"]],
        ).fetchall()
        unlocked = connection.execute(
            "select relname from pg_class where relkind = 'r' and not relrowsecurity"
            " and relnamespace in ('gjobs'::regnamespace, 'auth'::regnamespace)"
        ).fetchall()
        sequences = connection.execute(
            "select c.relname, role from pg_class c, unnest(%s::text[]) as role"
            " where c.relnamespace = 'gjobs'::regnamespace and c.relkind = 'S'"
            " and has_sequence_privilege(role, c.oid, 'usage, select, update')",
            [REQUEST_ROLES],
        ).fetchall()

    views = {
        "job_events", "log_start", "job_starts", "job_counts", "job_day_counts", "job_waste", "job_day_waste",
        "job_summary", "visible_budgets", "visible_spending", "budget_states", "visible_leases", "visible_links",
        "visible_workers", "visible_archive", "visible_retention", "further_columns", "visible_error_groups",
    }  # fmt: skip
    written = {"budgets", "workers", "job_leases", "job_links", "retention_policies"}
    assert {(role, privilege): set(relations) for role, privilege, relations in granted} == {
        ("anon", "select"): views,
        ("authenticated", "select"): views,
        ("service_role", "select"): views | written | {"budget_spending", "archived_jobs", "fold_progress"},
        **{("service_role", privilege): written for privilege in ("insert", "update", "delete")},
    }
    assert (unlocked, sequences) == ([], [])


SPY = """
create function pg_temp.spy(seen text) returns boolean language plpgsql cost 0.0001 as
$$ begin raise notice '%', seen; return true; end $$
"""
"""A function of a user that reports each row it is called for. The planner calls it as early as it may."""
POLICIES = (
    "select",
    "create policy shared on public.generation_jobs for select using (user_id = '{ada}')",
    "create policy few on public.generation_jobs as restrictive for select using (user_id = '{ada}')",
    (
        "revoke select on public.generation_jobs from public, anon, authenticated;"
        " grant select (id, user_id, project_id, status, mode, cost_cents, created_at, error, retry_count)"
        " on public.generation_jobs to anon, authenticated"
    ),
)
"""The statements of an app after which a user still sees only own jobs."""


@pytest.mark.parametrize("is_folded", [False, True])
def test_no_view_shows_a_user_anything_of_another_user(operator: psycopg.Connection, is_folded: bool) -> None:
    """Not even to a function of the user that sees the rows before a condition of the view does."""
    fill(operator)
    if is_folded:
        operator.execute("select gjobs.fold_events()")
    views = [view for (view,) in operator.execute(VIEWS.encode())]
    shown: list[str] = []
    report = lambda diagnostic: shown.append(diagnostic.message_primary or "")  # noqa: E731
    operator.add_notice_handler(report)
    of_ben = [str(one) for one in (BEN.project, BEN.id, BEN.asset, BEN.job, BEN_JOB)]
    try:
        for view in views:
            assert rows_of(operator, view) or (view, is_folded) == ("visible_error_groups", False), view
        for policy in POLICIES:
            with operator.transaction(force_rollback=True):
                operator.execute(policy.format(ada=ADA.id).encode())
                for user, role in ((ADA.id, "authenticated"), (None, "authenticated"), (ADA.id, "anon")):
                    with acting(operator, user, role):
                        operator.execute(SPY)
                        for view in views:
                            shown.clear()
                            shown += map(str, rows_of(operator, view, "where pg_temp.spy(v::text)"))
                            # A visible job's earlier events show its project of that time.
                            known = of_ben[1:] if view == "job_events" and policy != POLICIES[0] else of_ben
                            assert [one for one in shown if any(id_ in one for id_ in known)] == [], (view, policy)
    finally:
        operator.remove_notice_handler(report)


def test_job_with_the_id_of_a_deleted_one_shows_no_events_of_another_user(operator: psycopg.Connection) -> None:
    """Also if the app shows users more than their own jobs."""
    with operator.transaction(force_rollback=True):
        operator.execute("create policy shared on public.generation_jobs for select using (mode = 'shared')")
        operator.execute(
            "update public.generation_jobs set status = 'failed', error = 'of Ben' where id = %s", [BEN.job]
        )
        operator.execute("delete from public.generation_jobs where id = %s", [BEN.job])
        with acting(operator, ADA.id):
            add_jobs(operator, ADA, id=BEN.job)
            found = operator.execute("select kind, error from gjobs.job_events where job_id = %s", [BEN.job])
            assert found.fetchall() == [("created", None)]


BEN_JOB = UUID(int=0xB4)


def fill(operator: psycopg.Connection) -> None:
    """Let each view have rows of Ada and of Ben. One of Ada's jobs was Ben's, and Ben changed another."""
    for user, job in ((BEN, BEN_JOB), (ADA, UUID(int=0xA4)), (ADA, UUID(int=0xA5))):
        add_jobs(operator, user, id=job, status="failed", error=f"Boom of {user.id}", retry_count=1)
    for user in (ADA, BEN):
        limit_user(operator, user, 9000)
        limit_project(operator, user, 9000)
        operator.execute(
            "insert into gjobs.retention_policies (project_id, older_than, action) values (%s, '1 day', 'delete')",
            [user.project],
        )
        operator.execute("insert into gjobs.job_links (job_id, repeats) values (%s, %s)", [user.job, uuid4()])
    operator.execute(
        "insert into gjobs.workers (id, name, host, process, concurrency) values (%s, %s, 'h', 1, 1)",
        [uuid4(), f"worker of {BEN.id}"],
    )
    operator.execute("select gjobs.claim_jobs(%s, null, 9, 60)", [uuid4()])
    operator.execute("select gjobs.archive_jobs(%s)", [[BEN_JOB, UUID(int=0xA4)]])
    (moved,) = add_jobs(operator, BEN)
    operator.execute(
        "update public.generation_jobs set user_id = %s, project_id = %s where id = %s", [ADA.id, ADA.project, moved]
    )
    with operator.transaction():
        operator.execute("select set_config('request.jwt.claims', %s, true)", [f'{{"sub": "{BEN.id}"}}'])
        operator.execute("update public.generation_jobs set cost_cents = 7 where id = %s", [ADA.job])


def rows_of(connection: psycopg.Connection, view: str, where: str = "") -> list[tuple[object, ...]]:
    return connection.execute(f"select v::text from gjobs.{view} v {where}".encode()).fetchall()  # noqa: S608


def test_request_roles_cannot_truncate_tables(operator: psycopg.Connection) -> None:
    """Row level security does not apply to TRUNCATE."""
    for table in TABLES:
        for role in ("anon", "authenticated"):
            with pytest.raises(NOT_PERMITTED), acting(operator, ADA.id, role):
                operator.execute(SQL("truncate public.{} cascade").format(Identifier(table)))
