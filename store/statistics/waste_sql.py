"""Reads waste, from rollups or from the newest jobs."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from gjobs.store.actor_database import ActorDatabase
from gjobs.store.capabilities.capability import Capability
from gjobs.store.database.query import Query, Row, typed_text
from gjobs.store.error_groups.error_group import error_group_id
from gjobs.store.error_groups.error_group_sql import fingerprint_sql, group_id_sql
from gjobs.store.jobs import job_sql
from gjobs.store.projects import project_sql
from gjobs.store.statistics.statistics import (
    DAYS,
    FIRST_NAMING_JOBS,
    MOST_GROUPED_JOBS,
    MOST_NAMING_FAILURES,
    MOST_WASTED_JOBS,
    Waste,
    WasteKey,
    WasteRow,
    WasteRowKey,
)
from gjobs.store.users import user_sql
from gjobs.store.users.actor import ActingUser
from gjobs.store.values.data_classes import by_member

_FINGERPRINT, _GROUP_ID = (
    # A colon would begin a parameter.
    sql.replace(":", r"\:")
    for sql in (fingerprint_sql("error"), group_id_sql(fingerprint_sql("error")))
)
_WITHOUT_TEXT = error_group_id(None)
_OF_PROJECT = {False: "", True: "WHERE project_id = :project_id"}
_TODAY = "(SELECT CAST(timezone('UTC', coalesce(:at, now())) AS date))"
"""A subquery, because a condition with COALESCE would filter only after the view has read all days. COALESCE may leak
rows.
"""
_SHOWN_DAYS = f"day BETWEEN {_TODAY} - {DAYS - 1} AND {_TODAY}"
_ROLLUP_KEYS = by_member(
    WasteKey,
    {
        WasteKey.MODE: ("mode", "mode"),
        WasteKey.PROJECT: ("project_id", "project_id"),
        WasteKey.USER: ("user_id", "user_id"),
        # The rollup that counts all jobs has no column for error groups. So its costs are only in the total row.
        WasteKey.GROUP: ("error_group", "''"),
        WasteKey.DAY: ("day", "day"),
    },
)
"""The columns of both rollups."""
_NUMBERS = {
    "failed_count": "sum(number) FILTER (WHERE has_failed)",
    "failed_cents": "sum(cents) FILTER (WHERE has_failed)",
    "retry_count": "sum(number) FILTER (WHERE is_retry)",
    "retry_cents": "sum(cents) FILTER (WHERE is_retry)",
    "all_cents": "sum(cents) FILTER (WHERE is_total)",
}
_SUMS = ", ".join(f"CAST(coalesce({total}, 0) AS bigint)" for total in _NUMBERS.values())
_JOB_KEYS = by_member(
    WasteKey,
    {
        WasteKey.MODE: "mode",
        WasteKey.PROJECT: "project_id",
        WasteKey.USER: "user_id",
        WasteKey.GROUP: f"CASE WHEN has_failed THEN {_GROUP_ID} ELSE '' END",
        WasteKey.DAY: "CAST(timezone('UTC', created_at) AS date)",
    },
)

_OTHER_POLICIES = "The app's own policies or grants decide which jobs are visible, so no rollup covers them."

_Row = tuple[WasteRow, int | None]
"""A row, and the number of jobs that were added up for it. The first row is the total. None: no jobs."""


def _summed(source: str, by: WasteKey) -> str:
    """Return a query that adds up the parts of `source` by key, the total first. Keys without waste are left out."""
    order = "key" if by is WasteKey.DAY else "sum(cents) FILTER (WHERE has_failed OR is_retry)"
    return f"""
SELECT key, {_SUMS}, CAST(sum(number) FILTER (WHERE is_total) AS bigint)
  FROM ({source}) AS parts
 GROUP BY GROUPING SETS ((key), ())
HAVING grouping(key) = 1 OR sum(number) FILTER (WHERE has_failed OR is_retry) <> 0
 ORDER BY grouping(key) DESC, {order} DESC, key LIMIT :rows
"""  # noqa: S608 - of constants


def _from_rollups(by: WasteKey, of_project: bool) -> str:
    if by is WasteKey.DAY:
        has_failed, rollup, all_jobs = "has_failed", "job_day_waste", "job_day_counts"
        where = f"{_OF_PROJECT[of_project] or 'WHERE true'} AND {_SHOWN_DAYS}"
    else:
        has_failed, rollup, all_jobs = "error_group <> ''", "job_waste", "job_counts"
        where = _OF_PROJECT[of_project]
    key, all_key = _ROLLUP_KEYS[by]
    source = f"""
SELECT {key} AS key, {has_failed} AS has_failed, NOT ({has_failed}) AS is_retry, false AS is_total,
       job_count AS number, cost_cents AS cents
  FROM gjobs.{rollup} {where}
UNION ALL
SELECT {all_key}, false, false, true, job_count, cost_cents FROM gjobs.{all_jobs} {where}"""  # noqa: S608 - of constants
    return _summed(source, by)


def _from_jobs(by: WasteKey, of_project: bool, has_retries: bool) -> str:
    """Return SQL over the newest jobs. `has_retries`: the table has the column `retry_count`."""
    where = _OF_PROJECT[of_project]
    if by is WasteKey.DAY:
        where = (
            f"{where or 'WHERE true'} AND created_at >= timezone('UTC', CAST({_TODAY} - {DAYS - 1} AS timestamp))"
            f" AND created_at < timezone('UTC', CAST({_TODAY} + 1 AS timestamp))"
        )
    is_retry = "coalesce(retry_count, 0) > 0" if has_retries else "false"
    source = f"""
SELECT {_JOB_KEYS[by]} AS key, has_failed, is_retry AND NOT has_failed AS is_retry, true AS is_total, 1 AS number, cents
  FROM (
      SELECT mode, project_id, user_id, created_at, error, CAST(coalesce(cost_cents, 0) AS bigint) AS cents,
             coalesce(status = 'failed', false) AS has_failed, {is_retry} AS is_retry
        FROM "$jobs" AS jobs {where}
       ORDER BY created_at DESC, id DESC LIMIT {_read_limit(by)}
  ) AS newest"""  # noqa: S608 - of constants
    return _summed(source, by)


def _read_limit(by: WasteKey) -> int:
    return MOST_GROUPED_JOBS if by is WasteKey.GROUP else MOST_WASTED_JOBS


def _make_row(row: Row) -> _Row:
    key, *numbers, jobs = row
    return WasteRow(key=key, **dict(zip(_NUMBERS, numbers, strict=True))), jobs


_KIND = "hashtextextended(translate(left(error, 1000), '0123456789', ''), 0)"
"""The kind of an error. Errors of one kind differ only in digits, and have the same fingerprint."""


def _fingerprints(of_project: bool, is_first: bool) -> str:
    """Return SQL for the groups of the newest failures, with fingerprints. `is_first`: of fewer failures."""
    where = _OF_PROJECT[of_project] or "WHERE true"
    jobs, newest = f'FROM "$jobs" AS jobs {where}', "ORDER BY created_at DESC, id DESC LIMIT"
    if is_first:
        # An index has the newest jobs of a user, but not their newest failures.
        jobs = f"FROM (SELECT status, error {jobs} {newest} {FIRST_NAMING_JOBS}) AS jobs WHERE true"
    failures = f"SELECT error {jobs} AND status = 'failed' {'' if is_first else f'{newest} {MOST_NAMING_FAILURES}'}"
    return f"""
SELECT DISTINCT {group_id_sql("fingerprint")}, fingerprint
  FROM (SELECT {_FINGERPRINT} AS fingerprint
          FROM (SELECT DISTINCT ON ({_KIND}) error FROM ({failures}) AS newest) AS errors
        OFFSET 0) AS failures
"""  # noqa: S608 - of constants


async def _why_jobs(actor_database: ActorDatabase) -> str | None:
    """Return why the jobs themselves must be read. None if the rollups answer.

    Ask the database: the capabilities may be older than its policies, and the views would then read every job.
    """
    if missing := await actor_database.missing(Capability.ROLLUPS):
        return missing.words
    (has_rollups,) = await actor_database.read(job_sql.SEES_GONE_JOBS, needs=Capability.ROLLUPS)
    return None if has_rollups else _OTHER_POLICIES


async def read_waste(
    actor_database: ActorDatabase, by: WasteKey, project_id: UUID | None, *, limit: int, at: datetime | None
) -> Waste:
    """Read the rollups, or the newest jobs if the rollups do not exist or do not cover what the actor sees."""
    why_jobs = await _why_jobs(actor_database)
    has_retries = (await actor_database.capability_cache.get()).has_later_columns(actor_database.actor)
    of_project = project_id is not None
    sql = _from_jobs(by, of_project, has_retries) if why_jobs else _from_rollups(by, of_project)
    parameters = {"rows": limit + 2, "project_id": project_id, "at": at}
    (total, read), *others = await actor_database.read(Query(typed_text(sql), _make_row, parameters))
    rows = [row for row, _ in others[:limit]]
    names = await _names(actor_database, by, project_id, rows)
    is_cut = why_jobs is not None and (read or 0) >= _read_limit(by)
    return Waste(
        by=by,
        rows=tuple(_named(row, by, names) for row in rows),
        total=total,
        has_more=len(others) > limit,
        days=DAYS if by is WasteKey.DAY else None,
        read_limit=_read_limit(by) if is_cut else None,
        limited_because=why_jobs if is_cut else None,
        knows_retries=has_retries,
    )


async def _group_names(
    actor_database: ActorDatabase, project_id: UUID | None, rows: list[WasteRow]
) -> Mapping[Any, str | None]:
    """Return the fingerprints of the groups. More failures are read only if the newest ones do not name every group."""
    names: dict[WasteRowKey, str | None] = {_WITHOUT_TEXT: "", "": None}
    for is_first in (True, False):
        if names.keys() >= {row.key for row in rows}:
            break
        sql = _fingerprints(project_id is not None, is_first)
        names |= await actor_database.read(Query(typed_text(sql), tuple, {"project_id": project_id}))
    return names


async def _names(
    actor_database: ActorDatabase, by: WasteKey, project_id: UUID | None, rows: list[WasteRow]
) -> Mapping[Any, str | None]:
    """Return the fingerprints of groups, the names of projects or the e-mails of users, if the actor may read them."""
    if by is WasteKey.GROUP:
        return await _group_names(actor_database, project_id, rows)
    ids = [row.key for row in rows if isinstance(row.key, UUID)]
    actor = actor_database.actor
    if by is WasteKey.PROJECT and ids and await actor_database.has(Capability.PROJECTS):
        return dict(await actor_database.read(project_sql.names_of(ids), needs=Capability.PROJECTS))
    if by is WasteKey.USER and isinstance(actor, ActingUser):
        return {actor.id: actor.email}
    if by is WasteKey.USER and ids and await actor_database.has(Capability.USERS):
        users = await actor_database.read(user_sql.emails_of(ids), needs=Capability.USERS)
        return {user.id: user.email for user in users}
    return {}


def _named(row: WasteRow, by: WasteKey, names: Mapping[Any, str | None]) -> WasteRow:
    return replace(row, name=names.get(row.key), all_cents=None if by is WasteKey.GROUP else row.all_cents)
