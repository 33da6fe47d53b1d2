"""`gjobs migrate status`, `up`, `down`, `sql` and `repair-rollups`."""

from contextlib import nullcontext
from typing import TYPE_CHECKING

from migrations import REVISIONS
from store.errors import ReadOnly
from store.settings import Settings
from store.writing.write_access import WriteRule
from tui.cli import jsonable
from tui.cli.commands.migrate.chosen import Database, chosen_database
from tui.cli.commands.migrate.journalled import NO_REVISION, journalled, journalled_recount
from tui.cli.confirm import require_yes
from tui.cli.exit_codes import ExitCode
from tui.cli.output import Output, say, say_block
from tui.cli.signals import orderly_termination

if TYPE_CHECKING:
    from migrations.status import MigrationStatus

BASE = NO_REVISION
"""Below the first revision."""


def show_status(settings: Settings, output: Output) -> ExitCode:
    from migrations import runner

    with chosen_database(settings) as database:
        status = runner.status(database.conninfo)
    if output.json:
        output.document(jsonable.migration_status(status))
        return ExitCode.DONE
    from tui.cli.tables import fields
    from tui.words.text import clean

    output.text(
        fields(
            {
                "database": clean(database.label),
                "current": clean(status.current or "-"),
                "head": status.head,
                "pending": ", ".join(status.pending) or "-",
                "managed": "yes" if status.managed else "no: no migration has run here",
            }
        )
    )
    return ExitCode.DONE


def up(settings: Settings, output: Output, *, yes: bool) -> ExitCode:
    from migrations import runner

    _require_writable(settings)
    with chosen_database(settings) as database:
        before = runner.status(database.conninfo)
        ask = not (yes or database.is_ours) and (sql := runner.sql(database.conninfo))
        if ask:
            _show(sql)
        if before.pending:
            _say_all(runner.cautions_up(database.conninfo))
        if ask:
            _ask_to_run(database)
        kept = (
            journalled(settings, database, start=before.current, end=before.head) if before.pending else nullcontext()
        )
        with orderly_termination(), database.alone, kept:
            runner.upgrade(database.conninfo, report=say)
        return _done(runner.status(database.conninfo), output)


def _show(sql: str) -> None:
    from tui.words.text import clean_block

    say_block(clean_block(sql))


def _say_all(sentences: list[str]) -> None:
    for sentence in sentences:
        say(sentence)


def _ask_to_run(database: Database) -> None:
    from tui.words.text import clean

    require_yes(f"Run this SQL on {clean(database.label)}?", unchanged="Nothing was run.")


def down(settings: Settings, output: Output, *, revision: str, yes: bool) -> ExitCode:
    from migrations import runner

    _require_writable(settings)
    with chosen_database(settings) as database:
        before = runner.status(database.conninfo)
        undone = _undone(before, revision)
        if undone:
            _say_all(runner.cautions_down(database.conninfo, revision))
        if undone and not yes:
            _ask_to_undo(undone, database)
        end = None if revision == BASE else revision
        kept = journalled(settings, database, start=before.current, end=end) if undone else nullcontext()
        with orderly_termination(), database.alone, kept:
            runner.downgrade(database.conninfo, revision, report=say)
        return _done(runner.status(database.conninfo), output)


def _undone(status: "MigrationStatus", revision: str) -> list[str]:
    """The newest first; empty where the database is not above the revision."""
    has_run = [known for known in REVISIONS if known not in status.pending] if status.managed else []
    return [known for known in reversed(has_run) if revision == BASE or known > revision]


def _ask_to_undo(undone: list[str], database: Database) -> None:
    from tui.words.text import clean

    noun = "revision" if len(undone) == 1 else "revisions"
    require_yes(f"Undo {noun} {', '.join(undone)} on {clean(database.label)}?", unchanged="Nothing was undone.")


def repair_rollups(settings: Settings, output: Output, *, yes: bool) -> ExitCode:
    from migrations import runner

    _require_writable(settings)
    with chosen_database(settings) as database:
        if not yes:
            _ask_to_count(database)
        with orderly_termination(), database.alone, journalled_recount(settings, database):
            runner.rebuild_rollups(database.conninfo, report=say)
    if output.json:
        output.document({"rebuilt": True})
    say("The sums are what counting the jobs gives.")
    return ExitCode.DONE


def _ask_to_count(database: Database) -> None:
    from tui.words.text import clean

    require_yes(f"Count the jobs of {clean(database.label)} anew?", unchanged="Nothing was changed.")


def print_sql(settings: Settings, output: Output) -> ExitCode:
    from migrations import runner

    with chosen_database(settings) as database:
        sql = runner.sql(database.conninfo)
    if output.json:
        output.document({"sql": sql})
    elif sql:
        output.text(sql.rstrip())
    if not sql:
        say("Nothing is pending.")
    return ExitCode.DONE


def _require_writable(settings: Settings) -> None:
    if settings.write_rule is WriteRule.CLOSED:
        raise ReadOnly("This session is read-only: nothing was changed.", hint="Leave --read-only out to migrate.")
    if settings.write_rule is WriteRule.LEASED and settings.write_reason is None:
        raise ReadOnly(
            "This database is read-only unless a reason is given: nothing was changed.",
            hint="Give --write REASON to migrate it.",
        )


def _done(status: "MigrationStatus", output: Output) -> ExitCode:
    if output.json:
        output.document(jsonable.migration_status(status))
    say(f"The schema is at revision {status.current}." if status.current else "No revision is left on this database.")
    return ExitCode.DONE
