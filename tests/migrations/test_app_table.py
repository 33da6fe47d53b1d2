"""The app's table: columns that gjobs adds, constraints and defaults, and values that stay accepted."""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from psycopg.sql import SQL, Identifier

from gjobs.migrations.columns import columns_sql, lacking_columns
from gjobs.migrations.connection import MigrationRefused
from gjobs.migrations.rollups import check_rollups
from gjobs.migrations.runner import add_columns, remove, upgrade
from gjobs.migrations.verification import verify
from gjobs.store.embedded.server_files import ServerHandle
from gjobs.store.errors import SchemaMissing
from tests.conftest import Conninfo, connect, temporary_database
from tests.migrations.conftest import ADA, BEN, add, app_schema, catalogue, execute, run_with_psql

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


def ids(operator: psycopg.Connection, table: str) -> set[UUID]:
    return {row[0] for row in operator.execute(SQL("select id from public.{}").format(Identifier(table)))}


def test_deleting_a_user_project_or_asset_deletes_what_belongs_to_it(operator: psycopg.Connection) -> None:
    with operator.transaction(force_rollback=True):
        operator.execute("delete from auth.users where id = %s", [ADA.id])
        assert ids(operator, "projects") == {BEN.project}
        assert ids(operator, "assets") == {BEN.asset}
        assert ids(operator, "generation_jobs") == {BEN.job}
    with operator.transaction(force_rollback=True):
        operator.execute("delete from public.projects where id = %s", [ADA.project])
        assert ids(operator, "assets") == {BEN.asset}
        assert ids(operator, "generation_jobs") == {BEN.job}

    operator.execute("update public.assets set source_asset_id = %s where id = %s", [ADA.asset, BEN.asset])
    operator.execute("delete from public.assets where id = %s", [ADA.asset])
    job = operator.execute("select input_asset_id from public.generation_jobs where id = %s", [ADA.job]).fetchone()
    made_from_it = operator.execute("select source_asset_id from public.assets where id = %s", [BEN.asset]).fetchone()
    assert (job, made_from_it) == ((None,), (None,)), "the job stays"


def test_new_job_has_default_status_cost_and_times(operator: psycopg.Connection) -> None:
    row = operator.execute(
        "insert into public.generation_jobs (user_id, project_id, mode) values (%s, %s, 'any mode') returning"
        " id, status, cost_cents, input_asset_id, error, created_at = now(), updated_at = now()",
        [ADA.id, ADA.project],
    ).fetchone()

    assert row is not None
    assert isinstance(row[0], UUID)
    assert row[1:] == ("queued", 0, None, None, True, True)


CHECKED = (
    ("generation_jobs", "status", "done", "generation_jobs_status_check"),
    ("assets", "kind", "sketch", "assets_kind_check"),
    ("assets", "mode", "any mode", "assets_mode_check"),
)


def test_check_constraints_reject_values_outside_the_list(operator: psycopg.Connection) -> None:
    for table, column, value, constraint in CHECKED:
        statement = SQL("update public.{} set {} = %s").format(Identifier(table), Identifier(column))
        with pytest.raises(psycopg.errors.CheckViolation) as refusal:
            operator.execute(statement, [value])
        assert refusal.value.diag.constraint_name == constraint


REFUSED = (
    ("user_id", None, psycopg.errors.NotNullViolation),
    ("project_id", None, psycopg.errors.NotNullViolation),
    ("mode", None, psycopg.errors.NotNullViolation),
    ("cost_cents", None, psycopg.errors.NotNullViolation),
    ("user_id", UUID(int=1), psycopg.errors.ForeignKeyViolation),
    ("project_id", UUID(int=1), psycopg.errors.ForeignKeyViolation),
    ("input_asset_id", UUID(int=1), psycopg.errors.ForeignKeyViolation),
)


def test_job_columns_reject_null_and_unknown_references(operator: psycopg.Connection) -> None:
    for column, value, error in REFUSED:
        statement = SQL("update public.generation_jobs set {} = %s where id = %s").format(Identifier(column))
        with pytest.raises(error):
            operator.execute(statement, [value, ADA.job])


def test_every_update_changes_updated_at(operator: psycopg.Connection) -> None:
    def updated_at(table: str) -> datetime:
        row = operator.execute(SQL("select min(updated_at) from public.{}").format(Identifier(table))).fetchone()
        assert row is not None
        return row[0]  # type: ignore[no-any-return]

    for table in ("projects", "assets", "generation_jobs"):
        before = updated_at(table)
        operator.execute(SQL("update public.{} set user_id = user_id").format(Identifier(table)))
        assert timedelta(0) < updated_at(table) - before, table


EXAMPLES = int(os.environ.get("GJOBS_VALUE_EXAMPLES", "0"))
"""For a full run: 500 examples take some minutes."""

# PostgreSQL compresses long values, except for random ones.
_RANDOM = Random(7)  # noqa: S311
_NOISE = "".join(map(chr, _RANDOM.choices(range(0x4E00, 0x9FA0), k=20_000)))
_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=50)

COLUMNS = {
    "user_id": st.sampled_from((ADA.id, ADA.id, BEN.id, UUID(int=9), None)),
    "project_id": st.sampled_from((ADA.project, ADA.project, BEN.project, UUID(int=9), None)),
    "status": st.sampled_from(("queued", "running", "succeeded", "failed", "failed", "unknown", None)),
    "mode": st.sampled_from(("lifestyle", "", "m" * 1_000_000, _NOISE, None)) | _TEXT,
    "error": st.sampled_from((None, "", "%s {} \\ ' \x01\x7f\u2028", "e" * 10_000_000, _NOISE * 160, "[" * 9_000))
    | _TEXT,
    "cost_cents": st.sampled_from((0, 1, -1, 2**31 - 1, -(2**31), 2**31, None)),
    "created_at": st.sampled_from(
        ("now", "infinity", "-infinity", "4714-11-24 00:00:00+00 BC", "294276-12-31 23:59:59.999999+00", None)
    ),
    "updated_at": st.sampled_from(("now", "infinity", "-infinity", None)),
}
ROWS = st.fixed_dictionaries(COLUMNS)
CHANGES = st.one_of(ROWS, *(st.fixed_dictionaries({name: values}) for name, values in COLUMNS.items()))
LONG = {
    "user_id": ADA.id,
    "project_id": ADA.project,
    "status": "failed",
    "mode": _NOISE,
    "error": _NOISE,
    "cost_cents": 2**31 - 1,
    "created_at": "infinity",
    "updated_at": "infinity",
}
LEAST = {
    **LONG,
    "mode": "",
    "error": "e" * 10_000_000,
    "cost_cents": -(2**31),
    "created_at": "4714-11-24 00:00:00+00 BC",
}
NULLS = {**dict.fromkeys(LONG), "status": "failed"}
PERIODS = {"day", "month", "all"}
INSERT = "insert into public.generation_jobs ({}) values ({})"


@pytest.fixture(params=[False, True], ids=["app's rules", "nullable"])
def copies(
    request: pytest.FixtureRequest, server: ServerHandle, attached_template: str
) -> Iterator[tuple[Conninfo, Conninfo]]:
    """Two databases of the app. Only the second one is migrated."""
    with (
        temporary_database(server, template=attached_template) as plain,
        temporary_database(server, template=attached_template) as migrated,
    ):
        upgrade(migrated)
        for conninfo in (plain, migrated):
            with connect(conninfo) as connection:
                add(connection, ADA)
                add(connection, BEN)
                for column in COLUMNS if request.param else ():
                    connection.execute(f"alter table public.generation_jobs alter {column} drop not null".encode())
        yield plain, migrated


def answer(connection: psycopg.Connection, statement: str, values: dict[str, object]) -> object:
    """Return the number of rows, or the app's refusal."""
    try:
        return connection.execute(statement.encode(), values).rowcount
    except psycopg.Error as error:
        return error.sqlstate, error.diag.message_primary


@settings(
    max_examples=EXAMPLES or 2,
    derandomize=not EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, *([Phase.shrink] if EXAMPLES else [])],
    suppress_health_check=list(HealthCheck),
)
@example(row=LONG, change=LEAST, periods=PERIODS)
@example(row=LEAST, change=NULLS, periods=PERIODS)
@given(row=ROWS, change=CHANGES, periods=st.sets(st.sampled_from(sorted(PERIODS))))
def test_values_that_the_table_accepts_are_accepted_and_counted_after_an_upgrade(
    copies: tuple[Conninfo, Conninfo], row: dict[str, object], change: dict[str, object], periods: set[str]
) -> None:
    statements: tuple[tuple[str, dict[str, object]], ...] = (
        (INSERT.format(", ".join(row), ", ".join(f"%({name})s" for name in row)), row),
        (f"update public.generation_jobs set {', '.join(f'{name} = %({name})s' for name in change)}", change),  # noqa: S608
        ("delete from public.generation_jobs", {}),
    )
    with connect(copies[0], autocommit=True) as plain, connect(copies[1], autocommit=True) as migrated:
        migrated.execute("delete from gjobs.budgets")
        for period in periods:
            migrated.execute(
                "insert into gjobs.budgets (user_id, project_id, period, limit_cents)"
                " values (%(user)s, null, %(period)s, %(most)s), (null, %(project)s, %(period)s, %(most)s)",
                {"user": ADA.id, "project": ADA.project, "period": period, "most": 2**50},
            )
        for statement, values in statements:
            assert answer(migrated, statement, values) == answer(plain, statement, values)
            assert migrated.execute("select gjobs.fold_events() >= 0").fetchone() == (True,)
            if statement == statements[1][0]:
                assert check_rollups(copies[1]).matches
