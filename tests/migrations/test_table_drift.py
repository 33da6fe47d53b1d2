"""`store/tables.py` matches the columns and the status check of a migrated database."""

import pytest
from psycopg.sql import SQL
from sqlalchemy import TableClause
from sqlalchemy.types import NullType

from gjobs.store import tables
from gjobs.store.database.query import DIALECT
from gjobs.store.jobs.job import JobStatus
from tests.conftest import Conninfo, connect
from tests.migrations.conftest import catalogue

Columns = dict[str, dict[str, str]]
"""The types of the columns by name, for each table and view."""


def declared() -> Columns:
    return {
        one.fullname: {
            column.name: "xid8" if isinstance(column.type, NullType) else column.type.compile(DIALECT).lower()
            for column in one.c
        }
        for one in vars(tables).values()
        if isinstance(one, TableClause)
    }


def existing(conninfo: Conninfo) -> Columns:
    """Return all columns of the app's declared tables and views, and the declared columns of gjobs' own."""
    found: Columns = {name: {} for name in declared()}
    for schema, relation, _, column, kind, *_ in catalogue(conninfo)["columns"]:
        name = f"{schema}.{relation}"
        if name in found and (schema != "gjobs" or column in declared()[name]):
            found[name][str(column)] = str(kind)
    return found


def test_declared_columns_are_those_of_the_migrated_database(database: Conninfo) -> None:
    assert existing(database) == declared()


@pytest.mark.parametrize(
    "change",
    [
        SQL("alter table public.generation_jobs add column priority integer"),
        SQL("alter table public.assets alter column width type bigint"),
    ],
    ids=["column", "type"],
)
def test_a_changed_table_differs_from_the_declared_columns(migrated_copy: Conninfo, change: SQL) -> None:
    with connect(migrated_copy) as connection:
        connection.execute(change)

    assert existing(migrated_copy) != declared()


def test_check_of_the_table_accepts_exactly_the_statuses_of_jobs(database: Conninfo) -> None:
    (check,) = (row for row in catalogue(database)["constraints"] if row[2] == "generation_jobs_status_check")

    statuses = ", ".join(f"'{status}'::text" for status in JobStatus)
    assert check[4] == f"CHECK ((status = ANY (ARRAY[{statuses}])))"
