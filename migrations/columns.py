"""Adds those columns of the specification that an app's own table may lack."""

from collections.abc import Mapping

import psycopg

from gjobs.migrations import HEAD
from gjobs.migrations.connection import acquire_run_lock, connect, read_value
from gjobs.migrations.progress import Run
from gjobs.migrations.scripts import LOCKED_SECONDS, read
from gjobs.migrations.status import known_status
from gjobs.store.capabilities.capability import LATER_COLUMNS
from gjobs.store.errors import SchemaMissing, command

_LACKING = """
select array(
    select wanted.name from unnest(%s::text[]) as wanted (name)
     where not exists (select from pg_catalog.pg_attribute a
                        where a.attrelid = 'public.generation_jobs'::pg_catalog.regclass and a.attname = wanted.name
                          and not a.attisdropped)
)
"""


def lacking_columns(conninfo: Mapping[str, str | int]) -> list[str]:
    """Return those of LATER_COLUMNS that the table lacks. Raises SchemaMissing before `gjobs migrate up`."""
    if known_status(conninfo).current != HEAD:
        raise SchemaMissing(
            "gjobs reads these columns only from a migrated database.", hint=f"First run {command('migrate up')}."
        )
    with connect(conninfo, read_only=True) as connection:
        return _those_lacking(connection, list(LATER_COLUMNS))


def _those_lacking(connection: psycopg.Connection, names: list[str]) -> list[str]:
    return list(read_value(connection, _LACKING, [names]))


def columns_sql(lacking: list[str]) -> str:
    """Return the SQL that adds these columns, for psql."""
    return f"begin;\n\n{_statements(lacking)}commit;\n"


def _statements(lacking: list[str]) -> str:
    """Return the statements of one transaction, which begins and ends elsewhere."""
    names = ["begin", "conditions", "column_types", "lock", "app/columns"]
    if "completed_at" in lacking:
        names.append("app/completed_at")
    return "".join(f"{read(name)};\n\n" for name in names)


def add_columns(run: Run, lacking: list[str]) -> None:
    """Add the columns in one transaction. A column that the app has already keeps its values and its rules."""
    with connect(run.conninfo) as connection:
        try:
            acquire_run_lock(connection, run.conninfo)
            # Another run may have added some since the caller asked.
            if not (lacking := _those_lacking(connection, lacking)):
                return
            with connection.transaction():
                connection.execute(_statements(lacking).encode())
                run.locked(seconds=read_value(connection, LOCKED_SECONDS))
                run.step(f"Added {' and '.join(lacking)} to generation_jobs.")
            run.committed()
        finally:
            run.released()
