"""Upgrades, removals, new columns, and the SQL of pending revisions. They try again while tables are in use."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from gjobs.migrations import HEAD
from gjobs.migrations.connection import AnotherRun, MigrationRefused, connect
from gjobs.migrations.progress import Origin, Report, Run, say_nothing
from gjobs.migrations.status import known_status
from gjobs.store.capabilities.capability import EARLIER_BUILD
from gjobs.store.errors import Conflict, Locked

if TYPE_CHECKING:
    from pathlib import Path

    from gjobs.migrations.exports import ArchiveExport

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

    Archived jobs are dropped only if `exported` holds all of them. Raises MigrationRefused if workers hold jobs, or if
    archived jobs or objects that gjobs did not create would be lost. Raises it if there is nothing to remove, too.
    """
    if known_status(conninfo).current is None:
        raise MigrationRefused("No migration has run on this database, so there is nothing to remove.")
    from gjobs.migrations.execution import remove_all

    run = Run(report, conninfo, condition="removable", exported_archive=exported.state if exported else "")
    _until_unlocked(partial(remove_all, run), run)


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

    with connect(conninfo, read_only=True) as connection:
        found = origin(connection)
        if found is Origin.APP:
            require_app_schema(connection)
        return render(found, current, connection)


def add_columns(conninfo: Mapping[str, str | int], lacking: list[str], *, report: Report = say_nothing) -> None:
    """Add these columns to the app's table, to which they belong from then on: `remove` leaves them.

    Raises Locked if the table stays in use. Raises MigrationRefused if a column has another type.
    """
    from gjobs.migrations.columns import add_columns

    run = Run(report, conninfo)
    _until_unlocked(partial(add_columns, run, lacking), run)


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
