"""Statistics, recent jobs and the summary show users only their own jobs."""

from decimal import Decimal

import psycopg
import pytest

from tests.conftest import Conninfo, connect
from tests.migrations.conftest import ADA, BEN, acting, add, execute

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
    operator.execute(
        "insert into public.generation_jobs (user_id, project_id, mode, status, cost_cents, created_at)"
        " values (%(user)s, %(project)s, 'packaging', 'succeeded', 100, '2026-01-01'),"
        "        (%(user)s, %(project)s, 'packaging', 'succeeded', 201, '2026-01-02')",
        {"user": ADA.id, "project": ADA.project},
    )
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
            " has_function_privilege('service_role', oid, 'execute')"
            " from pg_proc where pronamespace in ('public'::regnamespace, 'gjobs'::regnamespace)"
        ).fetchall()

    assert {name for name, _, _, is_ours, for_users, _ in functions if is_ours and for_users} == {
        "visible_jobs", "sees_job", "owns_project", "server_identity", "error_group", "error_hash", "count_visible",
        "get_job_statistics", "budget_period_start", "check_budget", "link_retries", "cut_error",
        "archive_jobs", "restore_jobs", "jobs_at",
    }  # fmt: skip
    assert {name for name, _, _, is_ours, for_users, for_service in functions if for_service and not for_users} == {
        "fold_events", "count_again", "choose_queued", "take_over_jobs", "claim_jobs", "finish_jobs",
        "postpone_jobs", "renew_leases",
    }  # fmt: skip
    assert {name for name, is_definer, _, _, for_users, _ in functions if for_users and is_definer} == {"link_retries"}
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
