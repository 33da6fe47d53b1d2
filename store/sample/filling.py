"""Writing the sample into a migrated database."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

from psycopg import Cursor, Error, connect
from psycopg.sql import SQL, Identifier, Placeholder
from psycopg.types.json import Jsonb

from store.connecting import driver_errors
from store.sample.rows import sample

_HISTORY = (Path(__file__).parent / "history.sql").read_text(encoding="utf-8")


def fill(conninfo: Mapping[str, str], *, now: datetime) -> None:
    """All of the month before `now`, in one transaction. What is there already stays as it is.

    `conninfo` are libpq's parameters; the role is the tables' owner. Raises a StoreError.
    """
    rows = sample(now)
    try:
        connection = connect(**conninfo)  # type: ignore[arg-type]
    except Error as error:
        raise driver_errors.translate_connecting(error) from error
    try:
        with connection, connection.cursor() as cursor:
            _insert(cursor, ("auth", "users"), rows.users)
            _insert(cursor, ("public", "projects"), rows.projects)
            _insert(cursor, ("public", "assets"), rows.assets)
            _insert(cursor, ("public", "generation_jobs"), rows.jobs)
            _insert(cursor, ("gjobs", "job_starts"), rows.starts)
            cursor.execute(_HISTORY.encode())
            # Once the jobs are there: what they cost is spent.
            _insert(cursor, ("gjobs", "budgets"), rows.budgets)
    except Error as error:
        raise driver_errors.translate(error) from error


def _insert(cursor: Cursor, table: tuple[str, str], rows: Sequence[Any]) -> None:
    """The rows' fields are the table's columns."""
    columns = [column.name for column in fields(rows[0])]
    statement = SQL("insert into {} ({}) values ({}) on conflict do nothing").format(
        Identifier(*table),
        SQL(", ").join(map(Identifier, columns)),
        SQL(", ").join(map(Placeholder, columns)),
    )
    cursor.executemany(statement, [{name: _as_parameter(getattr(row, name)) for name in columns} for row in rows])


def _as_parameter(value: object) -> object:
    return Jsonb(value) if isinstance(value, Mapping) else value
