"""Queries with their values and row makers, EXPLAIN, the server's clock, and time limits."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from functools import lru_cache
from typing import Any, Generic, TypeVar
from uuid import UUID

from psycopg import AsyncConnection, AsyncCursor
from sqlalchemy import ClauseElement, DateTime, bindparam, func, select
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from gjobs.store.value_class import dataclass

T = TypeVar("T")

Row = Sequence[Any]
RowMaker = Callable[[Row], T]


def make_id(row: Row) -> UUID:
    identifier: UUID = row[0]
    return identifier


def make_number(row: Row) -> int:
    """Return a number from a count, or from a sum, which Postgres may return as a decimal."""
    return int(row[0])


DIALECT = PGDialect_psycopg(paramstyle="pyformat")  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Query(Generic[T]):
    """A statement, its values, and a function that converts each row of the result.

    Create `statement` once, because its compiled SQL is cached by the object's identity.
    """

    statement: ClauseElement
    make: RowMaker[T]
    parameters: Mapping[str, object] = field(default_factory=dict)
    may_sort: bool = True
    """False if an index returns the rows in order, but the planner might choose to sort instead."""
    may_compile: bool = True
    """False if JIT compilation would cost more than it saves. The planner uses JIT because it overestimates the
    number of rows.
    """
    look_up: str = ""
    """SQL for an additional last column, read from another table. It refers to each row as `found`. Query plans and
    digests of rows do not include this column.
    """


@dataclass(frozen=True, slots=True)
class NamedIds:
    """A parameter for the ids of the rows with a name. `send` reads the ids first, which costs a round trip.

    The planner can estimate how many rows have these ids. For a subquery it would guess, and then read most of the
    table to find the few rows of a user.
    """

    statement: ClauseElement
    """Selects the ids. Its parameter is `name`."""
    name: str


async def send(connection: AsyncConnection, *queries: Query[Any]) -> list[AsyncCursor[Row]]:
    ids = await _read_ids(connection, queries)
    return [await _send(connection, query, ids) for query in queries]


async def _read_ids(connection: AsyncConnection, queries: Iterable[Query[Any]]) -> dict[NamedIds, list[UUID]]:
    cursors = {
        named: await connection.cursor(binary=True).execute(compiled(named.statement)[0], {"name": named.name})
        for query in queries
        for named in (*compiled(query.statement)[1].values(), *query.parameters.values())
        if isinstance(named, NamedIds)
    }
    return {named: [row[0] for row in await cursor.fetchall()] for named, cursor in cursors.items()}


async def _send(connection: AsyncConnection, query: Query[Any], ids: Mapping[NamedIds, list[UUID]]) -> AsyncCursor[Row]:
    sql, constants = compiled(query.statement)
    if query.look_up:
        sql = f"SELECT found.*, {query.look_up} FROM ({sql}) AS found"  # noqa: S608 - of constants
    values = {**constants, **query.parameters}
    values |= {name: ids[value] for name, value in values.items() if isinstance(value, NamedIds)}
    cursor = connection.cursor(binary=True)
    if not query.may_compile:
        await connection.execute("SET LOCAL jit = off")
    if query.may_sort:
        return await cursor.execute(sql, values)
    await connection.execute("SET LOCAL enable_sort = off")
    await cursor.execute(sql, values)
    await connection.execute("SET LOCAL enable_sort TO DEFAULT")
    return cursor


async def rows_of(cursor: AsyncCursor[Row], query: Query[T]) -> list[T]:
    make = query.make
    return [make(row) for row in await cursor.fetchall()]


@lru_cache(maxsize=256)
def compiled(statement: ClauseElement) -> tuple[str, Mapping[str, object]]:
    """Return a statement as SQL, with the constants that it contains."""
    sql = statement.compile(dialect=DIALECT)
    return sql.string, dict(sql.params)


class _Explain(ClauseElement):
    inherit_cache = False

    def __init__(self, statement: ClauseElement) -> None:
        self.statement = statement


@compiles(_Explain)
def _compile(element: _Explain, compiler: SQLCompiler, **options: Any) -> str:
    return f"EXPLAIN (FORMAT JSON) {compiler.process(element.statement, **options)}"


def explain_plan(query: Query[Any]) -> Query[object]:
    """Return a query for the plan of `query`. Its one row is a JSON document, which is not checked."""
    return Query(_explain(query.statement), _first, query.parameters, may_sort=query.may_sort)


@lru_cache(maxsize=256)
def _explain(statement: ClauseElement) -> _Explain:
    """Cached, because the compiled SQL is cached by the object's identity."""
    return _Explain(statement)


def _first(row: Row) -> object:
    document: object = row[0]
    return document


Node = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryPlan:
    """The planner's estimates for a statement, with or without a LIMIT."""

    cost: float
    """Estimated cost until the limit is reached."""
    cost_to_end: float
    """Estimated cost if the limit is never reached."""
    rows: int
    """Estimated number of rows returned."""
    reads_all: bool
    """Whether it sorts or scans a whole table, so that all rows are read before the first one is returned."""


def parse_plan(explained: object) -> QueryPlan:
    """Raise ValueError if `explained` is not a plan. A proxy may answer instead of Postgres."""
    match explained:
        case [{"Plan": {"Total Cost": float() | int(), "Plan Rows": float() | int()} as top}]:
            return _read(top)
    raise ValueError("This is not the output of EXPLAIN (FORMAT JSON).")


def _read(top: Node) -> QueryPlan:
    nodes = tuple(_nodes(top))
    # The nodes above the limit only change the form of its rows.
    limit = next((node for node in nodes if node.get("Node Type") == "Limit"), None)
    to_end = max(float(part["Total Cost"]) for part in _parts(limit)) if limit and _parts(limit) else top["Total Cost"]
    return QueryPlan(
        cost=float(top["Total Cost"]),
        cost_to_end=max(float(to_end), float(top["Total Cost"])),
        rows=round(top["Plan Rows"]),
        reads_all=any(node.get("Node Type") in ("Seq Scan", "Sort") for node in nodes),
    )


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for part in _parts(node):
        yield from _nodes(part)


def _parts(node: Node) -> list[Node]:
    parts: list[Node] = node.get("Plans", [])
    return parts


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLimits:
    """Time limits in seconds. The client waits `answer` seconds longer than `statement`, because a dead connection
    never answers.
    """

    statement: float = 8.0
    lock: float = 2.0
    answer: float = 5.0

    @property
    def patience(self) -> float:
        """The longest time that the client waits for an answer."""
        return self.statement + self.answer


MOMENT = func.coalesce(bindparam("at", type_=DateTime(timezone=True)), func.now())
"""The given moment, or else the server's clock."""

_CLOCK = select(MOMENT)


def clock(at: datetime | None) -> Query[datetime]:
    """Return a query for `at`, or for the server's clock if `at` is None."""

    def make(row: Row) -> datetime:
        taken_at: datetime = row[0]
        return taken_at

    return Query(_CLOCK, make, {"at": at})
