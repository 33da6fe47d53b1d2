"""Revision 0011: rollups of failed jobs and retries. The tests of revision 0004 compare them with counts."""

import psycopg
import pytest

from migrations.runner import check_rollups, downgrade, upgrade
from store.error_groups.fingerprint import error_group_id
from tests.conftest import Conninfo, connect
from tests.migrations import error_group_file
from tests.migrations.conftest import ADA, BEN, acting
from tests.migrations.test_0004_rollups import assert_rollups_match_for_all_roles, reset_rows
from tests.store.error_groups.error_examples import EXAMPLES


def test_error_group_of_the_database_equals_that_of_python(operator: psycopg.Connection) -> None:
    written = error_group_file.FILE.read_text(encoding="utf-8")
    assert written == error_group_file.function_sql(), "Write it with: python -m tests.migrations.error_group_file"
    errors = [error for examples in EXAMPLES.values() for error in examples]

    found = operator.execute(
        "select gjobs.error_group(e) from unnest(%s::text[]) with ordinality as u (e, n) order by n", [errors]
    ).fetchall()

    assert [group for (group,) in found] == [error_group_id(error) for error in errors]


def test_writes_of_other_jobs_call_no_function(operator: psycopg.Connection) -> None:
    with operator.transaction(force_rollback=True):
        operator.execute(
            "create or replace function gjobs.count_waste() returns trigger language plpgsql"
            " as $$ begin raise exception 'called'; end $$"
        )
        operator.execute("update public.generation_jobs set status = 'running', cost_cents = 1, error = 'late'")
        operator.execute("update public.generation_jobs set status = 'succeeded', retry_count = 0")
        operator.execute("delete from public.generation_jobs where id = %s", [BEN.job])
        operator.execute(
            "insert into public.generation_jobs (user_id, project_id, mode) values (%s, %s, 'lifestyle')",
            [ADA.id, ADA.project],
        )
        with pytest.raises(psycopg.errors.RaiseException, match="called"):
            operator.execute("update public.generation_jobs set status = 'failed'")


WASTE = (
    "select mode, error_group = '', sum(job_count), sum(cost_cents) from gjobs.job_waste group by 1, 2 order by 1, 2"
)


def waste(connection: psycopg.Connection) -> list[tuple[object, ...]]:
    return [row for row in connection.execute(WASTE.encode()).fetchall() if row[2]]


def test_copied_archived_and_restored_jobs_are_counted(migrated_copy: Conninfo) -> None:
    with connect(migrated_copy, autocommit=True) as connection:
        reset_rows(connection)
        columns = "user_id, project_id, status, mode, error, cost_cents, retry_count"
        with connection.cursor() as cursor, cursor.copy(f"copy public.generation_jobs ({columns}) from stdin") as copy:
            for row in ("failed\tpackaging\tJob 17 failed\t5\t0", "failed\tpackaging\tJob 18 failed\t5\t1",
                        "succeeded\tpackaging\t\\N\t7\t1", "succeeded\tpackaging\t\\N\t9\t0"):  # fmt: skip
                copy.write(f"{ADA.id}\t{ADA.project}\t{row}\n")
        expected = [("packaging", False, 2, 10), ("packaging", True, 1, 7)]
        assert waste(connection) == expected
        with acting(connection, ADA.id):
            connection.execute("select gjobs.archive_jobs(array(select id from public.generation_jobs))")
            assert waste(connection) == []
            connection.execute("select gjobs.restore_jobs(array(select id from gjobs.archived_jobs))")
            assert waste(connection) == expected
        with acting(connection, BEN.id):
            assert waste(connection) == []

        downgrade(migrated_copy, "0010")
        connection.execute("update public.generation_jobs set status = 'failed' where status = 'queued'")
        upgrade(migrated_copy)
        assert waste(connection) == [("lifestyle", False, 2, 500), *expected]
        assert_rollups_match_for_all_roles(connection)
    assert check_rollups(migrated_copy).matches


def test_each_of_many_changed_rows_may_fold_deltas(migrated_copy: Conninfo) -> None:
    """One statement leaves no long backlog behind, which every query would read."""
    with connect(migrated_copy, autocommit=True) as connection:
        reset_rows(connection)
        connection.execute(
            "insert into public.generation_jobs (user_id, project_id, status, mode, retry_count)"
            " select %s, %s, 'succeeded', 'lifestyle', 1 from generate_series(1, 12000)",
            [ADA.id, ADA.project],
        )
        (left,) = connection.execute("select count(*) from gjobs.waste_deltas").fetchone() or (0,)
        assert left < 12_000
        assert_rollups_match_for_all_roles(connection)
