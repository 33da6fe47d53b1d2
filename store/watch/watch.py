"""Reads recorded or observed transitions, their batches and cursors, and what changed between two polls."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Self, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.sql.visitors import ExternallyTraversible, replacement_traverse

from gjobs.store import tables
from gjobs.store.capabilities.capability import MissingCapability
from gjobs.store.database.database import Database
from gjobs.store.database.query import Query, Row, clock, first_column, row_maker
from gjobs.store.errors import InvalidValue
from gjobs.store.filters import filter_sql
from gjobs.store.filters.filter_terms import JobFilter, Key
from gjobs.store.jobs import job_sql
from gjobs.store.jobs.job import LIVE_STATUSES, AnyStatus, GenerationJob, status_or_none
from gjobs.store.jobs.job_results import log_start_words
from gjobs.store.jobs.job_sql import APP_COLUMNS, make_job
from gjobs.store.users.actor import OPERATOR, Actor


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """A position between two recorded transitions. Those before it have been reported, those after it have not."""

    transaction_id: int
    event_id: int

    def __str__(self) -> str:
        return f"{self.transaction_id},{self.event_id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a cursor. Raises InvalidValue."""
        transaction_id, _, event_id = text.strip().partition(",")
        if not (_is_number(transaction_id) and _is_number(event_id)):
            raise InvalidValue(
                "cursor", f"{text!r} is not a cursor.", hint="Use a cursor from the JSON output of a watch."
            )
        return cls(int(transaction_id), int(event_id))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A job was created or deleted, or its status changed."""

    job_id: UUID
    from_status: AnyStatus | None
    """None if the job was created."""
    to_status: AnyStatus | None
    """None if the job was deleted."""
    at: datetime
    """When it happened. For an observed transition, when it was observed."""
    mode: str
    cost_cents: int
    """Cost after the transition."""
    error: str | None
    user_id: UUID | None
    """None for a deleted user."""
    project_id: UUID
    cursor: Cursor | None
    """Position right after the transition; None if it was observed."""

    @property
    def key(self) -> str:
        """A unique key, which is the same each time this transition is reported."""
        if self.cursor is not None:
            return f"{self.job_id}-{self.cursor.event_id}"
        return f"{self.job_id}-{self.to_status or 'deleted'}-{self.at.timestamp():.6f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBack:
    """An open transaction. Its transitions may precede those that have been committed since it started."""

    process_id: int | None
    """None if the process can't be seen, or if the transaction is a prepared one."""
    application: str | None
    since: datetime | None
    """When the transaction started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitionBatch:
    """All transitions since the last batch, in order."""

    transitions: tuple[Transition, ...]
    has_more: bool = False
    """Whether more can be read immediately."""
    held_back: HeldBack | None = None
    """The transaction that has delayed later transitions for some time; None if there is none."""
    cursor: Cursor | None = None
    """Position after this batch, where another watch can continue; None if nothing is recorded."""


LATE = timedelta(minutes=1)
"""A job's creation time is when its transaction begins, but it becomes visible at the commit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsAtPoll:
    """Jobs at the time of a poll: live jobs, the newest jobs, and missing jobs that were queried by id."""

    at: datetime
    jobs: Mapping[UUID, GenerationJob]


def transitions_between(former: JobsAtPoll, poll: JobsAtPoll, asked: Iterable[UUID]) -> tuple[Transition, ...]:
    """Return the transitions between two polls, in the order in which the jobs were changed.

    `asked` are jobs of the former poll that were queried by id. If one is missing now, it was deleted. Jobs that appear
    and disappear between two polls are not seen. A status that begins and ends between two polls is not seen either.
    """
    changed = [
        _transition(job, from_status=before.status if before else None, to_status=job.status, at=poll.at)
        for job in sorted(poll.jobs.values(), key=lambda job: (job.updated_at, job.id))
        if ((before := former.jobs.get(job.id)) is None and _is_new(job, former))
        or (before is not None and before.status != job.status)
    ]
    gone = [former.jobs[job_id] for job_id in asked if job_id not in poll.jobs]
    return (*changed, *(_transition(job, from_status=job.status, to_status=None, at=poll.at) for job in gone))


def _is_new(job: GenerationJob, former: JobsAtPoll) -> bool:
    """Return whether the job is new. An old job can become visible only because other jobs have gone."""
    return job.created_at >= former.at - LATE


def _transition(
    job: GenerationJob, *, from_status: AnyStatus | None, to_status: AnyStatus | None, at: datetime
) -> Transition:
    return Transition(
        job_id=job.id,
        from_status=from_status,
        to_status=to_status,
        at=at,
        mode=job.mode,
        cost_cents=job.cost_cents,
        error=job.error,
        user_id=job.user_id,
        project_id=job.project_id,
        cursor=None,
    )


_jobs, _events = tables.jobs, tables.job_events

_REPORTED = ("created", "status", "deleted")
"""The kinds of events that a watch reports."""


def _of_job(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Return a column that events lack, from the event's job. Null if the job no longer exists."""
    return sa.select(column).where(_jobs.c.id == _events.c.job_id).scalar_subquery()


_AS_JOB: Mapping[sa.ColumnElement[Any], sa.ColumnElement[Any]] = {
    **{column: _of_job(column) for column in _jobs.c},
    _jobs.c.id: _events.c.job_id,
    _jobs.c.user_id: _events.c.user_id,
    _jobs.c.project_id: _events.c.project_id,
    _jobs.c.status: sa.func.coalesce(_events.c.to_status, _events.c.from_status),
    _jobs.c.mode: _events.c.mode,
    _jobs.c.error: _events.c.error,
    _jobs.c.cost_cents: _events.c.cost_cents,
    _jobs.c.updated_at: _events.c.at,
}
"""Maps each column of a job to its value right after the event, so that filters apply to that state.

Columns that the event lacks have the job's present values.
"""


def _of_event(element: ExternallyTraversible, **_: Any) -> ExternallyTraversible | None:
    return _AS_JOB.get(element) if isinstance(element, sa.ColumnElement) else None


def _conditions(job_filter: JobFilter, readable: Set[Key]) -> list[sa.ColumnElement[bool]]:
    conditions = filter_sql.conditions(job_filter, readable=readable)
    return [replacement_traverse(condition, {}, _of_event) for condition in conditions]


_NOW = sa.func.pg_current_snapshot()
_FIRST_OPEN = sa.func.pg_snapshot_xmin(_NOW)
"""Every transaction before this one has ended. So no earlier transition can be recorded any more."""

Start = tuple[Cursor, str]
"""Where a watch begins, and the snapshot of everything before it."""


_START: Query[Start] = Query(
    sa.select(_FIRST_OPEN.cast(sa.Text), _NOW.cast(sa.Text)), lambda row: (Cursor(int(row[0]), 0), row[1])
)


Read = tuple[Cursor, bool, Transition | None]
"""The position reached, whether more has been recorded since, and a transition if there is one."""

R = TypeVar("R", Start, Read)


def _typed(name: str, kind: str) -> sa.ColumnElement[Any]:
    """Return a parameter of a type that SQLAlchemy does not know."""
    return sa.bindparam(name, type_=sa.Text).op("::")(sa.literal_column(kind))


_POSITION = sa.tuple_(_typed("transaction_id", "xid8"), sa.bindparam("event_id", type_=sa.BigInteger))
_HAD_HAPPENED = sa.func.pg_visible_in_snapshot(_events.c.transaction_id, _typed("start", "pg_snapshot"))
_COLUMNS = ("id", "job_id", "from_status", "to_status", "at", "mode", "cost_cents", "error", "user_id", "project_id")


@lru_cache(maxsize=32)
def _recorded(job_filter: JobFilter, readable: frozenset[Key]) -> sa.Select[Any]:
    """Read transitions from one snapshot. Returns at least one row, which has the position reached."""
    snapshot = sa.select(_FIRST_OPEN.label("first_open")).cte("snapshot")
    found = (
        sa.select(*(_events.c[name] for name in _COLUMNS), _events.c.transaction_id)
        .where(
            sa.or_(*(_events.c.kind == kind for kind in _REPORTED)),
            sa.tuple_(_events.c.transaction_id, _events.c.id) > _POSITION,
            _events.c.transaction_id < snapshot.c.first_open,
            sa.not_(_HAD_HAPPENED),
            *_conditions(job_filter, readable),
        )
        .order_by(_events.c.transaction_id, _events.c.id)
        .limit(sa.bindparam("rows", type_=sa.Integer))
        .lateral("found")
    )
    waiting = sa.exists().where(_events.c.transaction_id >= snapshot.c.first_open)
    return (
        sa.select(
            snapshot.c.first_open.cast(sa.Text),
            waiting,
            found.c.transaction_id.cast(sa.Text),
            *(found.c[name] for name in _COLUMNS),
        )
        .select_from(snapshot.outerjoin(found, sa.true()))
        .order_by(found.c.transaction_id, found.c.id)
    )


_make_transition = row_maker(Transition, from_status=status_or_none, to_status=status_or_none)


def _make_read(row: Row) -> Read:
    first_open, waits, transaction_id, event_id, *values = row
    read_to = Cursor(int(first_open), 0)
    if event_id is None:
        return read_to, waits, None
    return read_to, waits, _make_transition((*values, Cursor(int(transaction_id), event_id)))


def recorded(job_filter: JobFilter, *, readable: Set[Key], after: Cursor, start: str, limit: int) -> Query[Read]:
    """Return committed transitions after the cursor, except those in the snapshot `start`.

    Stops before any transaction that is still open, so that no earlier transition can follow.
    """
    parameters = {
        "transaction_id": str(after.transaction_id),
        "event_id": after.event_id,
        "start": start,
        "rows": limit,
    }
    return Query(_recorded(job_filter, frozenset(readable)), _make_read, parameters)


_UNWRITTEN = sa.text("""
select case when not pg_is_in_recovery()
            then (select lsn::text from coalesce(CAST(:lsn AS pg_lsn), pg_current_wal_insert_lsn()) lsn
                   where lsn > pg_current_wal_flush_lsn()) end
""")


def unwritten(lsn: str | None) -> Query[str | None]:
    """Return the position in the write-ahead log, by default its end, or None once the log is on disk up to there."""
    return Query(_UNWRITTEN, first_column, {"lsn": lsn})


_HOLDER = sa.text("""
select a.pid, nullif(a.application_name, ''), a.xact_start
  from pg_catalog.pg_stat_activity a
 where a.backend_xid is not null
   and mod(a.backend_xid::text::bigint, 4294967296) = mod(cast(:transaction_id as bigint), 4294967296)
""")


def holder(transaction_id: int) -> Query[HeldBack]:
    """Return the session of that transaction, or nothing if it can't be seen."""
    return Query(_HOLDER, row_maker(HeldBack), {"transaction_id": transaction_id})


_REMOVED: Query[tuple[int | None, datetime]] = Query(
    sa.select(tables.log_start.c.removed_to.cast(sa.Text), tables.log_start.c.begins_at),
    lambda row: (None if row[0] is None else int(row[0]), row[1]),
)
"""The last transaction with removed events, or None; and how far back the log reaches."""

MOST_LIVE = 5_000
MOST_NEW = 500
"""Limits for the polled jobs: live jobs and the newest jobs."""

_NEWEST_FIRST = sa.select(*APP_COLUMNS).order_by(_jobs.c.created_at.desc(), _jobs.c.id.desc())
_IS_LIVE = sa.or_(*(_jobs.c.status == status.value for status in LIVE_STATUSES))
_LIVE: Query[GenerationJob] = Query(_NEWEST_FIRST.where(_IS_LIVE).limit(MOST_LIVE), make_job)
_NEWEST: Query[GenerationJob] = Query(_NEWEST_FIRST.limit(MOST_NEW), make_job)


@lru_cache(maxsize=32)
def _matching(job_filter: JobFilter, readable: frozenset[Key]) -> sa.Select[Any]:
    ids = sa.any_(sa.bindparam("ids", type_=sa.ARRAY(sa.Uuid)))
    return sa.select(_jobs.c.id).where(_jobs.c.id == ids, *filter_sql.conditions(job_filter, readable=readable))


def matching(job_filter: JobFilter, job_ids: Collection[UUID], *, readable: Set[Key]) -> Query[UUID]:
    """Return those of the jobs that match the filter."""
    return Query(_matching(job_filter, frozenset(readable)), first_column, {"ids": list(job_ids)})


ROWS = 500
"""Maximum size of a batch."""
HELD_FOR = 5.0
"""Seconds that a transaction may delay transitions before that is reported."""

WRITTEN_WITHIN = 0.6
"""Seconds within which the server, as set by default, writes a commit to the disk that did not wait for it."""

_NOTHING = "1:1:"
"""A snapshot that contains no transaction."""


@dataclass(eq=False, repr=False)
class RecordedWatch:
    """Reads recorded transitions.

    `after` is where an earlier watch ended; None starts now. `readable` are the keys that the filter may use.
    """

    database: Database
    actor: Actor
    job_filter: JobFilter
    readable: Set[Key]
    after: Cursor | None

    def __post_init__(self) -> None:
        self._cursor = self.after
        self._is_resumed = self.after is not None
        """Whether the position comes from an earlier watch, and nothing has been read from there yet."""
        self._start = _NOTHING
        self._held_since: tuple[int, float] | None = None
        """The oldest open transaction while it delays transitions, and since when, by the loop's clock."""

    async def read(self) -> TransitionBatch:
        if self._cursor is None:
            ((self._cursor, self._start),) = await self._read(_START)
            return TransitionBatch(transitions=(), cursor=self._cursor)
        query = recorded(self.job_filter, readable=self.readable, after=self._cursor, start=self._start, limit=ROWS)
        rows = await self._read(query)
        ((removed_to, log_begins_at),) = await self.database.read(self.actor, _REMOVED)
        read_to, waits, _ = rows[0]
        if self._is_resumed and read_to.transaction_id < self._cursor.transaction_id:
            raise _not_come_to(self._cursor, read_to)
        if self._is_resumed and removed_to is not None and removed_to >= self._cursor.transaction_id:
            raise InvalidValue(
                "cursor",
                f"Transitions after transaction {self._cursor.transaction_id} were removed."
                f" {log_start_words(log_begins_at)}",
                hint="Start a watch without the cursor.",
            )
        self._is_resumed = False
        transitions = tuple(transition for _, _, transition in rows if transition is not None)
        has_more = len(transitions) == ROWS
        held_back = None if has_more or not waits else await self._held_back(read_to.transaction_id)
        if not waits:
            self._held_since = None
        last = transitions[-1].cursor if has_more else read_to
        # Never go back, even if the transaction counter was reset.
        self._cursor = max(self._cursor, last or read_to)
        return TransitionBatch(transitions=transitions, has_more=has_more, held_back=held_back, cursor=self._cursor)

    async def _read(self, query: Query[R]) -> list[R]:
        """Return the query's rows once they are on disk, because a crash of the server could lose claims of workers.

        Other transactions would then get the same numbers, and this watch would miss them. What no commit needs may
        stay in memory for longer, so the wait has a limit.
        """
        (lsn,), rows = await self.database.read_together(self.actor, unwritten(None), query)
        if lsn is None or (self._cursor is not None and rows[0][0] <= self._cursor):
            return rows
        loop = asyncio.get_running_loop()
        until = loop.time() + WRITTEN_WITHIN
        # A crash cuts the connection, so a later one is never asked about what was read before the crash.
        async with self.database.snapshot() as snapshot:
            (lsn,), rows = await snapshot.read(self.actor, unwritten(None), query)
            while lsn is not None and loop.time() < until:
                await asyncio.sleep(0.05)
                ((lsn,),) = await snapshot.read(self.actor, unwritten(lsn))
        return rows

    async def _held_back(self, oldest: int) -> HeldBack | None:
        now = asyncio.get_running_loop().time()
        if self._held_since is None or self._held_since[0] != oldest:
            self._held_since = (oldest, now)
        if now - self._held_since[1] < HELD_FOR:
            return None
        holders = await self.database.read(OPERATOR, holder(oldest))
        return holders[0] if holders else HeldBack(process_id=None, application=None, since=None)


def _not_come_to(place: Cursor, now: Cursor) -> InvalidValue:
    """Return an error, because a watch would report nothing until the database reaches that transaction."""
    return InvalidValue(
        "cursor",
        f"Cannot continue after transaction {place.transaction_id}, because this database has only reached"
        f" transaction {now.transaction_id}.",
        hint="It is another database, was restored, or lags behind. Start a watch without the cursor.",
    )


@dataclass(eq=False, repr=False)
class ObservedWatch:
    """Compares polls of jobs. `readable` are the keys that the filter may use. A filter excludes deletions."""

    database: Database
    actor: Actor
    job_filter: JobFilter
    readable: Set[Key]
    missing: MissingCapability
    """Why nothing is recorded, and how to change that."""
    _poll: JobsAtPoll | None = None

    async def read(self) -> TransitionBatch:
        (at,), live, newest = await self.database.read_together(self.actor, clock(None), _LIVE, _NEWEST)
        poll = JobsAtPoll(at=at, jobs={job.id: job for job in (*live, *newest)})
        if self._poll is None:
            self._poll = poll
            return TransitionBatch(transitions=())
        asked = self._poll.jobs.keys() - poll.jobs.keys()
        if asked:
            gone = await self.database.read(self.actor, job_sql.these(APP_COLUMNS, asked))
            poll = replace(poll, jobs={**poll.jobs, **{job.id: job for job in gone}})
        transitions = await self._matching(transitions_between(self._poll, poll, asked))
        # Finished jobs that are no longer among the newest need no further polling.
        seen = {job.id for job in (*live, *newest)}
        self._poll = replace(poll, jobs={job_id: job for job_id, job in poll.jobs.items() if job_id in seen})
        return TransitionBatch(transitions=transitions)

    async def _matching(self, transitions: tuple[Transition, ...]) -> tuple[Transition, ...]:
        if not self.job_filter or not transitions:
            return transitions
        query = matching(self.job_filter, {one.job_id for one in transitions}, readable=self.readable)
        found = set(await self.database.read(self.actor, query))
        return tuple(one for one in transitions if one.job_id in found)


Watch = RecordedWatch | ObservedWatch
"""`read` returns all transitions since the last batch. After a StoreError, the next call reads the same batch."""
