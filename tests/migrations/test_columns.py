"""The columns `retry_count` and `completed_at`, which `gjobs migrate columns` adds to the app's table."""

import pytest

from gjobs.migrations.columns import columns_sql, lacking_columns
from gjobs.migrations.connection import MigrationRefused
from gjobs.migrations.rollups import check_rollups
from gjobs.migrations.runner import add_columns, remove, upgrade
from gjobs.migrations.verification import verify
from gjobs.store.errors import SchemaMissing
from tests.conftest import Conninfo, connect
from tests.migrations.conftest import ADA, add, app_schema, catalogue, execute, run_with_psql

BOTH = ["retry_count", "completed_at"]
ENDED = "update public.generation_jobs set status = 'failed' where id = %s returning completed_at = now()"


def test_columns_are_added_once_count_retries_and_work_after_a_removal(attached_database: Conninfo) -> None:
    upgrade(attached_database)
    with connect(attached_database, autocommit=True) as connection:
        add(connection, ADA)
        connection.execute("prepare jobs as select id from public.generation_jobs")
        before = connection.execute("select updated_at from public.generation_jobs").fetchone()
        messages: list[str] = []

        add_columns(attached_database, lacking_columns(attached_database), report=messages.append)

        assert messages[0] == "Added retry_count and completed_at to generation_jobs."
        assert lacking_columns(attached_database) == []
        assert verify(attached_database).matches
        found = connection.execute("select updated_at from public.generation_jobs where completed_at is null")
        assert found.fetchone() == before
        connection.execute("execute jobs")
        connection.execute("update public.generation_jobs set retry_count = 1")
        waste = "select sum(job_count) from gjobs.job_waste where error_group = ''"
        assert connection.execute(waste).fetchone() == (1,)
        assert check_rollups(attached_database).matches
        added = app_schema(catalogue(attached_database))
        remove(attached_database)
        for kind in ("columns", "functions", "views"):
            assert app_schema(catalogue(attached_database))[kind] == added[kind]
        assert connection.execute(ENDED, [ADA.job]).fetchone() == (True,)
        upgrade(attached_database)
        assert check_rollups(attached_database).matches


def test_columns_that_another_run_added_meanwhile_are_left_alone(attached_database: Conninfo) -> None:
    upgrade(attached_database)
    lacking = lacking_columns(attached_database)
    add_columns(attached_database, lacking)
    before = catalogue(attached_database)

    add_columns(attached_database, lacking)

    assert catalogue(attached_database) == before


def test_printed_sql_adds_the_columns(attached_database: Conninfo) -> None:
    upgrade(attached_database)
    script = columns_sql(lacking_columns(attached_database))
    done = run_with_psql(attached_database, script)
    assert (done.returncode, done.stderr) == (0, "")
    assert lacking_columns(attached_database) == []
    with connect(attached_database) as connection:
        add(connection, ADA)
        assert connection.execute(ENDED, [ADA.job]).fetchone() == (True,)


def test_completion_time_is_set_and_cleared_unless_the_statement_sets_it(database: Conninfo) -> None:
    set_to = "update public.generation_jobs set status = %s, completed_at = %s returning completed_at = now()"
    with connect(database) as connection:
        add(connection, ADA)
        assert connection.execute(ENDED, [ADA.job]).fetchone() == (True,)
        assert connection.execute(set_to, ["running", "2026-01-01"]).fetchone() == (False,)
        cleared = "update public.generation_jobs set status = 'queued' returning completed_at"
        assert connection.execute(cleared).fetchone() == (None,)
        made = (
            "insert into public.generation_jobs (user_id, project_id, mode, status, created_at)"
            " values (%s, %s, 'x', 'succeeded', %s) returning completed_at = now()"
        )
        assert connection.execute(made, [ADA.id, ADA.project, "2026-01-01"]).fetchone() == (None,)
        now = connection.execute("select now()").fetchone() or (None,)
        assert connection.execute(made, [ADA.id, ADA.project, now[0]]).fetchone() == (True,)


def test_column_of_the_app_stays_as_it_is(attached_database: Conninfo) -> None:
    execute(
        attached_database,
        "alter table public.generation_jobs add column completed_at timestamptz default '2026-01-01'",
        "create view public.stuck_jobs as select 1 as one",
    )
    with pytest.raises(SchemaMissing, match="only from a migrated database"):
        lacking_columns(attached_database)
    upgrade(attached_database)
    before = app_schema(catalogue(attached_database))

    assert lacking_columns(attached_database) == BOTH[:1]
    add_columns(attached_database, BOTH[:1])

    after = app_schema(catalogue(attached_database))
    assert {kind for kind in after if after[kind] != before[kind]} == {"columns"}
    assert [fact for fact in before["columns"] if fact not in after["columns"]] == []


def test_columns_of_other_types_are_refused_with_the_statement_that_renames_them(attached_database: Conninfo) -> None:
    execute(attached_database, "alter table public.generation_jobs add column retry_count text")
    with pytest.raises(MigrationRefused, match=r"column retry_count of .* is text, and not") as refusal:
        upgrade(attached_database)
    hint = refusal.value.hint or ""
    execute(attached_database, hint.partition("try again: ")[2])
    upgrade(attached_database)
    execute(attached_database, "alter table public.generation_jobs add column completed_at date")
    with pytest.raises(MigrationRefused, match=r"completed_at of .* is date, and not timestamp with time zone"):
        add_columns(attached_database, BOTH[:1])
    assert lacking_columns(attached_database) == BOTH[:1]


def test_columns_wait_for_a_reader_of_the_table_for_an_instant_only(
    attached_database: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gjobs.migrations.runner.PAUSE_SECONDS", 0.0)
    upgrade(attached_database)
    messages: list[str] = []
    with connect(attached_database) as reader:
        reader.execute("select from public.generation_jobs")

        def report(message: str) -> None:
            messages.append(message)
            reader.rollback()

        add_columns(attached_database, BOTH, report=report)
    assert messages[0] == "The tables are in use. Trying again."
    assert lacking_columns(attached_database) == []


def test_triggers_record_writes_before_and_after_the_app_adds_or_drops_the_column(attached_database: Conninfo) -> None:
    """In the same session, so statements that the triggers have prepared are prepared again."""
    upgrade(attached_database)
    with connect(attached_database, autocommit=True) as connection:
        add(connection, ADA)
        for change, write, retries in (
            ("add retry_count integer", "retry_count = 2", 2),
            ("add retries integer", "retry_count = 0", 0),
            ("drop retry_count", "cost_cents = 7", None),
        ):
            connection.execute(f"alter table public.generation_jobs {change}".encode())
            connection.execute(f"update public.generation_jobs set {write}".encode())  # noqa: S608
            event = connection.execute("select retry_count from gjobs.job_events order by id desc limit 1").fetchone()
            assert event == (retries,)
            assert check_rollups(attached_database).matches
