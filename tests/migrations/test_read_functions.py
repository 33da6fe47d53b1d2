"""Statistics, recent jobs and the summary show users only their own jobs."""

from decimal import Decimal

import psycopg
import pytest

from tests.conftest import Conninfo, connect
from tests.migrations.conftest import ADA, BEN, acting, add

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


def test_functions_for_users_run_as_their_caller_and_all_have_a_fixed_search_path(database: Conninfo) -> None:
    with connect(database) as connection:
        functions = connection.execute(
            "select proname, prosecdef, proconfig, pronamespace = 'gjobs'::regnamespace,"
            " has_function_privilege('authenticated', oid, 'execute'),"
            " has_function_privilege('service_role', oid, 'execute')"
            " from pg_proc where pronamespace in ('public'::regnamespace, 'gjobs'::regnamespace)"
        ).fetchall()

    assert {name for name, _, _, is_ours, for_users, _ in functions if is_ours and for_users} == {
        "visible_jobs", "sees_job", "owns_project", "server_identity", "error_group", "error_hash", "count_visible",
        "get_job_statistics", "budget_period_start", "check_budget", "link_retries", "further_columns",
        "archive_jobs", "restore_jobs", "jobs_at",
    }  # fmt: skip
    assert {name for name, _, _, is_ours, for_users, for_service in functions if for_service and not for_users} == {
        "fold_events", "count_again", "choose_queued", "take_over_jobs", "claim_jobs", "finish_jobs",
        "postpone_jobs", "renew_leases",
    }  # fmt: skip
    assert {name for name, is_definer, _, _, for_users, _ in functions if for_users and is_definer} == {"link_retries"}
    assert {
        (settings or [None])[0] for name, _, settings, *_ in functions if name not in ("server_identity", "error_hash")
    } == {'search_path=""'}
