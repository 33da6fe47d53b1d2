"""Hosted projects load safeupdate, which refuses UPDATE and DELETE without WHERE, also within functions."""

import ast
import re
from pathlib import Path

import psycopg

from gjobs.migrations.scripts import MIGRATIONS
from tests.conftest import Conninfo, connect
from tests.hosted.parse_trees import unguarded_statements
from tests.migrations.conftest import ADA, acting
from tests.migrations.sql_writes import unguarded_writes

ROOT = MIGRATIONS.parent
PACKAGES = ("migrations", "store", "tui")


def found_in(texts: dict[str, str]) -> dict[str, list[str]]:
    return {name: found for name, text in texts.items() if (found := unguarded_writes(text))}


def files(suffix: str) -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob(f"*{suffix}"))]


def strings(path: Path) -> str:
    """Return the strings of a Python file that may write, each as separate SQL."""
    source = path.read_text(encoding="utf-8")
    nodes = ast.walk(ast.parse(source)) if may_write(source) else ()
    found = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return ";\n".join("$text$" + text + "$text$" for text in found if may_write(text))


def may_write(text: str) -> bool:
    return re.search("update|delete", text, re.IGNORECASE) is not None


UNGUARDED = (
    "update gjobs.fold_state set folded_at = now()",
    "begin if true then delete from t; end if; end",
    "with gone as (delete from t returning *) select from gone where true",
    "update t set a = (select 1 from u where true); select 1 where true",
    "do $$ begin execute format($x$ update %I set a = 1 $x$, 't'); end $$",
    "execute 'delete from t'",
    "for kept in delete from t returning a loop perform 1 where true; end loop;",
)
GUARDED = (
    "update t set a = 1 where true",
    "with gone as (delete from t where a returning *) select * from gone",
    "merge into t using u on true when matched then update set a = 1 when not matched then delete",
    "insert into t values (1) on conflict (a) do update set a = 2",
    "create policy p on t for update using (true); select 1 for no key update;",
    "create trigger t after update on t for each row execute function f(); -- delete from t",
    "select 'Update the row, then set it.'",
)


def test_the_check_finds_only_writes_without_where() -> None:
    assert [len(unguarded_writes(sql)) for sql in UNGUARDED] == [1] * len(UNGUARDED)
    assert [unguarded_writes(sql) for sql in GUARDED] == [[]] * len(GUARDED)


def test_no_script_writes_without_where() -> None:
    assert found_in({str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in files(".sql")}) == {}


def test_no_sql_in_python_writes_without_where() -> None:
    assert found_in({str(path.relative_to(ROOT)): strings(path) for path in files(".py")}) == {}


def test_no_function_of_a_migrated_database_writes_without_where(database: Conninfo) -> None:
    with connect(database) as connection:
        bodies = connection.execute(
            "select p.oid::regprocedure::text, p.prosrc from pg_proc p"
            " where p.pronamespace in ('gjobs'::regnamespace, 'public'::regnamespace)"
        ).fetchall()

    assert len(bodies) > 30
    assert found_in(dict(bodies)) == {}


def test_the_server_reports_an_update_without_where(operator: psycopg.Connection) -> None:
    with unguarded_statements(operator) as found, operator.transaction(force_rollback=True):
        operator.execute(
            "create function pg_temp.f() returns void language plpgsql as 'begin delete from pg_temp.t; end'"
        )
        operator.execute("create temp table t (a integer)")
        operator.execute("update pg_temp.t set a = 1 where true")
        assert found == []
        operator.execute("select pg_temp.f()")
        operator.execute("with gone as (update pg_temp.t set a = 2 returning a) select a from gone where a > 1")
    assert found == ["DELETE", "UPDATE"]


def test_no_statement_of_the_app_writes_without_where(operator: psycopg.Connection) -> None:
    """Check the server's parse trees, as safeupdate does, also within triggers and functions."""
    operator.execute("insert into gjobs.budgets (user_id, period, limit_cents) values (%s, 'all', 9000)", [ADA.id])
    with unguarded_statements(operator) as found:
        with acting(operator, ADA.id):
            operator.execute(
                "insert into public.generation_jobs (user_id, project_id, mode, cost_cents)"
                " select user_id, id, 'x', 5 from public.projects"
            )
            operator.execute("update public.generation_jobs set status = 'running' where status = 'queued'")
            operator.execute("delete from public.projects where id = %s", [ADA.project])
        for level in ("read committed", "repeatable read"):
            with operator.transaction(force_rollback=True):
                operator.execute(f"set transaction isolation level {level}".encode())
                operator.execute("truncate public.generation_jobs")
    assert found == []


def test_maintenance_writes_nothing_without_where(operator: psycopg.Connection) -> None:
    with unguarded_statements(operator) as found, operator.transaction(force_rollback=True):
        operator.execute("set transaction isolation level repeatable read")
        operator.execute("select gjobs.fold_events(), gjobs.forget_user(%s)", [ADA.id])
        operator.execute("select gjobs.count_again()")
        operator.execute("update gjobs.fold_state set server_identity = 'another' where true")
        operator.execute("select gjobs.fold_events()")
    assert found == []
