"""gjobs db: the embedded server."""

from typing import TYPE_CHECKING

from gjobs.store.configuration.settings import Settings, WriteMode
from gjobs.store.errors import ReadOnly, StoreError
from gjobs.store.values.page_sizes import MAX_LIMIT
from gjobs.tui.cli import json_documents
from gjobs.tui.cli.command import ActorRule, Command
from gjobs.tui.cli.output import Declined, ExitCode, Output, print_message, require_terminal, require_yes
from gjobs.tui.cli.parser import add_command, add_commands
from gjobs.tui.cli.sessions import with_session

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gjobs.store.embedded.server import ServerStatus
    from gjobs.tui.cli.parser import Commands
    from gjobs.tui.session import Session


def add_db(commands: "Commands") -> None:
    group = add_command(
        commands, "db", None, help="start, stop, find or delete the embedded database", example="gjobs db status"
    )
    db = add_commands(group, required=True)
    _add(
        db, "url", print_url, "print the embedded database's URI, and keep its server running", 'psql "$(gjobs db url)"'
    )
    _add(db, "start", start, "start the embedded server, and keep it running until 'db stop'", "gjobs db start")
    _add(db, "stop", stop, "stop the embedded server, even if it is in use", "gjobs db stop")
    _add(db, "status", show_status, "show whether the embedded server runs, and where", "gjobs db status --json")
    reset_parser = add_command(
        db,
        "reset",
        _command(reset),
        help="delete the embedded database with all its data; asks first",
        example="gjobs db reset --yes",
    )
    reset_parser.add_argument("--yes", action="store_true", help="do not ask")


def _add(db: "Commands", name: str, run: "Callable[[Settings, Output], ExitCode]", words: str, example: str) -> None:
    add_command(db, name, _command(run), help=words, example=example)


def _command(run: "Callable[..., ExitCode]") -> Command:
    return Command(run=run, actor_rule=ActorRule.OPERATOR_ONLY, embedded_only=True, reads_configuration=False)


def print_url(settings: Settings, output: Output) -> ExitCode:
    status = _keep_up(settings.data_dir)
    if output.json:
        output.document(json_documents.server_status(status))
    elif status.uri is not None:
        output.text(status.uri)
    else:
        raise Declined("Another process stopped the embedded server.", hint="Try again.")
    return ExitCode.DONE


def start(settings: Settings, output: Output) -> ExitCode:
    status = _keep_up(settings.data_dir)
    if output.json:
        output.document(json_documents.server_status(status))
    return ExitCode.DONE


def _keep_up(data_dir: "Path") -> "ServerStatus":
    """Start, migrate and fill the server as needed. Keep it running until it is stopped."""
    import asyncio

    from gjobs.store.embedded.server import keep_server, open_server
    from gjobs.tui.session import prepare

    with open_server(data_dir, report=print_message) as lease:
        asyncio.run(prepare(lease, print_message))
        status = keep_server(data_dir, report=print_message)
    print_message("The embedded server runs until 'gjobs db stop'.")
    return status


def stop(settings: Settings, output: Output) -> ExitCode:
    from gjobs.store.embedded.server import server_status, stop_server

    was_running = stop_server(settings.data_dir, report=print_message)
    print_message("The embedded server is stopped." if was_running else "The embedded server was not running.")
    if output.json:
        output.document(json_documents.server_status(server_status(settings.data_dir)))
    return ExitCode.DONE


def show_status(settings: Settings, output: Output) -> ExitCode:
    from gjobs.store.embedded.server import server_status

    status = server_status(settings.data_dir)
    if output.json:
        output.document(json_documents.server_status(status))
        return ExitCode.DONE
    from gjobs.tui.cli.text_tables import fields
    from gjobs.tui.text.clean_text import clean

    state = "running" if status.running else "stopped"
    output.text(
        fields(
            {
                "server": f"{state}, kept up" if status.kept else state,
                "url": clean(status.uri or "-"),
                "data directory": clean(str(status.data_dir)),
                "PostgreSQL": status.version or "-",
                "process": "-" if status.pid is None else str(status.pid),
            }
        )
    )
    return ExitCode.DONE


def reset(settings: Settings, output: Output, *, yes: bool) -> ExitCode:
    """Raise ServerInUse and delete nothing while another process uses the server."""
    from gjobs.store.embedded.server import reset_server, server_status

    if settings.write_rule is WriteMode.CLOSED:
        raise ReadOnly("This session is read-only: nothing was deleted.")
    status = server_status(settings.data_dir)
    is_there = status.version is not None
    if is_there and not yes:
        require_terminal()
        require_yes(_question(settings, status), unchanged="Nothing was deleted.")
    reset_server(settings.data_dir, report=print_message)
    print_message(
        "The embedded database is deleted." if is_there else "There is no embedded database: nothing was deleted."
    )
    if output.json:
        output.document(json_documents.server_status(server_status(settings.data_dir)))
    return ExitCode.DONE


def _question(settings: Settings, status: "ServerStatus") -> str:
    from gjobs.tui.text.clean_text import clean

    contents = _contents(settings) if status.running else "all its projects and jobs"
    return (
        f"Delete the embedded database in {clean(str(status.data_dir))}?\nThis deletes {contents}. It cannot be undone."
    )


def _contents(settings: Settings) -> str:
    """Return how much the database holds. Errors are ignored, because a broken database must still be deletable."""

    async def ask(session: "Session") -> tuple[int, int]:
        projects = await session.operator.get_projects(limit=MAX_LIMIT)
        return len(projects), sum(project.job_count for project in projects)

    try:
        projects, jobs = with_session(settings, ask)
    except StoreError:
        return "all its projects and jobs"
    return f"{projects:,} {'project' if projects == 1 else 'projects'} and {jobs:,} {'job' if jobs == 1 else 'jobs'}"
