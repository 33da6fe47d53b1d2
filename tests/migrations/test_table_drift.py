"""`store/tables.py` matches the columns and the status check of a migrated database."""

import re
from pathlib import Path

import pytest
from psycopg.sql import SQL
from sqlalchemy import TableClause
from sqlalchemy.types import NullType

from gjobs.store import tables
from gjobs.store.capabilities.capability import LATER_COLUMNS
from gjobs.store.database.query import DIALECT
from gjobs.store.jobs.job import FINAL_STATUSES, JobStatus, sql_literals
from tests.conftest import Conninfo, connect
from tests.migrations.conftest import catalogue

ROOT = Path(__file__).parents[2]

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


def test_final_statuses_are_the_same_in_all_sql() -> None:
    scripts = [path for folder in ("migrations", "store") for path in (ROOT / folder).rglob("*.sql")]
    lists = re.findall(r"\bin (\('.*?'\))", "".join(path.read_text(encoding="utf-8") for path in scripts))
    final = {one for one in lists if "'failed'" in one and "'queued'" not in one}
    assert final == {f"({sql_literals(FINAL_STATUSES)})"}


def test_added_columns_are_those_whose_types_are_checked() -> None:
    added, typed = (
        re.findall(pattern, (ROOT / "migrations" / "sql" / file).read_text(encoding="utf-8"))
        for pattern, file in (
            (r"add column if not exists (\w+)", "app/columns.sql"),
            (r"\('(\w+)', '", "column_types.sql"),
        )
    )
    assert added == typed == list(LATER_COLUMNS)


def test_check_of_the_table_accepts_exactly_the_statuses_of_jobs(database: Conninfo) -> None:
    (check,) = (row for row in catalogue(database)["constraints"] if row[2] == "generation_jobs_status_check")

    statuses = ", ".join(f"'{status}'::text" for status in JobStatus)
    assert check[4] == f"CHECK ((status = ANY (ARRAY[{statuses}])))"
