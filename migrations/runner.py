"""The functions that commands and start-up call: upgrade, remove, verify."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import psycopg

from gjobs.migrations import HEAD
from gjobs.migrations.connection import AnotherRun, MigrationRefused, connect, translate_migrating
from gjobs.migrations.progress import Origin, Report, Run, say_nothing
from gjobs.migrations.status import known_status
from gjobs.store.capabilities.capability import EARLIER_BUILD
from gjobs.store.errors import Conflict, Locked

if TYPE_CHECKING:
    from pathlib import Path

    from gjobs.migrations.exports import ArchiveExport
    from gjobs.migrations.rollups import RollupCheck
    from gjobs.migrations.verification import Verification

ATTEMPTS = 4
PAUSE_SECONDS = 1.0
"""Between attempts, so that blocked sessions can run. An attempt waits two seconds for a lock."""


def upgrade(
    conninfo: Mapping[str, str | int], *, report: Report = say_nothing, exports_to: "Path | None" = None
) -> None:
    """Upgrade to the head. An app's own tables are taken over if they equal those of the first revision.

    All of it is one transaction, up to the first concurrent index build. The rest runs step by step; after an
    interruption, the next run continues. A database of the earlier build, at its last revision, is taken over. What
    that build keeps is first written to a file in the directory `exports_to`; None writes no file. The file is
    deleted again if nothing was changed.

    Raises Locked if the tables stay in use. Raises SchemaMissing if an administrator must create the schema `gjobs`
    first. Raises SchemaDiffers if the app's own tables differ. Raises MigrationRefused if the database can't be
    migrated for another reason.
    """
    status = known_status(conninfo)
    if status.pending:
        from gjobs.migrations.execution import upgrade_to

        file = None
        if status.current == EARLIER_BUILD and exports_to is not None:
            from gjobs.migrations.exports import export_earlier_build

            file = export_earlier_build(conninfo, exports_to)
            report(f"Wrote the events, archive, budgets, links and retention policies to {file}.")
        run = Run(report, conninfo)
        try:
            _until_unlocked(partial(upgrade_to, run, HEAD), run)
        except BaseException:
            if file is not None and not run.has_changed:
                file.unlink(missing_ok=True)
            raise


def remove(
    conninfo: Mapping[str, str | int], *, exported: "ArchiveExport | None" = None, report: Report = say_nothing
) -> None:
    """Remove everything of gjobs: its objects in one transaction, then its index. Everything of the app stays.

    Archived jobs are dropped only if `exported` holds all of them. Raises MigrationRefused if workers hold jobs, if
    archived jobs would be lost, or if there is nothing to remove.
    """
    if known_status(conninfo).current is None:
        raise MigrationRefused("No migration has run on this database, so there is nothing to remove.")
    from gjobs.migrations.execution import remove_all

    run = Run(report, conninfo, condition="removable", exported_archive=exported.state if exported else "")
    _until_unlocked(partial(remove_all, run), run)


def export_archive(conninfo: Mapping[str, str | int], file: "Path") -> "ArchiveExport":
    """Write the archive to a new file before `remove`. `gjobs.migrations.exports` lists the errors."""
    from gjobs.migrations.exports import export_archive

    return export_archive(conninfo, file)


def pending_sql(conninfo: Mapping[str, str | int] | None) -> str:
    """Return the SQL that `upgrade` would run on this database or an empty one. Empty if nothing is pending.

    Raises SchemaDiffers as `upgrade` would. SQL with a concurrent index build needs psql.
    """
    from gjobs.migrations.execution import render

    if conninfo is None:
        return render(Origin.NOTHING, None, None)
    current = known_status(conninfo).current
    if current == HEAD:
        return ""
    from gjobs.migrations.verification import origin, require_app_schema

    with connect(conninfo) as connection:
        try:
            connection.read_only = True
            found = origin(connection)
            if found is Origin.APP:
                require_app_schema(connection)
            return render(found, current, connection)
        except psycopg.Error as error:
            raise translate_migrating(error) from error


def summary(conninfo: Mapping[str, str | int], sql: str) -> list[str]:
    """Return sentences on the pending SQL of this database."""
    from gjobs.migrations.summary import summarize

    return summarize(conninfo, sql)


def cautions_up(conninfo: Mapping[str, str | int]) -> list[str]:
    """Return sentences that a person must know before `upgrade`. Empty if none concerns a pending revision."""
    from gjobs.migrations.warnings import upgrade_warnings

    return upgrade_warnings(conninfo)


def lacking_columns(conninfo: Mapping[str, str | int]) -> list[str]:
    """Return which of the specification's columns the app's table lacks. Raises SchemaMissing before `upgrade`."""
    from gjobs.migrations.columns import lacking_columns

    return lacking_columns(conninfo)


def columns_sql(lacking: list[str]) -> str:
    """Return the SQL that adds these columns, for psql."""
    from gjobs.migrations.columns import columns_sql

    return f"begin;\n\n{columns_sql(lacking)}commit;\n"


def add_columns(conninfo: Mapping[str, str | int], lacking: list[str], *, report: Report = say_nothing) -> None:
    """Add these columns to the app's table, to which they belong from then on: `remove` leaves them.

    Raises Locked if the table stays in use. Raises MigrationRefused if a column has another type.
    """
    from gjobs.migrations.columns import add_columns

    run = Run(report, conninfo)
    _until_unlocked(partial(add_columns, run, lacking), run)


def cautions_columns(conninfo: Mapping[str, str | int]) -> list[str]:
    """Return sentences that a person must know before `add_columns`."""
    from gjobs.migrations.warnings import columns_warnings

    return columns_warnings(conninfo)


def cautions_remove(conninfo: Mapping[str, str | int]) -> list[str]:
    """Return sentences on what `remove` loses."""
    from gjobs.migrations.warnings import removal_warnings

    return removal_warnings(conninfo)


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
