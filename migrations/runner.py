"""What commands and start-up call: upgrade, downgrade, verify."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import psycopg

from migrations import HEAD, REVISIONS
from migrations.connection import AnotherRun, MigrationRefused, connect, translate_migrating
from migrations.progress import Origin, Report, Run, say_nothing
from migrations.status import known_status
from store.errors import Conflict, InvalidValue, Locked

if TYPE_CHECKING:
    from pathlib import Path

    from migrations.archive_export import ArchiveExport
    from migrations.rollups import RollupCheck
    from migrations.verification import Verification

ATTEMPTS = 4
PAUSE_SECONDS = 1.0
"""Between attempts, for those whom the attempt kept waiting. An attempt itself waits two seconds for a lock."""


def upgrade(conninfo: Mapping[str, str | int], *, report: Report = say_nothing) -> None:
    """To the head. An app's own tables are taken over where they are those of the first revision.

    All of it is one transaction, up to the first index that is built concurrently: that, and what follows, is done
    step by step, and what is interrupted there is gone on with by the next run.

    Raises Locked where the tables stay in use, SchemaMissing where the schema `gjobs` has to be made by an
    administrator first, SchemaDiffers where the app's own tables are others, MigrationRefused where the database is
    otherwise not in a state to be migrated.
    """
    if known_status(conninfo).pending:
        from migrations.execution import upgrade_to

        run = Run(report, conninfo)
        _until_unlocked(partial(upgrade_to, run, HEAD), run)


def downgrade(
    conninfo: Mapping[str, str | int],
    revision: str,
    *,
    exported: "ArchiveExport | None" = None,
    report: Report = say_nothing,
) -> None:
    """To an earlier revision, or to `base`, which is none. Indexes first, and then the rest in one transaction.

    Archived jobs are dropped only if `exported` holds all of them.

    An app's own tables, and its functions and policies, are in the end as they were. Raises MigrationRefused where
    going down would lose rows, or where the database is not above that revision.
    """
    if revision not in ("base", *REVISIONS):
        raise InvalidValue(
            "revision", f"There is no revision {revision!r}.", hint=f"One of: base, {', '.join(REVISIONS)}."
        )
    current = known_status(conninfo).current
    if current is None:
        raise MigrationRefused("No migration has run on this database, so there is none to undo.")
    if revision != "base" and revision >= current:
        raise MigrationRefused(f"The database is at revision {current}; {revision} is not below it.")
    from migrations.execution import downgrade_to, downgraded_apart

    run = Run(
        report,
        conninfo,
        condition="0001/droppable.sql" if revision == "base" else None,
        exported_archive=exported.state if exported else "",
    )
    for target in _stops(current, revision, downgraded_apart()):
        _until_unlocked(partial(downgrade_to, run, target), run)


def export_archive(conninfo: Mapping[str, str | int], revision: str, file: "Path") -> "ArchiveExport":
    """Write the archive to a new file before `downgrade`. `migrations.archive_export` says what it raises."""
    from migrations.archive_export import export_archive

    return export_archive(conninfo, revision, file)


def _stops(current: str, revision: str, downgraded_apart: Sequence[str]) -> list[str]:
    """Where going down commits."""
    below = [REVISIONS[REVISIONS.index(apart) - 1] for apart in downgraded_apart if apart <= current]
    return [*(stop for stop in below if revision == "base" or stop > revision), revision]


def pending_sql(conninfo: Mapping[str, str | int] | None) -> str:
    """What `upgrade` would run on this database, or on an empty one; empty where nothing is pending.

    Raises SchemaDiffers as `upgrade` would. Where an index is built concurrently it is for psql.
    """
    current, found = None, Origin.NOTHING
    if conninfo is not None:
        current = known_status(conninfo).current
        found = _origin(conninfo)
    if current == HEAD:
        return ""
    from migrations.execution import render

    return render(found, current)


def cautions_up(conninfo: Mapping[str, str | int]) -> list[str]:
    """What a person has to know before `upgrade`, in sentences; none where nothing of it is pending."""
    from migrations.warnings import upgrade_warnings

    return upgrade_warnings(conninfo)


def cautions_down(conninfo: Mapping[str, str | int], revision: str) -> list[str]:
    """What `downgrade` loses, in sentences."""
    from migrations.warnings import downgrade_warnings

    return downgrade_warnings(conninfo, revision)


def verify(conninfo: Mapping[str, str | int]) -> "Verification":
    """Compares the schema with what its revision promises, from the catalogue alone. Changes nothing.

    Raises SchemaMissing for a revision that only a newer program knows.
    """
    from migrations.verification import verify

    return verify(conninfo)


def check_rollups(conninfo: Mapping[str, str | int], *, report: Report = say_nothing) -> "RollupCheck":
    """Compares the sums beside the jobs with what counting gives, in one snapshot. Changes nothing.

    Raises SchemaMissing where none are kept.
    """
    from migrations.rollups import check

    return check(conninfo, report)


def rebuild_rollups(conninfo: Mapping[str, str | int], *, report: Report = say_nothing) -> None:
    """Counts the jobs anew in place of the kept sums, while others write. `migrations.rollups` says what it raises."""
    from migrations.rollups import rebuild

    rebuild(conninfo, report)


def _origin(conninfo: Mapping[str, str | int]) -> Origin:
    from migrations.verification import origin, require_app_schema

    with connect(conninfo) as connection:
        try:
            connection.read_only = True
            found = origin(connection)
            if found is Origin.APP:
                require_app_schema(connection)
        except psycopg.Error as error:
            raise translate_migrating(error) from error
    return found


def _until_unlocked(attempt: Callable[[], None], run: Run) -> None:
    for left in reversed(range(ATTEMPTS)):
        try:
            attempt()
        except (Locked, Conflict) as error:
            if not left:
                kept = (
                    "what was said to be done is kept, and no more was done"
                    if run.has_changed
                    else "nothing was changed"
                )
                raise Locked(
                    f"Other sessions use the tables, or another migration is running: {kept}.",
                    hint="Try again when they are done.",
                    sqlstate=error.sqlstate,
                ) from error
            why = "Another migration is running" if isinstance(error, AnotherRun) else "The tables are in use"
            run.report(f"{why}. Trying again.")
            time.sleep(PAUSE_SECONDS)
        else:
            return
