"""Reads the error groups of a time window with one statement, which returns only the groups."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

import sqlalchemy as sa

from gjobs.store import tables
from gjobs.store.actor_database import ActorDatabase
from gjobs.store.database.query import MOMENT, CompiledSql, Query, Row, TimeLimits, clock, compiled, row_maker
from gjobs.store.error_groups.error_group import (
    BUCKETS,
    MOST_FAILURES,
    MOST_GROUPS,
    MOST_MODES,
    MOST_READ,
    MOST_USERS,
    ErrorGroup,
    ErrorGroups,
    ErrorScope,
)
from gjobs.store.error_groups.error_group_sql import fingerprint_sql, group_id_sql
from gjobs.store.errors import InvalidValue
from gjobs.store.filters.filter_terms import Key
from gjobs.store.job_list import list_sql
from gjobs.store.job_list.list_query import ListQuery
from gjobs.store.jobs.job import JobStatus, ListedJob
from gjobs.store.jobs.job_sql import JobColumns, listed_error, make_listed, readable_columns

LIMITS = TimeLimits(statement=8.0)
"""Reading MOST_FAILURES failures takes one to three seconds, and longer from a slow disk."""
_MODE_CHARACTERS = 200

_jobs = tables.jobs
_SINCE = MOMENT - sa.bindparam("window", type_=sa.Interval)
_LIMIT = sa.bindparam("most", type_=sa.Integer)


def _failures(scope: ErrorScope, readable: frozenset[Key], *, is_recorded: bool) -> sa.Select[Any]:
    """Return the newest failures of the window, and one more if there are more.

    A job failed when it was completed, or else when it was last updated. The condition on `updated_at` is redundant,
    but lets Postgres use the index on that column. The window is compared with each column: Postgres has no statistics
    of `coalesce`, would expect few failures, and would sort all of them.
    """
    listed = ListQuery(project_id=scope.project_id, job_filter=scope.job_filter)
    is_in_window = _jobs.c.updated_at <= MOMENT
    if is_recorded:
        completed = _jobs.c.completed_at
        is_in_window = sa.or_(completed.between(_SINCE, MOMENT), sa.and_(completed.is_(None), is_in_window))
    ended_at = sa.func.coalesce(_jobs.c.completed_at, _jobs.c.updated_at) if is_recorded else _jobs.c.updated_at
    epochs = (sa.func.extract("epoch", time) for time in (ended_at, _SINCE, MOMENT))
    statement = sa.select(
        _jobs.c.id,
        _jobs.c.user_id,
        sa.func.left(_jobs.c.mode, _MODE_CHARACTERS).label("mode"),
        _jobs.c.cost_cents,
        _jobs.c.error,
        _jobs.c.updated_at,
        ended_at.label("ended_at"),
        sa.func.least(sa.func.width_bucket(*epochs, BUCKETS), BUCKETS).label("bucket"),
    ).where(
        _jobs.c.status == JobStatus.FAILED.value,
        _jobs.c.updated_at >= _SINCE,
        is_in_window,
        *list_sql.conditions(listed, readable=readable),
    )
    return statement.order_by(_jobs.c.updated_at.desc(), _jobs.c.id.desc()).limit(_LIMIT + 1)


@lru_cache(maxsize=64)
def _statement(scope: ErrorScope, readable: frozenset[Key], *, of_members: bool, is_recorded: bool) -> CompiledSql:
    """Return the statement of the groups, or of the ids of a group's failures, newest first."""
    failures, constants = compiled(_failures(scope, readable, is_recorded=is_recorded))
    newest = f"""
WITH failures AS MATERIALIZED ({failures}),
newest AS MATERIALIZED (
    SELECT n.*, {fingerprint_sql("n.error")} AS fingerprint
      FROM (SELECT * FROM failures ORDER BY updated_at DESC, id DESC LIMIT %(most)s::integer) AS n
)"""  # noqa: S608 - of constants
    if of_members:
        members = "SELECT id FROM newest WHERE fingerprint = %(fingerprint)s::text ORDER BY updated_at DESC, id DESC"
        return CompiledSql(f"{newest} {members}", constants)
    trend = ", ".join(f"count(*) FILTER (WHERE bucket = {number})" for number in range(1, BUCKETS + 1))
    groups = f"""
SELECT {group_id_sql("l.fingerprint")}, l.fingerprint, l.jobs, l.first_seen, l.last_seen,
       l.modes[1:{MOST_MODES}], cardinality(l.modes), l.users[1:{MOST_USERS}], cardinality(l.users), l.cost_cents,
       l.trend, l.example_id, left(n.error, {MOST_READ}), l.group_count, (SELECT count(*) FROM failures),
       (SELECT min(ended_at) FROM newest)
  FROM (SELECT *, count(*) OVER () AS group_count
          FROM (SELECT fingerprint, count(*) AS jobs, min(ended_at) AS first_seen, max(ended_at) AS last_seen,
                       array_agg(DISTINCT mode) AS modes, array_agg(DISTINCT user_id) AS users,
                       CAST(sum(cost_cents) AS bigint) AS cost_cents, ARRAY[{trend}] AS trend,
                       (array_agg(id ORDER BY ended_at DESC, id DESC))[1] AS example_id
                  FROM newest GROUP BY fingerprint) AS grouped
         ORDER BY jobs DESC, last_seen DESC, fingerprint LIMIT {MOST_GROUPS}) AS l
  JOIN newest AS n ON n.id = l.example_id
 ORDER BY l.jobs DESC, l.last_seen DESC, l.fingerprint
"""  # noqa: S608 - as above
    return CompiledSql(newest + groups, constants)


async def error_groups_query(
    actor_database: ActorDatabase, scope: ErrorScope, *, of_members: bool = False, **further: object
) -> Query[Row]:
    """Return the query of groups, or of a group's jobs. Raises InvalidValue, and NoPrivilege as `find_jobs` does."""
    if not 1 <= scope.limit <= MOST_FAILURES:
        raise InvalidValue("limit", f"The limit must be from 1 to {MOST_FAILURES:,}; this is {scope.limit:,}.")
    readable = await actor_database.readable_names(scope.job_filter)
    is_recorded = (await actor_database.capability_cache.get()).has_later_columns(actor_database.actor)
    statement = _statement(scope, frozenset(readable), of_members=of_members, is_recorded=is_recorded)
    return Query(statement, tuple, {"window": scope.window, "most": scope.limit, **further})


async def read_error_groups(actor_database: ActorDatabase, scope: ErrorScope, *, at: datetime | None) -> ErrorGroups:
    """Group the failures that the actor sees. Raises TimedOut if reading them takes too long."""
    query = await error_groups_query(actor_database, scope, at=at)
    rows, (taken_at,) = await actor_database.read_together(query, clock(at), limits=LIMITS)
    return _make_groups(rows, scope, taken_at=taken_at)


_listed_error = listed_error(_jobs.c.error)


@cache
def _listed(columns: JobColumns) -> sa.Select[Any]:
    """Return a statement for the jobs with these ids, for `make_listed`."""
    chosen = (_listed_error if column is _jobs.c.error else column for column in columns)
    return sa.select(*chosen).where(_jobs.c.id == sa.any_(sa.bindparam("ids", type_=sa.ARRAY(sa.Uuid))))


async def read_group_jobs(
    actor_database: ActorDatabase, scope: ErrorScope, fingerprint: str, *, at: datetime
) -> tuple[ListedJob, ...]:
    """Return the failed jobs that a group counts, newest first, as they are now. `at` is when the group was read."""
    query = await error_groups_query(actor_database, scope, of_members=True, at=at, fingerprint=fingerprint)
    ids = [row[0] for row in await actor_database.read(query, limits=LIMITS)]
    columns = readable_columns(await actor_database.capability_cache.get(), actor_database.actor)
    listed = Query(_listed(columns), make_listed, {"ids": ids})
    jobs = {job.id: job for job in await actor_database.read(listed)}
    return tuple(jobs[job_id] for job_id in ids if job_id in jobs)


def _make_groups(rows: Sequence[Row], scope: ErrorScope, *, taken_at: datetime) -> ErrorGroups:
    group_count, found, oldest = rows[0][-3:] if rows else (0, 0, None)
    is_complete = found <= scope.limit
    return ErrorGroups(
        groups=tuple(map(_make_group, rows)),
        group_count=group_count,
        window=scope.window,
        limit=scope.limit,
        failures=min(found, scope.limit),
        complete=is_complete,
        read_since=taken_at - scope.window if is_complete or oldest is None else oldest,
        taken_at=taken_at,
    )


_make_group = row_maker(ErrorGroup, modes=tuple, users=tuple, trend=tuple, example=lambda example: example or "")
