"""Queries with their values and row makers. Answers may be early, and only changed rows may be sent again."""

import dataclasses
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import UUID

from psycopg import AsyncConnection, AsyncCursor
from sqlalchemy import ClauseElement, TextClause, bindparam, func, select, text
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.types import ARRAY, DateTime, Integer, Interval, TypeEngine, Uuid

from gjobs.store.errors import TimedOut, UnexpectedError
from gjobs.store.values.data_classes import dataclass

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")
D = TypeVar("D", bound="DataclassInstance")

Row = Sequence[Any]
RowMaker = Callable[[Row], T]

first_column: RowMaker[Any] = itemgetter(0)


def row_maker(kind: type[D], /, **converters: Callable[[Any], Any]) -> RowMaker[D]:
    """Return a function that makes a `kind` of a row. The columns are the first fields of `kind`, in their order.

    Each converter has the name of the field that it converts.
    """
    names = [field.name for field in dataclasses.fields(kind)]

    def make(row: Row) -> D:
        values = dict(zip(names, row, strict=False))
        return kind(**values | {name: convert(values[name]) for name, convert in converters.items()})

    return make


def ignore_row(_: Row) -> None:
    """Make nothing of a row that nobody reads."""


def make_number(row: Row) -> int:
    """Return a number from a count, or from a sum, which Postgres may return as a decimal."""
    return int(row[0])


DIALECT = PGDialect_psycopg(paramstyle="pyformat")  # type: ignore[no-untyped-call]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class CompiledSql:
    """SQL around statements that `compiled` returned, with their constants."""

    sql: str
    constants: Mapping[str, object]


Statement = ClauseElement | CompiledSql


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRelation:
    """What statements call `"$jobs"` and `"$now"`. So one statement reads each app's table and past moments."""

    jobs: str
    """A table, or a SELECT in parentheses. Without parameters of its own, except those of a past moment."""
    now: str = "now()"
    first: str = ""
    """A common table expression, for a relation that is computed once for each statement."""

    def rendered(self, sql: str) -> str:
        if '"$' not in sql:
            return sql
        # In one pass, because the app's own names may look like tokens.
        sql = _TOKEN.sub(lambda token: self.jobs if token[1] == "jobs" else self.now, sql)
        if not self.first:
            return sql
        return f"WITH {self.first}{_WITH.sub(', ', sql, 1) if _WITH.match(sql) else f' {sql}'}"


_TOKEN = re.compile(r'"\$(jobs|now)"')
_WITH = re.compile(r"\s*WITH\s")
PRESENT = JobRelation(jobs="public.generation_jobs")
"""The app's table, if it has the columns and types that statements expect."""


@dataclass(frozen=True, slots=True)
class Query(Generic[T]):
    """A statement, its values, and a function that converts each row of the result.

    Create a frequent `statement` once, because its compiled SQL is cached by the object's identity. Queries are equal
    if they have the same statement and values.
    """

    statement: Statement
    make: RowMaker[T] = field(compare=False)
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
    relation: JobRelation = PRESENT
    """PRESENT stands for the relation of the session and the actor's role."""


@dataclass(frozen=True, slots=True)
class NamedIds:
    """A parameter for the ids of the rows with a name. `send` reads the ids first, which costs a round trip.

    The planner can estimate how many rows have these ids. For a subquery it would guess, and then read most of the
    table to find the few rows of a user.
    """

    statement: ClauseElement
    """Selects the ids. Its parameter is `name`."""
    name: str


def reading(queries: Sequence[Query[Any]], relation: JobRelation) -> Sequence[Query[Any]]:
    """Return the queries, with those of the present reading the relation."""
    if relation is PRESENT:
        return queries
    return [replace(query, relation=relation) if query.relation is PRESENT else query for query in queries]


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
    sql = query.relation.rendered(sql)
    cursor = connection.cursor(binary=True)
    if not query.may_compile:
        await connection.execute("SET LOCAL jit = off")
    if query.may_sort:
        return await cursor.execute(sql, values)
    await connection.execute("SET LOCAL enable_sort = off")
    await cursor.execute(sql, values)
    await connection.execute("SET LOCAL enable_sort TO DEFAULT")
    return cursor


async def answers_of(cursors: Iterable[AsyncCursor[Row]], queries: Iterable[Query[Any]]) -> tuple[list[Any], ...]:
    pairs = zip(cursors, queries, strict=True)
    return tuple([[*map(query.make, await cursor.fetchall())] for cursor, query in pairs])


@lru_cache(maxsize=256)
def compiled(statement: Statement) -> tuple[str, Mapping[str, object]]:
    """Return a statement as SQL, with the constants that it contains."""
    if isinstance(statement, CompiledSql):
        return statement.sql, statement.constants
    sql = statement.compile(dialect=DIALECT)
    return sql.string, dict(sql.params)


_TYPES: Mapping[str, TypeEngine[Any]] = {
    **dict.fromkeys(("id", "job_id", "project_id", "pool_project"), Uuid()),
    **dict.fromkeys(("ids", "new_ids"), ARRAY(Uuid())),
    **dict.fromkeys(("at", "until", "moment"), DateTime(timezone=True)),
    **dict.fromkeys(("rows", "pool_rows", "most", "ends", "modes"), Integer()),
    "window": Interval(),
}
"""By the name of a parameter."""


@lru_cache(maxsize=256)
def typed_text(sql: str) -> TextClause:
    """Return a statement whose parameters have the types of `_TYPES`, unless the SQL casts them.

    Cached, because compiled SQL is cached by the statement's identity.
    """
    names = set(re.findall(r"(?<![:\\])(?<!(?i:CAST)\():([a-z_]+)", sql))
    return text(sql).bindparams(*(bindparam(name, type_=_TYPES[name]) for name in names))


def explain_plan(query: Query[Any]) -> Query[object]:
    """Return a query for the plan of `query`. Its one row is a JSON document, which is not checked."""
    return replace(query, statement=_explain(query.statement), make=first_column, look_up="")


@lru_cache(maxsize=256)
def _explain(statement: Statement) -> CompiledSql:
    """Cached, because a query is recognized by its statement's identity."""
    sql, constants = compiled(statement)
    return CompiledSql(f"EXPLAIN (FORMAT JSON) {sql}", constants)


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


def parse_plan(explained: object) -> QueryPlan:
    """Raise ValueError if `explained` is not a plan. A proxy may answer instead of Postgres."""
    match explained:
        case [{"Plan": {"Total Cost": float() | int() as cost, "Plan Rows": float() | int() as rows} as top}]:
            # The nodes above the limit only change the form of its rows.
            limit = next((node for node in _nodes(top) if node.get("Node Type") == "Limit"), {})
            to_end = max(float(node["Total Cost"]) for node in (top, *limit.get("Plans", [])))
            return QueryPlan(cost=float(cost), cost_to_end=to_end, rows=round(rows))
    raise ValueError("This is not the output of EXPLAIN (FORMAT JSON).")


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for part in node.get("Plans", []):
        yield from _nodes(part)


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
    return Query(_CLOCK, first_column, {"at": at})


MOST_SECONDS = 1.0
"""An older answer is not used, because the shown data would seem newer than they are."""


class EarlyAnswers:
    """Answers of the operator's queries, each for the next read of the same query.

    The reader builds its queries from what the database offers. If something else was expected, the queries differ, and
    the reader asks the database.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.expected: Sequence[Query[Any]] = ()
        """The queries to be sent together with the next inspection of the database. If they fail or take long, that has
        no effect.
        """
        self._answers: list[tuple[Query[Any], Sequence[Row]]] = []
        self._until = 0.0
        self.has_failed = False
        """Whether the expected queries failed or took too long."""

    def keep(self, answers: Sequence[Sequence[Row]] | None) -> None:
        """Keep the answers to the expected queries. None if they failed."""
        self.has_failed = answers is None
        self._answers = [] if answers is None else list(zip(self.expected, answers, strict=True))
        self._until = self._clock() + MOST_SECONDS
        self.expected = ()

    def drop(self) -> None:
        """Drop the answers, because a write may make them untrue."""
        self._answers = []

    def take(self, queries: Sequence[Query[Any]]) -> tuple[list[Any], ...] | None:
        """Return the rows of all the queries, or None if the answer to one of them is missing or too old."""
        if self._clock() > self._until:
            self._answers = []
        found = [next((each for each in self._answers if each[0] == query), None) for query in queries]
        known = [each for each in found if each is not None]
        if not known or len(known) < len(queries):
            return None
        self._answers = [each for each in self._answers if all(each is not one for one in known)]
        return tuple([query.make(row) for row in rows] for query, (_, rows) in zip(queries, known, strict=True))


_DIGEST = 16
"""Bytes of a digest."""
_MOST_KNOWN = 32
"""Maximum number of remembered queries with `keeps_apart`."""
_PREFIX = 4
"""Bytes by which the client names a row. Two rows may share them, which the digest of all rows reveals."""

# The binary form of a row depends on no setting of the session. The rows have the order of the statement.
_NUMBERED = """(
SELECT row_number() OVER ()::int4 AS gjobs_n, substr(sha256(record_send(answer)), 1, 16) AS gjobs_d, answer.*
  FROM (<statement>) AS answer)"""
_OF_ALL = "substr(sha256(coalesce(string_agg(gjobs_d, '' ORDER BY gjobs_n), '')), 1, 16)"
_ONE_DIGEST = f"(SELECT {_OF_ALL} FROM {_NUMBERED} AS gjobs_rows) AS d"  # noqa: S608 - of constants
_CHANGES = f"""
WITH gjobs_rows AS {_NUMBERED},
gjobs_page AS (
    SELECT {_OF_ALL} AS digest, string_agg(substr(gjobs_d, 1, 4), '' ORDER BY gjobs_n) AS prefixes
      FROM gjobs_rows),
gjobs_changed AS (
    SELECT * FROM gjobs_rows
     WHERE (SELECT digest FROM gjobs_page) <> %(gjobs_digest)s
       AND substr(gjobs_d, 1, 4) NOT IN (
           SELECT substr(%(gjobs_known)s, 4 * place + 1, 4)
             FROM generate_series(0, length(%(gjobs_known)s) / 4 - 1) AS place))
SELECT CASE WHEN found.gjobs_n IS NOT DISTINCT FROM (SELECT min(gjobs_n) FROM gjobs_changed) THEN
            CASE WHEN page.digest = %(gjobs_digest)s THEN '' ELSE page.digest || coalesce(page.prefixes, '') END END,
       found.*<look up>
  FROM gjobs_page AS page LEFT JOIN gjobs_changed AS found ON true"""  # noqa: S608 - of constants
"""The first column has the digest and the prefixes of all rows, in one row of the result. If nothing changed, the
first column is empty, and the only row of the result has no other values.
"""


@lru_cache(maxsize=256)
def _changes(statement: Statement, look_up: str) -> CompiledSql:
    sql, constants = compiled(statement)
    template = _CHANGES.replace("<look up>", look_up and f", {look_up}")
    return CompiledSql(template.replace("<statement>", sql), constants)


@lru_cache(maxsize=64)
def _digests(clock: Statement, statements: tuple[Statement, ...]) -> CompiledSql:
    clock_sql, constants = _renamed(clock, "gjobs")
    columns = [f"({clock_sql})"]
    for place, statement in enumerate(statements):
        sql, further = _renamed(statement, f"gjobs{place}")
        columns.append(_ONE_DIGEST.replace("<statement>", sql))
        constants = {**constants, **further}
    return CompiledSql(f"SELECT {', '.join(columns)}", constants)


def _renamed(statement: Statement, name: str) -> tuple[str, Mapping[str, object]]:
    """Return the SQL with its parameters named apart from those of other statements."""
    sql, constants = compiled(statement)
    return re.sub(r"(?<!%)%\(", f"%({name}_", sql), _named(constants, name)


def _named(parameters: Mapping[str, object], name: str) -> dict[str, object]:
    return {f"{name}_{key}": value for key, value in parameters.items()}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Known(Generic[T]):
    """The rows of a query, each with its digest."""

    query: Query[T]
    rows: list[T]
    digests: list[bytes]
    digest: bytes
    """Of all rows."""
    is_changing: bool = False
    """Whether the rows changed at the last read."""


Read = Callable[..., Awaitable[tuple[list[Any], ...]]]
"""Reads queries from one snapshot."""


class ChangedRows:
    """Remembers the answers to the last queries, and reads what differs from them.

    While nothing changes, the server sends only digests. When they differ, the changed rows are read in a second
    snapshot. After a change, the next read asks for changed rows at once.

    With `keeps_apart`, each query is a separate statement, so the statement time limit applies to each. The queries
    are also remembered individually, so each read may combine different ones. There is no separate query for digests:
    the changed rows are asked for immediately. The same happens once a single statement for all digests has exceeded
    the time limit.
    """

    def __init__(self, *, keeps_apart: bool = False) -> None:
        self._keeps_apart = keeps_apart
        self._known: tuple[_Known[Any], ...] = ()
        """The most recently read queries first."""
        self._is_slow = False
        """Whether the digests of the known queries took too long in one statement."""

    async def read(
        self, read: Read, clock: Query[datetime], *queries: Query[Any], names_known_rows: bool = False
    ) -> tuple[datetime, tuple[list[Any], ...]]:
        """Return the server's time and the rows of each query, all from one snapshot. `read` reads a snapshot.

        With `names_known_rows`, the query names the known rows even if they did not change at the last read. If other
        rows have changed, the server then does not resend the unchanged known rows.
        """
        former = self._known_to(queries)
        known = [each for each in former if each is not None]
        changing = frozenset(
            place for place, each in enumerate(former) if each is not None and (each.is_changing or names_known_rows)
        )
        self._is_slow = self._is_slow and bool(known)
        if known and not changing and not self._keeps_apart and not self._is_slow:
            try:
                ((answer,),) = await read(_digest_query(clock, queries))
            except TimedOut:
                self._is_slow = True
                raise
            taken_at, *digests = answer
            changing = frozenset(place for place, digest in enumerate(digests) if digest != known[place].digest)
            if not changing:
                return taken_at, tuple(each.rows for each in known)
        (taken_at,), *answers = await read(clock, *_change_queries(queries, former, changing))
        merged = [_merged(*each) for each in zip(queries, former, answers, strict=True)]
        found = tuple(each for each in merged if each is not None)
        if len(found) < len(merged):
            if not known:
                raise UnexpectedError("The database returned rows that do not match their digest.")
            self._known = ()
            return await self.read(read, clock, *queries)
        found = tuple(
            replace(each, is_changing=before is not None and each.digest != before.digest)
            for each, before in zip(found, former, strict=True)
        )
        others = [each for each in self._known if each.query not in queries]
        self._known = (*found, *others)[:_MOST_KNOWN] if self._keeps_apart else found
        return taken_at, tuple(each.rows for each in found)

    def _known_to(self, queries: Sequence[Query[Any]]) -> Sequence[_Known[Any] | None]:
        """Return the known rows of each query. Without `keeps_apart`, rows are known only if exactly the same queries
        were read last time."""
        if self._keeps_apart:
            return [next((each for each in self._known if each.query == query), None) for query in queries]
        is_known = [each.query for each in self._known] == list(queries)
        return self._known if is_known else [None] * len(queries)


def first_queries(clock: Query[datetime], *queries: Query[Any]) -> tuple[Query[Any], ...]:
    """Return what a new `ChangedRows` reads first for these queries."""
    return (clock, *_change_queries(queries, [None] * len(queries), frozenset()))


def _digest_query(clock: Query[datetime], queries: Sequence[Query[Any]]) -> Query[Row]:
    statement = _digests(clock.statement, tuple(query.statement for query in queries))
    parameters = _named(clock.parameters, "gjobs")
    for place, query in enumerate(queries):
        parameters |= _named(query.parameters, f"gjobs{place}")
    return Query(
        statement,
        tuple,
        parameters,
        may_sort=all(query.may_sort for query in queries),
        may_compile=all(query.may_compile for query in queries),
    )


def _change_queries(
    queries: Sequence[Query[Any]], former: Sequence[_Known[Any] | None], changing: frozenset[int]
) -> list[Query[Row]]:
    found = list[Query[Row]]()
    for place, (query, known) in enumerate(zip(queries, former, strict=True)):
        prefixes = [digest[:_PREFIX] for digest in known.digests] if known and place in changing else []
        parameters = {
            **query.parameters,
            "gjobs_digest": known.digest if known else b"",
            "gjobs_known": b"".join(prefixes),
        }
        statement = _changes(query.statement, query.look_up)
        found.append(replace(query, statement=statement, make=tuple, parameters=parameters, look_up=""))
    return found


def _merged(query: Query[T], known: _Known[T] | None, answer: Sequence[Row]) -> _Known[T] | None:
    """Return the current rows. Return None if they don't match the digest, because two rows share a prefix."""
    (head,) = (row[0] for row in answer if row[0] is not None)
    if not head:
        return known
    sent = {number: (digest, row) for _, number, digest, *row in answer if number is not None}
    by_prefix = {each[:_PREFIX]: place for place, each in enumerate(known.digests)} if known else {}
    rows, digests = list[T](), list[bytes]()
    for number, start in enumerate(range(_DIGEST, len(head), _PREFIX), start=1):
        if number in sent:
            digest, row = sent[number]
            digests.append(digest)
            rows.append(query.make(row))
        elif known and (place := by_prefix.get(head[start : start + _PREFIX])) is not None:
            digests.append(known.digests[place])
            rows.append(known.rows[place])
    digest = head[:_DIGEST]
    if sha256(b"".join(digests)).digest()[:_DIGEST] != digest:
        return None
    return _Known(query=query, rows=rows, digests=digests, digest=digest)
