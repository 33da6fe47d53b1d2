"""Constraints, defaults and triggers of the tables."""

from datetime import datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from tests.migrations.conftest import ADA, BEN


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
