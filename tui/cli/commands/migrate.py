"""gjobs migrate: status, up, down, sql, repair-rollups."""

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from gjobs.migrations import REVISIONS
from gjobs.store.configuration.settings import Settings
from gjobs.store.database.write_access import WriteMode
from gjobs.store.errors import ReadOnly
from gjobs.tui.cli import json_documents
from gjobs.tui.cli.command import ActorRule, Command
from gjobs.tui.cli.commands.migrate_target import (
    NO_REVISION,
    MigrationTarget,
    chosen_database,
    journalled,
    journalled_recount,
)
from gjobs.tui.cli.commands.migrate_verify import verify_schema
from gjobs.tui.cli.exit_codes import ExitCode
from gjobs.tui.cli.interruption import orderly_termination
from gjobs.tui.cli.output import Output, print_message, require_yes, say_block
from gjobs.tui.cli.parser import add_command, add_commands

if TYPE_CHECKING:
    from collections.abc import Callable

    from gjobs.migrations.archive_export import ArchiveExport
    from gjobs.migrations.status import MigrationStatus, RevisionHidden
    from gjobs.tui.cli.parser import Commands

BASE = NO_REVISION
"""The state before the first revision."""


def show_status(settings: Settings, output: Output) -> ExitCode:
    from gjobs.migrations.status import RevisionHidden, read_status

    with chosen_database(settings) as database:
        try:
            status = read_status(database.conninfo)
        except RevisionHidden as hidden:
            return _show_hidden(hidden, output)
    if output.json:
        output.document(json_documents.migration_status(status))
        return ExitCode.DONE
    from gjobs.tui.cli.text_tables import fields
    from gjobs.tui.text.clean_text import clean

    output.text(
        fields(
            {
                "database": clean(database.label),
                "current": clean(status.current or "-"),
                "head": status.head,
                "pending": ", ".join(status.pending) or "-",
                "managed": "yes" if status.managed else "no, because no migration has run here",
            }
        )
    )
    return ExitCode.DONE


def _show_hidden(hidden: "RevisionHidden", output: Output) -> ExitCode:
    """Print what is known about a database whose revision the login can't read."""
    from gjobs.migrations import HEAD

    if output.json:
        output.document({"current": None, "head": HEAD, "pending": None, "managed": True})
    print_message(f"{hidden.message} {hidden.hint}")
    return ExitCode.DONE


def up(settings: Settings, output: Output, *, yes: bool) -> ExitCode:
    from gjobs.migrations.runner import cautions_up, pending_sql, upgrade
    from gjobs.migrations.status import read_status

    _require_writable(settings)
    with chosen_database(settings) as database:
        before = read_status(database.conninfo)
        ask = not (yes or database.is_ours) and (sql := pending_sql(database.conninfo))
        if ask:
            _show(sql)
        if before.pending:
            _say_all(cautions_up(database.conninfo))
        if ask:
            _ask_to_run(database)
        kept = (
            journalled(settings, database, start=before.current, end=before.head) if before.pending else nullcontext()
        )
        with orderly_termination(json=output.json), database.alone, kept:
            upgrade(database.conninfo, report=print_message)
        return _done(read_status(database.conninfo), output)


def _show(sql: str) -> None:
    from gjobs.tui.text.clean_text import clean_block

    say_block(clean_block(sql))


def _say_all(sentences: list[str]) -> None:
    for sentence in sentences:
        print_message(sentence)


def _ask_to_run(database: MigrationTarget) -> None:
    from gjobs.tui.text.clean_text import clean

    require_yes(f"Run this SQL on {clean(database.label)}?", unchanged="Nothing was run.")


def down(
    settings: Settings, output: Output, *, revision: str, yes: bool, export_archive: Path | None = None
) -> ExitCode:
    from gjobs.migrations.runner import cautions_down, downgrade
    from gjobs.migrations.status import read_status

    _require_writable(settings)
    with chosen_database(settings) as database:
        before = read_status(database.conninfo)
        undone = _undone(before, revision)
        if undone:
            _say_all(cautions_down(database.conninfo, revision))
        if undone and not yes:
            _ask_to_undo(undone, database)
        exported = _export(database, revision, export_archive) if export_archive else None
        end = None if revision == BASE else revision
        kept = journalled(settings, database, start=before.current, end=end) if undone else nullcontext()
        with orderly_termination(json=output.json), database.alone, kept:
            downgrade(database.conninfo, revision, exported=exported, report=print_message)
        return _done(read_status(database.conninfo), output)


def _export(database: MigrationTarget, revision: str, file: Path) -> "ArchiveExport":
    from gjobs.migrations.runner import export_archive
    from gjobs.tui.text.clean_text import clean
    from gjobs.tui.text.format import jobs_count

    exported = export_archive(database.conninfo, revision, file)
    if exported.jobs:
        print_message(f"Exported {jobs_count(exported.jobs)} of the archive to {clean(str(file))}.")
    else:
        print_message("The archive is empty: no file was written.")
    return exported


def _undone(status: "MigrationStatus", revision: str) -> list[str]:
    """Return the revisions to undo, newest first. Empty if the database is not above the revision."""
    has_run = [known for known in REVISIONS if known not in status.pending] if status.managed else []
    return [known for known in reversed(has_run) if revision == BASE or known > revision]


def _ask_to_undo(undone: list[str], database: MigrationTarget) -> None:
    from gjobs.tui.text.clean_text import clean

    noun = "revision" if len(undone) == 1 else "revisions"
    require_yes(f"Undo {noun} {', '.join(undone)} on {clean(database.label)}?", unchanged="Nothing was undone.")


def repair_rollups(settings: Settings, output: Output, *, yes: bool) -> ExitCode:
    from gjobs.migrations.runner import rebuild_rollups

    _require_writable(settings)
    with chosen_database(settings) as database:
        if not yes:
            _ask_to_count(database)
        with orderly_termination(json=output.json), database.alone, journalled_recount(settings, database):
            rebuild_rollups(database.conninfo, report=print_message)
    if output.json:
        output.document({"rebuilt": True})
    print_message("The rollups match the jobs.")
    return ExitCode.DONE


def _ask_to_count(database: MigrationTarget) -> None:
    from gjobs.tui.text.clean_text import clean

    require_yes(f"Rebuild the rollups of {clean(database.label)}?", unchanged="Nothing was changed.")


def print_sql(settings: Settings, output: Output) -> ExitCode:
    from gjobs.migrations.runner import pending_sql

    with chosen_database(settings) as database:
        sql = pending_sql(database.conninfo)
    if output.json:
        output.document({"sql": sql})
    elif sql:
        output.text(sql.rstrip())
    if not sql:
        print_message("Nothing is pending.")
    return ExitCode.DONE


def _require_writable(settings: Settings) -> None:
    if settings.write_rule is WriteMode.CLOSED:
        raise ReadOnly("This session is read-only: nothing was changed.", hint="Leave --read-only out to migrate.")
    if settings.write_rule is WriteMode.PERMIT_REQUIRED and settings.write_reason is None:
        raise ReadOnly(
            "This database is read-only unless you give a reason. Nothing was changed.",
            hint="Add --write REASON to migrate it.",
        )


def _done(status: "MigrationStatus", output: Output) -> ExitCode:
    if output.json:
        output.document(json_documents.migration_status(status))
    print_message(f"The schema is at revision {status.current}." if status.current else "All revisions were undone.")
    return ExitCode.DONE


def add_migrate(commands: "Commands") -> None:
    group = add_command(
        commands, "migrate", None, help="show or change the schema's revision", example="gjobs migrate status"
    )
    migrate = add_commands(group, required=True)
    _add_readers(migrate)
    _add_writers(migrate)


def _add_readers(migrate: "Commands") -> None:
    add_command(
        migrate,
        "status",
        _command(show_status),
        help="show the schema's revision and the pending ones",
        example="gjobs migrate status --json",
    )
    verify_parser = add_command(
        migrate,
        "verify",
        _command(verify_schema),
        help="compare each object of the schema with its revision",
        example="gjobs migrate verify --all",
    )
    verify_parser.add_argument(
        "--all", action="store_true", dest="all_objects", help="also show the objects that match"
    )
    verify_parser.add_argument(
        "--rollups",
        action="store_true",
        help="compare the rollups with the jobs instead; reads all jobs in one snapshot",
    )


def _add_writers(migrate: "Commands") -> None:
    repair_parser = add_command(
        migrate,
        "repair-rollups",
        _command(repair_rollups),
        help="rebuild the rollups; other sessions can keep writing; asks first",
        example="gjobs migrate repair-rollups --write 'ticket 4711'",
    )
    repair_parser.add_argument("--yes", action="store_true", help="do not ask")
    up_parser = add_command(
        migrate,
        "up",
        _command(up),
        help="run the pending revisions; asks first unless the database is embedded",
        example="gjobs migrate up --profile production --write 'ticket 4711'",
    )
    up_parser.add_argument("--yes", action="store_true", help="do not show the SQL, and do not ask")
    down_parser = add_command(
        migrate,
        "down",
        _command(down),
        help="undo the revisions after REVISION; asks first; the app's own tables stay",
        example="gjobs migrate down 0001",
    )
    targets = [BASE, *REVISIONS[:-1]]
    down_parser.add_argument("revision", choices=targets, metavar="REVISION", help=f"one of {', '.join(targets)}")
    down_parser.add_argument("--yes", action="store_true", help="do not ask")
    down_parser.add_argument(
        "--export-archive",
        type=Path,
        metavar="FILE",
        help="first write archived jobs to this new file, one JSON line each; without this option, archived jobs block"
        " the downgrade",
    )
    add_command(
        migrate,
        "sql",
        _command(print_sql),
        help="print the SQL that 'up' would run, for psql",
        example="gjobs migrate sql > pending.sql",
    )


def _command(run: "Callable[..., ExitCode]") -> Command:
    return Command(run=run, actor_rule=ActorRule.OPERATOR_ONLY, ignores_app_variable=True)
