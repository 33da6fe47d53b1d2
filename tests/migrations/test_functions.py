"""Functions: each is created once, guards its writes with WHERE, and shows users only their own jobs."""

import ast
import re
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from gjobs.migrations.runner import remove, upgrade
from gjobs.migrations.scripts import MIGRATIONS
from tests.conftest import Conninfo, connect
from tests.hosted.parse_trees import unguarded_statements
from tests.migrations.conftest import ADA, BEN, UserRows, acting, add, add_jobs, app_schema, catalogue, execute
from tests.migrations.sql_writes import unguarded_writes
from tests.migrations.test_budgets import limit_project, limit_user

CREATED = r"create (?:or replace )?{kind} (?P<name>[\w.]+)"
APP_FOLDER = Path("sql/app")
"""The folder of the app's own functions and triggers."""


def files_by_name(kind: str) -> dict[str, list[Path]]:
    """Return the files below `migrations` that create each function or trigger of gjobs."""
    found: dict[str, list[Path]] = defaultdict(list)
    for file in sorted(MIGRATIONS.rglob("*.sql")):
        path = file.relative_to(MIGRATIONS)
        if path.parent != APP_FOLDER:
            for match in re.finditer(CREATED.format(kind=kind), file.read_text(encoding="utf-8"), re.IGNORECASE):
                found[match["name"]].append(path)
    return found


def test_each_function_and_trigger_is_created_once() -> None:
    for kind in ("function", "trigger"):
        found = files_by_name(kind)
        assert found
        assert {name: files for name, files in found.items() if len(files) > 1} == {}


def test_files_create_every_function_and_trigger_of_the_gjobs_schema(database: Conninfo) -> None:
    with connect(database) as connection:
        functions = connection.execute(
            "select 'gjobs.' || proname from pg_proc where pronamespace = 'gjobs'::regnamespace"
        ).fetchall()
        triggers = connection.execute(
            "select t.tgname from pg_trigger t join pg_proc p on p.oid = t.tgfoid"
            " where p.pronamespace = 'gjobs'::regnamespace"
        ).fetchall()

    assert {name for name in files_by_name("function") if name.startswith("gjobs.")} == {row[0] for row in functions}
    assert set(files_by_name("trigger")) == {row[0] for row in triggers}


WORKER = UUID(int=0xD1)
CLEO = UserRows(id=UUID(int=0xC0), project=UUID(int=0xC1), asset=UUID(int=0xC2), job=UUID(int=0xC3))
CALLS: list[tuple[str, list[tuple[object, ...]]]] = [
    ("select count(*) from gjobs.claim_jobs(%(worker)s, array['lifestyle'], 1, 0)", [(1,)]),
    ("select attempt, lost_by from gjobs.claim_jobs(%(worker)s, null, 1, 60)", [(2, WORKER)]),
    ("select count(*) from gjobs.renew_leases(%(worker)s, %(jobs)s, '{2}', 60, '{half}')", [(1,)]),
    ("select count(*) from gjobs.postpone_jobs(%(worker)s, %(jobs)s, '{2}', '{late}', '{7}', '{0}')", [(1,)]),
    ("select attempt, note from gjobs.claim_jobs(%(worker)s, null, 1, 60)", [(3, "late")]),
    ("select count(*) from gjobs.finish_jobs(%(worker)s, %(jobs)s, '{3}', '{failed}', '{late}', '{9}')", [(1,)]),
    ("select spent_cents, allowed from gjobs.check_budget(%(project)s, 1)", [(9, True)]),
    ("select status, unrecorded from gjobs.jobs_at(now(), p_job_ids => %(jobs)s)", [("failed", None)]),
    ("select count(*) from gjobs.archive_jobs(%(jobs)s)", [(1,)]),
    ("select count(*) from gjobs.restore_jobs(%(jobs)s)", [(1,)]),
]
"""Calls with their results."""


def test_functions_work_after_an_upgrade_and_the_apps_own_work_after_a_removal(attached_database: Conninfo) -> None:
    before = app_schema(catalogue(attached_database))
    upgrade(attached_database)
    with connect(attached_database, autocommit=True) as connection:
        call_functions_of_workers(connection)
        call_functions_of_the_app(connection)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="another user"), acting(connection, CLEO.id):
            connection.execute("select gjobs.get_job_statistics(%s)", [BEN.id])

        remove(attached_database)

        assert app_schema(catalogue(attached_database)) == before
        call_functions_of_the_app(connection)


def call_functions_of_workers(connection: psycopg.Connection) -> None:
    add(connection, ADA)
    limit_project(connection, ADA, 500)
    values = {"worker": WORKER, "jobs": [ADA.job], "project": ADA.project}
    for call, expected in CALLS:
        assert connection.execute(call.encode(), values).fetchall() == expected, call


def call_functions_of_the_app(connection: psycopg.Connection) -> None:
    connection.execute("delete from auth.users")
    for user in (CLEO, BEN):
        add(connection, user)
    with acting(connection, CLEO.id):
        moved = connection.execute("select public.transition_job_status(%s, 'running')", [CLEO.job]).fetchone()
        counted = connection.execute("select status, count, total_cost_cents from public.get_job_statistics()")
        assert (moved, counted.fetchall()) == ((True,), [("running", 1, 250)])
        assert connection.execute("select id from public.get_recent_jobs()").fetchall() == [(CLEO.job,)]
    connection.execute("delete from public.generation_jobs where id = %s", [BEN.job])
    statistics = connection.execute("select status from public.get_job_statistics(%s)", [CLEO.id]).fetchall()
    assert statistics == [("queued",)]


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
    limit_user(operator, ADA, 9000)
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


Rows = list[tuple[object, ...]]

STATISTICS = "select status, count, total_cost_cents, avg_cost_cents from public.get_job_statistics()"

SUMMARY = (
    "select user_id, project_id, status, job_count, total_cost_cents, avg_cost_cents from public.generation_job_summary"
)

COUNTED, FROM_ROLLUPS = "the jobs", "the rollups"


def from_source(query: str, source: str) -> bytes:
    """Return the query of the app's function or view, or the same query of the rollups."""
    if source == FROM_ROLLUPS:
        query = query.replace("public.get_job_statistics", "gjobs.get_job_statistics")
        query = query.replace("public.generation_job_summary", "gjobs.job_summary")
    return query.encode()


RECENT = "select id from public.get_recent_jobs()"


@pytest.fixture
def costs(operator: psycopg.Connection) -> psycopg.Connection:
    """Ada has a queued job of 250 cents and two succeeded jobs of 100 and 201 cents."""
    for cents, day in ((100, "2026-01-01"), (201, "2026-01-02")):
        add_jobs(operator, ADA, status="succeeded", cost_cents=cents, created_at=day)
    return operator


@pytest.mark.parametrize("source", [COUNTED, FROM_ROLLUPS])
def test_users_read_only_own_statistics(costs: psycopg.Connection, source: str) -> None:
    own = from_source(STATISTICS, source)
    of_user = own.replace(b"()", b"(%s)")
    expected = [("queued", 1, 250, Decimal(250)), ("succeeded", 2, 301, Decimal("150.5"))]
    with acting(costs, ADA.id):
        assert costs.execute(own).fetchall() == expected
        assert costs.execute(of_user, [ADA.id]).fetchall() == expected
    for user, role in ((BEN.id, "authenticated"), (None, "authenticated"), (None, "anon")):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), acting(costs, user, role):
            costs.execute(of_user, [ADA.id])
    # The operator and the service role read those of any user.
    expected = [("queued", 1, 250, Decimal(250))]
    assert costs.execute(of_user, [BEN.id]).fetchall() == expected
    with acting(costs, None, "service_role"):
        assert costs.execute(of_user, [BEN.id]).fetchall() == expected


@pytest.mark.parametrize("source", [COUNTED, FROM_ROLLUPS])
def test_summary_view_shows_users_only_their_rows(costs: psycopg.Connection, source: str) -> None:
    summary = from_source(SUMMARY, source)
    bens = (BEN.id, BEN.project, "queued", 1, 250, Decimal(250))
    with acting(costs, BEN.id):
        assert costs.execute(summary).fetchall() == [bens]
    everyones = costs.execute(summary).fetchall()
    assert len(everyones) == 3
    assert bens in everyones


def test_get_recent_jobs_returns_only_own_jobs_newest_first(costs: psycopg.Connection) -> None:
    with acting(costs, ADA.id):
        newest = costs.execute("select id, cost_cents from public.get_recent_jobs(2)").fetchall()
        assert newest[0][0] == ADA.job
        assert [row[1] for row in newest] == [250, 201]
        assert len(costs.execute(RECENT).fetchall()) == 3
    with acting(costs, BEN.id):
        assert costs.execute(RECENT).fetchall() == [(BEN.job,)]


def test_reading_functions_return_nothing_without_claims(costs: psycopg.Connection) -> None:
    of_rollups = [from_source(query, FROM_ROLLUPS) for query in (STATISTICS, SUMMARY)]
    for query in (STATISTICS.encode(), SUMMARY.encode(), RECENT.encode(), *of_rollups):
        for role in ("anon", "authenticated"):
            with acting(costs, None, role):
                assert costs.execute(query).fetchall() == [], (query, role)


def forged(conninfo: Conninfo) -> tuple[Rows, Rows]:
    """Return the statistics and recent jobs of Ada when a temporary table has the name of the app's table."""
    with connect(conninfo, autocommit=True) as connection:
        add(connection, ADA)
        with acting(connection, ADA.id):
            connection.execute("create temporary table generation_jobs (like public.generation_jobs)")
            connection.execute("grant all on generation_jobs to public")
            connection.execute(
                "insert into generation_jobs"
                " select id, user_id, project_id, 'failed', mode, null, null, 1, now(), now()"
                " from public.generation_jobs"
            )
            statistics = connection.execute(STATISTICS).fetchall()
            newest = connection.execute("select status, cost_cents from public.get_recent_jobs()").fetchall()
            moved = connection.execute("select public.transition_job_status(%s, 'running')", [ADA.job]).fetchone()
            status = connection.execute("select status from public.generation_jobs").fetchone()
    assert moved is not None
    assert status is not None
    return statistics, [*newest, (moved[0], status[0])]


def test_temporary_table_cannot_replace_the_jobs_table_in_functions(database: Conninfo) -> None:
    assert forged(database) == ([("queued", 1, 250, Decimal(250))], [("queued", 250), (True, "running")])


def test_original_app_functions_read_a_temporary_table_instead(attached_database: Conninfo) -> None:
    assert forged(attached_database) == ([("failed", 1, 1, Decimal(1))], [("failed", 1), (False, "queued")])


def test_functions_for_users_run_as_their_caller_and_have_a_fixed_search_path_unless_policies_run_in_them(
    database: Conninfo,
) -> None:
    with connect(database) as connection:
        functions = connection.execute(
            "select proname, prosecdef, proconfig, pronamespace = 'gjobs'::regnamespace,"
            " has_function_privilege('authenticated', oid, 'execute'),"
            " has_function_privilege('service_role', oid, 'execute'), has_function_privilege('anon', oid, 'execute')"
            " from pg_proc where pronamespace in ('public'::regnamespace, 'gjobs'::regnamespace)"
        ).fetchall()

    assert {name for name, _, _, is_ours, for_users, *_ in functions if is_ours and for_users} == {
        "visible_jobs", "sees_job", "owns_project", "server_identity", "error_group", "error_hash", "count_visible",
        "get_job_statistics", "budget_period_start", "check_budget", "link_retries", "cut_error",
        "archive_jobs", "restore_jobs", "jobs_at",
    }  # fmt: skip
    assert [name for name, _, _, _, for_users, _, for_visitors in functions if for_users is not for_visitors] == []
    assert {name for name, _, _, _, for_users, for_service, _ in functions if for_service and not for_users} == {
        "fold_events", "count_again", "choose_queued", "take_over_jobs", "claim_jobs", "finish_jobs",
        "postpone_jobs", "renew_leases",
    }  # fmt: skip
    assert {name for name, is_definer, _, _, for_users, *_ in functions if for_users and is_definer} == {"link_retries"}
    assert {name for name, _, settings, *_ in functions if 'search_path=""' not in (settings or [])} == {
        *("error_hash", "cut_error"),
        # The app's policies and triggers run in these.
        *("sees_job", "owns_project", "count_visible", "get_job_statistics", "check_budget", "jobs_at", "archive_jobs"),
        *("restore_jobs", "claim_jobs", "finish_jobs", "postpone_jobs"),
    }


HOSTILE = """
create function public.hostile() returns void language plpgsql as 'begin raise exception ''hostile''; end';
create function public.unnest(uuid[]) returns setof uuid language sql as 'select public.hostile(); select null::uuid';
create function public.unnest(text[]) returns setof text language sql as 'select public.hostile(); select null::text';
create function public.cardinality(uuid[]) returns integer language sql as 'select public.hostile(); select 0';
create function public.array_position(uuid[], uuid) returns integer language sql as 'select public.hostile(); select 0';
create function public.format(text, uuid) returns text language sql as 'select public.hostile(); select null::text';
create function public.format(text, text) returns text language sql as 'select public.hostile(); select null::text';
create function public.concat_ws(text, text, text, text, text, text, text) returns text
    language sql as 'select public.hostile(); select null::text';
create function public.collect(uuid[], uuid) returns uuid[] language sql as 'select public.hostile(); select $1';
create aggregate public.array_agg(uuid) (sfunc = public.collect, stype = uuid[]);
create function public.collect(text[], text) returns text[] language sql as 'select public.hostile(); select $1';
create aggregate public.array_agg(text) (sfunc = public.collect, stype = text[]);
create function public.collect(gjobs.job_events[], gjobs.job_events) returns gjobs.job_events[]
    language sql as 'select public.hostile(); select $1';
create aggregate public.array_agg(gjobs.job_events) (sfunc = public.collect, stype = gjobs.job_events[]);
"""
"""Functions that fit the arguments of our calls better than those of the server."""


def test_functions_of_another_schema_cannot_replace_those_of_the_server(migrated_copy: Conninfo) -> None:
    execute(migrated_copy, HOSTILE)
    with connect(migrated_copy) as connection:
        add(connection, ADA)
        ((before,),) = connection.execute("select clock_timestamp()").fetchall()
        connection.execute("update public.generation_jobs set status = 'queued'")
        connection.commit()
        claimed = connection.execute("select id, attempt from gjobs.claim_jobs(%s, null, 1, 60)", [ADA.id]).fetchall()
        assert claimed == [(ADA.job, 1)]
        for call in (
            "postpone_jobs(%(worker)s, %(jobs)s, '{1}', '{x}', '{7}', '{0}')",
            "finish_jobs(%(worker)s, %(jobs)s, '{2}', '{failed}', '{x}', '{7}')",
            "archive_jobs(%(jobs)s)",
            "restore_jobs(%(jobs)s)",
            "jobs_at(%(before)s)",
            "get_job_statistics(%(user)s)",
            "check_budget(%(project)s, 1)",
        ):
            if call.startswith("finish"):
                connection.commit()
                connection.execute("select from gjobs.claim_jobs(%s, null, 1, 60)", [ADA.id])
            values = {
                "worker": ADA.id, "jobs": [ADA.job], "before": before, "user": ADA.id, "project": ADA.project
            }  # fmt: skip
            found = connection.execute(f"select * from gjobs.{call}".encode(), values).fetchall()  # noqa: S608
            assert found or call.startswith("check_budget"), call


def test_policy_of_the_app_may_call_a_function_that_names_a_table_without_its_schema(migrated_copy: Conninfo) -> None:
    execute(
        migrated_copy,
        "create table public.members (project_id uuid, user_id uuid)",
        "grant select on public.members to authenticated",
        "create function public.is_member(uuid) returns boolean language sql stable as"
        " 'select exists (select from members m where m.project_id = $1 and m.user_id = auth.uid())'",
        "create policy members on public.generation_jobs to authenticated using (public.is_member(project_id))",
        "create policy members on public.projects to authenticated using (public.is_member(id))",
        "create policy members on public.assets to authenticated using (public.is_member(project_id))",
    )
    with connect(migrated_copy) as connection:
        add(connection, ADA)
        add(connection, BEN)
        connection.execute("insert into public.members values (%s, %s)", [ADA.project, BEN.id])
        connection.commit()
        ((moment,),) = connection.execute("select clock_timestamp()").fetchall()
        connection.commit()
        both = {ADA.job, BEN.job}
        with acting(connection, BEN.id):
            for query in ("select job_id from gjobs.job_events", "select id from gjobs.jobs_at(%(moment)s)"):
                assert {row[0] for row in connection.execute(query.encode(), {"moment": moment})} == both
            counted = connection.execute("select sum(job_count) from gjobs.job_counts").fetchall()
            assert counted == [(2,)]
            assert connection.execute("select count from gjobs.get_job_statistics()").fetchall() == [(1,)]
            assert connection.execute("select * from gjobs.check_budget(%s, 1)", [ADA.project]).fetchall() == []
            archived = connection.execute("select * from gjobs.archive_jobs(%s)", [[BEN.job]]).fetchall()
            assert archived == [(BEN.job,)]
            assert connection.execute("select * from gjobs.restore_jobs(%s)", [[BEN.job]]).fetchall() == [(BEN.job,)]
