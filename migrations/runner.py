"""The functions that commands and start-up call: upgrade, downgrade, verify."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import psycopg

from gjobs.migrations import HEAD, REVISIONS
from gjobs.migrations.connection import AnotherRun, MigrationRefused, connect, translate_migrating
from gjobs.migrations.progress import Origin, Report, Run, say_nothing
from gjobs.migrations.status import known_status
from gjobs.store.errors import Conflict, InvalidValue, Locked

if TYPE_CHECKING:
    from pathlib import Path

    from gjobs.migrations.archive_export import ArchiveExport
    from gjobs.migrations.rollups import RollupCheck
    from gjobs.migrations.verification import Verification

ATTEMPTS = 4
PAUSE_SECONDS = 1.0
"""Between attempts, so that blocked sessions can run. An attempt waits two seconds for a lock."""


def upgrade(conninfo: Mapping[str, str | int], *, report: Report = say_nothing) -> None:
    """Upgrade to the head. An app's own tables are taken over if they equal those of the first revision.

    All of it is one transaction, up to the first concurrent index build. The rest runs step by step; after an
    interruption, the next run continues.

    Raises Locked if the tables stay in use. Raises SchemaMissing if an administrator must create the schema `gjobs`
    first. Raises SchemaDiffers if the app's own tables differ. Raises MigrationRefused if the database can't be
    migrated for another reason.
    """
    if known_status(conninfo).pending:
        from gjobs.migrations.execution import upgrade_to

        run = Run(report, conninfo)
        _until_unlocked(partial(upgrade_to, run, HEAD), run)


def downgrade(
    conninfo: Mapping[str, str | int],
    revision: str,
    *,
    exported: "ArchiveExport | None" = None,
    report: Report = say_nothing,
) -> None:
    """Downgrade to an earlier revision, or undo all revisions with `base`. Indexes come first, then the rest in one
    transaction.

    Archived jobs are dropped only if `exported` holds all of them.

    In the end, an app's own tables, functions and policies are as they were. Raises MigrationRefused if the downgrade
    would lose rows, or if the database is not above that revision.
    """
    if revision not in ("base", *REVISIONS):
        raise InvalidValue(
            "revision", f"There is no revision {revision!r}.", hint=f"Use one of: base, {', '.join(REVISIONS)}."
        )
    current = known_status(conninfo).current
    if current is None:
        raise MigrationRefused("No migration has run on this database, so there is none to undo.")
    if revision != "base" and revision >= current:
        raise MigrationRefused(f"The database is at revision {current}, and {revision} is not an earlier one.")
    from gjobs.migrations.execution import downgrade_to, downgraded_apart

    run = Run(
        report,
        conninfo,
        condition="0001/droppable.sql" if revision == "base" else None,
        exported_archive=exported.state if exported else "",
        unrecorded=REVISIONS[REVISIONS.index(current) + 1 :],
        goal="" if revision == "base" else revision,
    )
    for target in _stops(current, revision, downgraded_apart(run.goal)):
        _until_unlocked(partial(downgrade_to, run, target), run)


def export_archive(conninfo: Mapping[str, str | int], revision: str, file: "Path") -> "ArchiveExport":
    """Write the archive to a new file before `downgrade`. `gjobs.migrations.archive_export` lists the errors."""
    from gjobs.migrations.archive_export import export_archive

    return export_archive(conninfo, revision, file)


def _stops(current: str, revision: str, downgraded_apart: Sequence[str]) -> list[str]:
    """Return the revisions at which a downgrade commits."""
    below = [REVISIONS[REVISIONS.index(apart) - 1] for apart in downgraded_apart if apart <= current]
    return [*(stop for stop in below if revision == "base" or stop > revision), revision]


def pending_sql(conninfo: Mapping[str, str | int] | None) -> str:
    """Return the SQL that `upgrade` would run on this database or an empty one. Empty if nothing is pending.

    Raises SchemaDiffers as `upgrade` would. SQL with a concurrent index build needs psql.
    """
    current, found = None, Origin.NOTHING
    if conninfo is not None:
        current = known_status(conninfo).current
        found = _origin(conninfo)
    if current == HEAD:
        return ""
    from gjobs.migrations.execution import render

    return render(found, current)


def cautions_up(conninfo: Mapping[str, str | int]) -> list[str]:
    """Return sentences that a person must know before `upgrade`. Empty if none concerns a pending revision."""
    from gjobs.migrations.warnings import upgrade_warnings

    return upgrade_warnings(conninfo)


def cautions_down(conninfo: Mapping[str, str | int], revision: str) -> list[str]:
    """Return sentences on what `downgrade` loses."""
    from gjobs.migrations.warnings import downgrade_warnings

    return downgrade_warnings(conninfo, revision)


def verify(conninfo: Mapping[str, str | int]) -> "Verification":
    """Compare the schema with its revision, from the catalogue alone. Changes nothing.

    Raises SchemaMissing for a revision that only a newer program knows.
    """
    from gjobs.migrations.verification import verify

    return verify(conninfo)


def check_rollups(conninfo: Mapping[str, str | int], *, report: Report = say_nothing) -> "RollupCheck":
    """Compare the rollups with counts, in one snapshot. Changes nothing.

    Raises SchemaMissing without rollups.
    """
    from gjobs.migrations.rollups import check

    return check(conninfo, report)


def rebuild_rollups(conninfo: Mapping[str, str | int], *, report: Report = say_nothing) -> None:
    """Count the jobs again and replace the rollups, while others write. `gjobs.migrations.rollups` lists the errors."""
    from gjobs.migrations.rollups import rebuild

    rebuild(conninfo, report)


def _origin(conninfo: Mapping[str, str | int]) -> Origin:
    from gjobs.migrations.verification import origin, require_app_schema

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
                    "the steps reported above are kept, and nothing else was changed"
                    if run.has_changed
                    else "nothing was changed"
                )
                raise Locked(
                    f"Other sessions use the tables, or another migration is running; {kept}.",
                    hint="Try again when they have finished.",
                    sqlstate=error.sqlstate,
                ) from error
            why = "Another migration is running" if isinstance(error, AnotherRun) else "The tables are in use"
            run.report(f"{why}. Trying again.")
            time.sleep(PAUSE_SECONDS)
        else:
            return
