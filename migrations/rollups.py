"""Checks and rebuilds rollups."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from gjobs.migrations import HEAD
from gjobs.migrations.connection import acquire_run_lock, connect, require_session, translate_migrating
from gjobs.migrations.progress import Report, reporting_progress
from gjobs.migrations.status import known_status
from gjobs.store.capabilities.capability import EARLIER_BUILD
from gjobs.store.errors import SchemaMissing, command

JOBS_A_PART = 1_000_000
"""About how many jobs are compared at once. Progress is reported after each part."""
LISTED = 100
"""The most differences of a part that are listed."""

_DIFFERENCES, _WASTE_DIFFERENCES, _KEY_DIFFERENCES = (
    (Path(__file__).parent / "sql" / name).read_text(encoding="utf-8")
    for name in ("rollups.sql", "waste.sql", "waste_keys.sql")
)
_PARTS = """
select (select greatest(reltuples, 0)::bigint from pg_catalog.pg_class where oid = 'public.generation_jobs'::regclass)
       / %s + 1
"""
_BOUNDS = """
select (array_agg(p.id order by p.id))[1]
  from (select id, ntile(%s) over (order by id) as part from public.projects) p group by part order by part offset 1
"""
_UNGROUPED = "select count(*) from gjobs.waste_deltas where error is not null"
_KEEP_FOLDERS_AWAY = "select pg_catalog.pg_advisory_lock(1735353442, 2)"
_LET_FOLDERS_IN = "select pg_catalog.pg_advisory_unlock(1735353442, 2)"


@dataclass(frozen=True, slots=True, kw_only=True)
class RollupDifference:
    """A rollup that differs from the count. Totals have no day. Days have no mode. Job days also have no status, and
    waste days have no group. Waste keys have exactly one of the ids, mode, day or group. The key of all jobs has none.
    """

    kind: str
    """totals, days, waste, waste days or waste keys. Waste is failed jobs and retries."""
    user_id: UUID | None
    """This and the next fields may be None if the app's columns allow null."""
    project_id: UUID | None
    status: str | None
    """For waste, this is `failed` or `retry`. For waste keys, it is None for the costs of all jobs."""
    mode: str | None
    day: str | None
    """In UTC, as PostgreSQL writes it. It may be outside Python's range."""
    error_group: str | None
    """The group of failed jobs that waste is counted for."""
    counted_jobs: int
    kept_jobs: int
    counted_cents: int
    kept_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RollupCheck:
    differences: tuple[RollupDifference, ...]
    """The first differences."""
    count: int
    """The number of all differences."""

    @property
    def matches(self) -> bool:
        return self.count == 0


def check(conninfo: Mapping[str, str | int], report: Report) -> RollupCheck:
    """Compare in one read-only snapshot. Until the end nobody can truncate the jobs, which would change the result.

    Raises SchemaMissing without rollups, and NoPrivilege if rows may be hidden.
    """
    _require_rollups(conninfo)
    with connect(conninfo) as connection:
        try:
            connection.read_only = True
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.execute("set local row_security = off")
            connection.execute("set local statement_timeout = 0")
            # The planner cannot know how many errors are distinct.
            connection.execute("set local enable_nestloop = off")
            # Before the first query, which takes the snapshot. The lock conflicts only with locks on the whole table.
            connection.execute("lock table public.generation_jobs in access share mode")
            found = _compare(connection, report)
            _report_ungrouped(connection, report)
        except psycopg.Error as error:
            raise translate_migrating(error) from error
    return found


def _compare(connection: psycopg.Connection, report: Report) -> RollupCheck:
    """Compare the rollups of each part of the projects, and then the totals by key once."""
    queries = [_DIFFERENCES, _WASTE_DIFFERENCES]
    differences: list[RollupDifference] = []
    count = 0
    bounds = [None, *_bounds(connection), None]
    for part, (low, high) in enumerate(pairwise(bounds), start=1):
        for query in queries if high is not None else [*queries, _KEY_DIFFERENCES]:
            rows = connection.execute(query.encode(), {"low": low, "high": high, "most": LISTED}).fetchall()
            count += rows[0][-1] if rows else 0
            differences.extend(map(_difference, rows))
        if len(bounds) > 2:
            report(f"Compared {100 * part // (len(bounds) - 1)} % of the projects' jobs.")
    return RollupCheck(differences=tuple(differences[:LISTED]), count=count)


def _report_ungrouped(connection: psycopg.Connection, report: Report) -> None:
    ((number,),) = connection.execute(_UNGROUPED.encode()).fetchall()
    if number:
        changes = "1 change has" if number == 1 else f"{number:,} changes have"
        report(f"{changes} no error group yet. {command('migrate repair-rollups')} groups them.")


def _bounds(connection: psycopg.Connection) -> Iterator[UUID]:
    """Yield the first project of each part after the first."""
    row = connection.execute(_PARTS.encode(), [JOBS_A_PART]).fetchone()
    for (first,) in connection.execute(_BOUNDS.encode(), [row[0] if row else 1]):
        yield first


def _difference(row: tuple[Any, ...]) -> RollupDifference:
    kind, user_id, project_id, status, mode, day, error_group, counted_jobs, kept_jobs, counted_cents, kept_cents, _ = (
        row
    )
    return RollupDifference(
        kind=kind,
        user_id=user_id,
        project_id=project_id,
        status=status,
        mode=mode,
        day=day,
        error_group=error_group,
        counted_jobs=counted_jobs,
        kept_jobs=kept_jobs,
        counted_cents=counted_cents,
        kept_cents=kept_cents,
    )


def rebuild(conninfo: Mapping[str, str | int], report: Report) -> None:
    """Count all jobs again in one transaction. Writers are not blocked; their changes are added as deltas.

    Raises SchemaMissing without rollups, and AnotherRun while a migration is running. Raises MigrationRefused behind a
    pooler that serves each transaction from another process.
    """
    _require_rollups(conninfo)
    with connect(conninfo) as connection:
        connection.add_notice_handler(lambda diagnostics: report(diagnostics.message_primary or ""))
        try:
            connection.autocommit = True
            require_session(connection, conninfo)
            acquire_run_lock(connection)
            connection.execute("set statement_timeout = 0")
            connection.execute("set lock_timeout = 0")
            with reporting_progress(conninfo, connection, report):
                # Before the snapshot: the locks prevent folding of later deltas and truncation of the counted jobs.
                connection.execute(_KEEP_FOLDERS_AWAY)
                connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                with connection.transaction():
                    connection.execute("lock table public.generation_jobs in access share mode")
                    connection.execute("select gjobs.recount_jobs()")
                    connection.execute("select gjobs.recount_waste()")
                    connection.execute("select gjobs.recount_waste_keys()")
                connection.execute(_LET_FOLDERS_IN)
        except psycopg.Error as error:
            raise translate_migrating(error) from error


def _require_rollups(conninfo: Mapping[str, str | int]) -> None:
    if known_status(conninfo).current not in (HEAD, EARLIER_BUILD):
        raise SchemaMissing("This database keeps no rollups.", hint=f"Run {command('migrate up')} to add rollups.")
