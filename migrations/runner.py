"""What commands and the embedded database's start call. Alembic is imported only where a revision has to run.

`conninfo` holds libpq's parameters by name. `report` receives sentences for people.
"""

import time
from collections.abc import Callable, Mapping

from migrations import HEAD, REVISIONS
from migrations.errors import MigrationRefused
from migrations.status import MigrationStatus, known_status, status
from store.errors import Conflict, InvalidValue, Locked

__all__ = ["MigrationRefused", "MigrationStatus", "downgrade", "sql", "status", "upgrade"]

Report = Callable[[str], None]

ATTEMPTS = 4
PAUSE_SECONDS = 1.0
"""Between attempts, for those whom the attempt kept waiting. An attempt itself waits two seconds for a lock."""


def _say_nothing(_: str) -> None:
    pass


def upgrade(conninfo: Mapping[str, str | int], *, report: Report = _say_nothing) -> None:
    """To the head, in one transaction: all of it or nothing.

    Raises Locked where the tables stay in use, SchemaMissing where the schema `gjobs` has to be made by an
    administrator first, MigrationRefused where the database is not in a state to be migrated.
    """
    if known_status(conninfo).pending:
        from migrations.execution import upgrade_to

        _until_unlocked(lambda: upgrade_to(conninfo, HEAD, report), report)


def downgrade(conninfo: Mapping[str, str | int], revision: str, *, report: Report = _say_nothing) -> None:
    """To an earlier revision, or to `base`, which is none; in one transaction.

    Raises MigrationRefused where that would lose rows, or where the database is not above that revision.
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
    from migrations.execution import downgrade_to

    _until_unlocked(lambda: downgrade_to(conninfo, revision, report), report)


def sql(conninfo: Mapping[str, str | int] | None) -> str:
    """What `upgrade` would run on this database, or on an empty one; empty where nothing is pending."""
    current = None if conninfo is None else known_status(conninfo).current
    if current == HEAD:
        return ""
    from migrations.execution import render

    return render(current)


def _until_unlocked(run: Callable[[], list[str]], report: Report) -> None:
    for left in reversed(range(ATTEMPTS)):
        try:
            steps = run()
        except (Locked, Conflict) as error:
            if not left:
                raise Locked(
                    "Other sessions use the tables, or another migration is running: nothing was changed.",
                    hint="Try again when they are done.",
                    sqlstate=error.sqlstate,
                ) from error
            report("The tables are in use. Trying again.")
            time.sleep(PAUSE_SECONDS)
        else:
            for step in steps:
                report(step)
            return
