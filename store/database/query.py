"""A statement on its way to the driver, and its rows on their way back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Generic, TypeVar

from psycopg import AsyncConnection, AsyncCursor
from sqlalchemy import ClauseElement
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from store.statements.rows import Row, RowMaker

T = TypeVar("T")

_DIALECT = PGDialect_psycopg(paramstyle="pyformat")  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Query(Generic[T]):
    """A statement with the values it is run with, and how a row of its result is read.

    `statement` is best made once: its SQL is kept by the object's identity.
    """

    statement: ClauseElement
    make: RowMaker[T]
    parameters: Mapping[str, object] = field(default_factory=dict)
    may_sort: bool = True
    """Not where an index surely has the rows in their order, and the planner might not believe how few are read."""


async def send(connection: AsyncConnection, query: Query[Any]) -> AsyncCursor[Row]:
    sql, constants = compiled(query.statement)
    cursor = connection.cursor(binary=True)
    if query.may_sort:
        return await cursor.execute(sql, {**constants, **query.parameters})
    await connection.execute("SET LOCAL enable_sort = off")
    await cursor.execute(sql, {**constants, **query.parameters})
    await connection.execute("SET LOCAL enable_sort TO DEFAULT")
    return cursor


async def rows_of(cursor: AsyncCursor[Row], query: Query[T]) -> list[T]:
    make = query.make
    return [make(row) for row in await cursor.fetchall()]


@lru_cache(maxsize=256)
def compiled(statement: ClauseElement) -> tuple[str, Mapping[str, object]]:
    """A statement as SQL, with the values that were written into it."""
    sql = statement.compile(dialect=_DIALECT)
    return sql.string, dict(sql.params)
