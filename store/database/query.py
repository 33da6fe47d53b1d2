"""Query: statement, values, row maker; EXPLAIN; server clock; time limits."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Generic, TypeVar
from uuid import UUID

from psycopg import AsyncConnection, AsyncCursor
from sqlalchemy import ClauseElement, DateTime, bindparam, func, select
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

T = TypeVar("T")

Row = Sequence[Any]
RowMaker = Callable[[Row], T]


def make_id(row: Row) -> UUID:
    identifier: UUID = row[0]
    return identifier


def make_number(row: Row) -> int:
    """Of a count, or of a sum, which Postgres may tell as a decimal number."""
    return int(row[0])


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


class _Explain(ClauseElement):
    inherit_cache = False

    def __init__(self, statement: ClauseElement) -> None:
        self.statement = statement


@compiles(_Explain)
def _compile(element: _Explain, compiler: SQLCompiler, **options: Any) -> str:
    return f"EXPLAIN (FORMAT JSON) {compiler.process(element.statement, **options)}"


def explain_plan(query: Query[Any]) -> Query[object]:
    """The plan of the query as one row: what JSON says, whatever it is."""
    return Query(_explain(query.statement), _first, query.parameters, may_sort=query.may_sort)


@lru_cache(maxsize=256)
def _explain(statement: ClauseElement) -> _Explain:
    """Kept, as its SQL is kept by the object's identity."""
    return _Explain(statement)


def _first(row: Row) -> object:
    document: object = row[0]
    return document


Node = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryPlan:
    """Of a statement with a LIMIT or without."""

    cost: float
    """Until the limit is reached, if the planner is right about how soon that is."""
    cost_to_end: float
    """Where the limit is never reached."""
    rows: int
    """That the statement is taken to return."""
    reads_all: bool
    """Whether it scans a table in sequence, or sorts, so that all is read before the first row is there."""


def parse_plan(explained: object) -> QueryPlan:
    """Raises ValueError where it is no plan: a proxy may answer in Postgres' place."""
    match explained:
        case [{"Plan": {"Total Cost": float() | int(), "Plan Rows": float() | int()} as top}]:
            return _read(top)
    raise ValueError("This is not what EXPLAIN (FORMAT JSON) tells.")


def _read(top: Node) -> QueryPlan:
    nodes = tuple(_nodes(top))
    # Above the limit there is nothing but what shapes its rows.
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
    """In seconds. `answer` is the client's own patience beyond the statement's limit: a dead link never answers."""

    statement: float = 8.0
    lock: float = 2.0
    answer: float = 5.0

    @property
    def patience(self) -> float:
        """How long the client waits for an answer, at most."""
        return self.statement + self.answer


_MOMENT = func.coalesce(bindparam("at", type_=DateTime(timezone=True)), func.now())
"""The server's clock, where no other moment is given."""

_CLOCK = select(_MOMENT)


def clock(at: datetime | None) -> Query[datetime]:
    """`at`, or where it is None the server's clock."""

    def make(row: Row) -> datetime:
        taken_at: datetime = row[0]
        return taken_at

    return Query(_CLOCK, make, {"at": at})
