"""Compares rollups with the jobs, and counts the jobs again."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from uuid import UUID

from gjobs.migrations import HEAD
from gjobs.migrations.connection import acquire_run_lock, connect
from gjobs.migrations.progress import Report, reporting_progress, say_nothing
from gjobs.migrations.status import known_status
from gjobs.store.errors import Locked, SchemaMissing, command

LISTED = 100
"""The most differences that are listed."""

_DIFFERENCES = (Path(__file__).parent / "sql" / "rollups_check.sql").read_text(encoding="utf-8")

_IS_VOID = """
select not is_counted or is_truncated or server_identity <> gjobs.server_identity() from gjobs.fold_progress
"""
"""Whether readers count the jobs themselves: after a TRUNCATE, or after a restore on another server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollupDifference:
    """A rollup that differs from the count. Totals have no day. Days have no mode and no error group."""

    kind: str
    """totals or days."""
    user_id: UUID | None
    """This and the next fields may be None if the app's columns allow null."""
    project_id: UUID | None
    status: str | None
    """For days, `failed` or None."""
    mode: str | None
    day: str | None
    """In UTC, as PostgreSQL writes it. It may be outside Python's range."""
    error_group: str | None
    """None for jobs that did not fail."""
    is_retry: bool
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


def check_rollups(conninfo: Mapping[str, str | int], *, report: Report = say_nothing) -> RollupCheck:
    """Compare in one read-only snapshot. Until the end nobody can truncate the jobs, which would change the result.

    Raises SchemaMissing without rollups, and NoPrivilege if rows may be hidden.
    """
    _require_rollups(conninfo)
    names = [field.name for field in fields(RollupDifference)]
    with connect(conninfo) as connection:
        connection.autocommit = True
        with reporting_progress(conninfo, connection, report):
            connection.execute("begin isolation level repeatable read read only")
            connection.execute("set local row_security = off")
            connection.execute("set local statement_timeout = 0")
            # The planner cannot know how many errors are distinct.
            connection.execute("set local enable_nestloop = off")
            # Before the first query, which takes the snapshot. It conflicts only with locks on the whole table.
            connection.execute("lock table public.generation_jobs in access share mode")
            if connection.execute(_IS_VOID.encode()).fetchone() == (True,):
                report(f"The rollups are not valid now, so gjobs counts the jobs. {command('fold')} counts them once.")
                return RollupCheck(differences=(), count=0)
            rows = connection.execute(_DIFFERENCES.encode(), {"most": LISTED}).fetchall()
    found = tuple(RollupDifference(**dict(zip(names, row[:-1], strict=True))) for row in rows)
    return RollupCheck(differences=found, count=rows[0][-1] if rows else 0)


def rebuild_rollups(conninfo: Mapping[str, str | int], *, report: Report = say_nothing) -> None:
    """Count all jobs again in one transaction. Writers are not blocked; their changes are added as events.

    Raises SchemaMissing without rollups, and AnotherRun while a migration is running. Raises MigrationRefused behind a
    pooler that serves each transaction from another process. Raises Locked while another session folds events.
    """
    _require_rollups(conninfo)
    with connect(conninfo) as connection:
        acquire_run_lock(connection, conninfo)
        connection.execute("set statement_timeout = 0")
        connection.execute("set lock_timeout = 0")
        with reporting_progress(conninfo, connection, report):
            counted = connection.execute("select gjobs.count_again()").fetchone()
    if counted == (-1,):
        raise Locked("Another session folds events just now. Nothing was counted.", hint="Try again.")


def _require_rollups(conninfo: Mapping[str, str | int]) -> None:
    if known_status(conninfo).current != HEAD:
        raise SchemaMissing("This database keeps no rollups.", hint=f"Run {command('migrate up')} to add rollups.")
