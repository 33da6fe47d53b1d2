"""`gjobs migrate`: the schema of the chosen database. The database is always named before it is changed."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from migrations import REVISIONS
from store.errors import ReadOnly
from store.settings import EmbeddedTarget, Settings, UrlTarget
from tui.cli import jsonable
from tui.cli.command import Command, Eyes
from tui.cli.confirm import require_yes
from tui.cli.exit_codes import ExitCode
from tui.cli.output import Output, say, say_block
from tui.cli.parser import add_command, add_commands

if TYPE_CHECKING:
    from collections.abc import Callable

    from migrations.status import MigrationStatus
    from tui.cli.parser import Commands

BASE = "base"
"""Below the first revision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    conninfo: Mapping[str, str | int]
    label: str
    is_ours: bool
    """The embedded one, which every command migrates by itself."""
    alone: AbstractContextManager[None]
    """Inside, no other command of ours migrates it."""


def add_migrate(commands: "Commands") -> None:
    group = add_command(
        commands, "migrate", None, help="see or change which revision the schema is at", example="gjobs migrate status"
    )
    migrate = add_commands(group, required=True)
    add_command(
        migrate,
        "status",
        _command(show_status),
        help="show the schema's revision, and what is pending",
        example="gjobs migrate status --json",
    )
    up_parser = add_command(
        migrate,
        "up",
        _command(up),
        help="run what is pending; asks unless the database is embedded",
        example="gjobs migrate up --database-url postgresql://me@db.example.com/app",
    )
    up_parser.add_argument("--yes", action="store_true", help="do not show the SQL, and do not ask")
    down_parser = add_command(
        migrate, "down", _command(down), help="undo what came after a revision; asks", example="gjobs migrate down 0001"
    )
    targets = [BASE, *REVISIONS[:-1]]
    down_parser.add_argument("revision", choices=targets, metavar="REVISION", help=f"one of {', '.join(targets)}")
    down_parser.add_argument("--yes", action="store_true", help="do not ask")
    add_command(
        migrate,
        "sql",
        _command(print_sql),
        help="print what 'up' would run",
        example="gjobs migrate sql > pending.sql",
    )


def _command(run: "Callable[..., ExitCode]") -> Command:
    return Command(run=run, eyes=Eyes.OPERATOR_ONLY)


@contextmanager
def _chosen(settings: Settings) -> Iterator[Database]:
    """Our own server is started, and not migrated as the other commands do: that is what these are about."""
    match settings.target:
        case EmbeddedTarget(data_dir=data_dir):
            from store.embedded import open_server

            with open_server(data_dir, report=say) as lease:
                yield Database(conninfo=lease.conninfo, label="embedded", is_ours=True, alone=lease.preparing())
        case UrlTarget(url=url):
            from store.connection_url import label, parse

            conninfo = parse(url)
            yield Database(conninfo=conninfo, label=label(conninfo), is_ours=False, alone=nullcontext())
        case _:
            assert_never(settings.target)


def show_status(settings: Settings, output: Output) -> ExitCode:
    from migrations import runner

    with _chosen(settings) as database:
        status = runner.status(database.conninfo)
    if output.json:
        output.document(jsonable.migration_status(status))
        return ExitCode.DONE
    from tui.cli.tables import fields
    from tui.text import clean

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
    with _chosen(settings) as database:
        sql = runner.sql(database.conninfo)
        if sql and not (yes or database.is_ours):
            _ask_for_sql(sql, database)
        with database.alone:
            runner.upgrade(database.conninfo, report=say)
        return _done(runner.status(database.conninfo), output)


def _ask_for_sql(sql: str, database: Database) -> None:
    from tui.text import clean, clean_block

    say_block(clean_block(sql))
    require_yes(f"Run this SQL on {clean(database.label)}?", unchanged="Nothing was run.")


def down(settings: Settings, output: Output, *, revision: str, yes: bool) -> ExitCode:
    from migrations import runner

    _require_writable(settings)
    with _chosen(settings) as database:
        undone = _undone(runner.status(database.conninfo), revision)
        if undone and not yes:
            _ask_to_undo(undone, database)
        with database.alone:
            runner.downgrade(database.conninfo, revision, report=say)
        return _done(runner.status(database.conninfo), output)


def _undone(status: "MigrationStatus", revision: str) -> list[str]:
    """The newest first; empty where the database is not above the revision."""
    has_run = [known for known in REVISIONS if known not in status.pending] if status.managed else []
    return [known for known in reversed(has_run) if revision == BASE or known > revision]


def _ask_to_undo(undone: list[str], database: Database) -> None:
    from tui.text import clean

    noun = "revision" if len(undone) == 1 else "revisions"
    require_yes(f"Undo {noun} {', '.join(undone)} on {clean(database.label)}?", unchanged="Nothing was undone.")


def print_sql(settings: Settings, output: Output) -> ExitCode:
    from migrations import runner

    with _chosen(settings) as database:
        sql = runner.sql(database.conninfo)
    if output.json:
        output.document({"sql": sql})
    elif sql:
        output.text(sql.rstrip())
    if not sql:
        say("Nothing is pending.")
    return ExitCode.DONE


def _require_writable(settings: Settings) -> None:
    if settings.read_only:
        raise ReadOnly("This session is read-only: nothing was changed.", hint="Leave --read-only out to migrate.")


def _done(status: "MigrationStatus", output: Output) -> ExitCode:
    if output.json:
        output.document(jsonable.migration_status(status))
    say(f"The schema is at revision {status.current}." if status.current else "No revision is left on this database.")
    return ExitCode.DONE
