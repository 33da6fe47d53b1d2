"""Rollups of failed jobs and retries, and their totals by key. `test_rollups.py` compares them with counts."""

import psycopg
import pytest

from gjobs.migrations.runner import check_rollups, remove, upgrade
from gjobs.store.database.database import Database
from gjobs.store.statistics.statistics import WasteKey
from gjobs.store.store import Store
from tests.conftest import Conninfo, connect
from tests.migrations.conftest import ADA, BEN, acting
from tests.migrations.test_interrupted_upgrade import interrupting
from tests.migrations.test_rollups import assert_rollups_match_for_all_roles, reset_rows


def test_writes_that_change_no_waste_add_no_deltas_and_find_no_groups(operator: psycopg.Connection) -> None:
    with operator.transaction(force_rollback=True):
        operator.execute(
            "update public.generation_jobs set status = 'failed', retry_count = 1 where id = %s", [ADA.job]
        )
        operator.execute("delete from gjobs.waste_deltas")
        operator.execute(
            "create or replace function gjobs.error_group(p_error text) returns text language plpgsql"
            " as $$ begin raise exception 'called'; end $$"
        )
        operator.execute("update public.generation_jobs set updated_at = now(), completed_at = now()")
        operator.execute(
            "update public.generation_jobs set status = 'running', cost_cents = 1, error = 'late' where id = %s",
            [BEN.job],
        )
        operator.execute("delete from public.generation_jobs where id = %s", [BEN.job])
        operator.execute(
            "insert into public.generation_jobs (user_id, project_id, mode) values (%s, %s, 'lifestyle')",
            [ADA.id, ADA.project],
        )
        assert operator.execute("select from gjobs.waste_deltas").fetchall() == []
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

        # The column of the retries belongs to gjobs.
        remove(migrated_copy)
        connection.execute("update public.generation_jobs set status = 'failed' where status = 'queued'")
        upgrade(migrated_copy)
        assert waste(connection) == [("lifestyle", False, 2, 500), ("packaging", False, 2, 10)]
        assert_rollups_match_for_all_roles(connection)
    assert check_rollups(migrated_copy).matches


FAIL = (
    "insert into public.generation_jobs (user_id, project_id, status, mode, error, retry_count)"
    " select %s, %s, case n % 10 when 0 then 'succeeded' else 'failed' end, 'lifestyle',"
    " (array['Job ' || n || ' failed', null, repeat('x', 7000) || n || repeat('y', 4000)])[1 + n % 3], 1"
    " from generate_series(1, 150) n"
).replace("n %", "n %%")


def test_statement_with_many_failures_adds_a_delta_for_each_group(migrated_copy: Conninfo) -> None:
    with connect(migrated_copy, autocommit=True) as connection:
        reset_rows(connection)
        connection.execute("select pg_advisory_lock(1735353442, 2)")
        with connect(migrated_copy, autocommit=True) as app:
            app.execute(FAIL.encode(), [ADA.id, ADA.project])
        assert connection.execute("select sum(job_count), count(*) from gjobs.waste_deltas").fetchone() == (150, 4)
        assert_rollups_match_for_all_roles(connection)


def test_groups_that_take_too_long_are_found_later(migrated_copy: Conninfo) -> None:
    groups = "select error_group, sum(job_count) from gjobs.job_waste group by 1 having sum(job_count) <> 0 order by 2"
    with connect(migrated_copy, autocommit=True) as connection:
        reset_rows(connection)
        (counting,) = connection.execute("select pg_get_functiondef('gjobs.count_waste'::regproc)").fetchone() or ("",)
        connection.execute(counting.replace("interval '1 second'", "interval '0'").encode())
        # Nobody folds meanwhile.
        with connect(migrated_copy, autocommit=True) as app:
            connection.execute("select pg_advisory_lock(1735353442, 2)")
            app.execute(FAIL.encode(), [ADA.id, ADA.project])
            connection.execute("select pg_advisory_unlock(1735353442, 2)")
        assert connection.execute(groups.encode()).fetchall() == [("", 15), ("later", 135)]
        assert check_rollups(migrated_copy).matches

        connection.execute(counting.encode())
        connection.execute(
            "update public.generation_jobs set status = 'running' where mode = 'lifestyle' and error is null"
        )
        assert check_rollups(migrated_copy).matches
        connection.execute("select gjobs.fold_waste(1)")
        assert "later" not in dict(connection.execute(groups.encode()).fetchall())
        assert check_rollups(migrated_copy).matches
        connection.execute("delete from public.generation_jobs")
        connection.execute("select gjobs.fold_waste(5000)")
        assert (
            connection.execute("select from gjobs.waste_totals union all select from gjobs.waste_deltas").fetchall()
            == []
        )


FOLD = "select gjobs.fold_deltas(5000), gjobs.fold_waste(5000)"


def test_days_do_not_depend_on_the_date_style_of_the_writer(operator: psycopg.Connection, database: Conninfo) -> None:
    for style in ("German", "ISO"):
        operator.execute(f"set datestyle = '{style}'".encode())
        operator.execute("update public.generation_jobs set status = 'failed', cost_cents = cost_cents + 1")
        operator.execute(FOLD)
        assert operator.execute("select key, failed_cents from gjobs.waste_keys where dimension = 'all'").fetchall()
        assert check_rollups(database).matches
    assert_rollups_match_for_all_roles(operator)
    assert operator.execute("select count(*) from gjobs.waste_keys where dimension = 'day'").fetchone() == (1,)


async def test_waste_is_the_same_before_and_after_an_upgrade(attached_database: Conninfo) -> None:
    with connect(attached_database, autocommit=True) as connection:
        reset_rows(connection)
        connection.execute("update public.generation_jobs set status = 'failed', error = 'Boom'")
        connection.execute("update public.generation_jobs set cost_cents = 7 where id = %s", [ADA.job])
    async with Store(Database(attached_database)) as store:
        before = [await store.get_waste(by) for by in WasteKey]

    upgrade(attached_database)

    async with Store(Database(attached_database)) as store:
        assert [await store.get_waste(by) for by in WasteKey] == before


def test_failed_jobs_are_counted_after_the_app_changed_column_types(
    attached_database: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upgrade takes over tables with the specified types, but the app may change them before a continued one."""
    with interrupting("indexes/gjobs_newest.sql", monkeypatch, before=True):
        upgrade(attached_database)
    with connect(attached_database, autocommit=True) as connection:
        reset_rows(connection)
        connection.execute(
            "alter table public.generation_jobs alter mode type varchar(40), alter error type varchar(9000)"
        )
        upgrade(attached_database)
        failed = (
            "insert into public.generation_jobs (user_id, project_id, mode, status, error, cost_cents)"
            " select user_id, id, 'packaging', 'failed', 'Boom', 5 from public.projects"
        )
        for statement in (
            failed,
            "update public.generation_jobs set status = 'failed', mode = 'packaging' where mode = 'lifestyle'",
            "delete from public.generation_jobs where error is null",
            FOLD,
        ):
            connection.execute(statement.encode())
            assert check_rollups(attached_database).matches
        assert connection.execute("select key from gjobs.waste_keys where dimension = 'mode'").fetchall() == [
            ("packaging",)
        ]


def test_failed_jobs_are_counted_if_the_app_stores_errors_as_json(
    attached_database: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    with interrupting("indexes/gjobs_newest.sql", monkeypatch, before=True):
        upgrade(attached_database)
    with connect(attached_database, autocommit=True) as connection:
        reset_rows(connection)
        for statement in (
            "alter table public.generation_jobs alter error type jsonb using error::jsonb",
            "alter table public.generation_jobs alter mode type varchar(40)",
            """update public.generation_jobs set status = 'failed', error = '{"message": "Boom"}'""",
        ):
            connection.execute(statement.encode())

        upgrade(attached_database)

        connection.execute("""update public.generation_jobs set status = 'failed', error = '{"message": "Late"}'""")
        connection.execute(FOLD)
        assert check_rollups(attached_database).matches
        in_rollups = set(connection.execute("select * from gjobs.waste_totals").fetchall())
        with connection.transaction(force_rollback=True):
            connection.execute(
                "create or replace function gjobs.rollups_agree() returns boolean language sql as 'select false'"
            )
            assert set(connection.execute("select * from gjobs.list_waste()").fetchall()) == in_rollups
            assert connection.execute("select sum(job_count) from gjobs.list_day_waste()").fetchone() == (2,)
