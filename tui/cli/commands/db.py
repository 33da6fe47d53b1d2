"""gjobs db: the embedded server."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gjobs.store.configuration.settings import WITHOUT_READ_ONLY, Settings, WriteMode
from gjobs.store.errors import ReadOnly, StoreError
from gjobs.store.values.page_sizes import MAX_LIMIT
from gjobs.tui.cli.arguments import YES
from gjobs.tui.cli.command import ActorRule, Command, Group
from gjobs.tui.cli.output import Declined, Output, print_message, require_terminal, require_yes
from gjobs.tui.cli.sessions import with_session

if TYPE_CHECKING:
    from gjobs.store.embedded.server import ServerStatus
    from gjobs.tui.session import Session


_command = partial(Command, actor_rule=ActorRule.OPERATOR_ONLY, embedded_only=True, reads_configuration=False)


@_command(name="url", example='psql "$(gjobs db url)"')
def print_url(settings: Settings, output: Output) -> None:
    """Print the embedded database's URI, and keep its server running."""
    status = _keep_up(settings.data_dir)
    if output.json:
        output.document(_document(status))
    elif status.uri is not None:
        output.text(status.uri)
    else:
        raise Declined("Another process stopped the embedded server.", hint="Try again.")


@_command(name="start", example="gjobs db start")
def start(settings: Settings, output: Output) -> None:
    """Start the embedded server, and keep it running until 'db stop'."""
    status = _keep_up(settings.data_dir)
    output.document(_document(status))


def _document(status: "ServerStatus") -> dict[str, object]:
    of_server = {"running": status.running, "url": status.uri, "data_dir": status.data_dir}
    return {**of_server, "version": status.version, "pid": status.pid}


def _keep_up(data_dir: Path) -> "ServerStatus":
    """Start, migrate and fill the server as needed. Keep it running until it is stopped."""
    import asyncio

    from gjobs.store.embedded.server import open_server, server_status
    from gjobs.tui.session import prepare

    with open_server(data_dir, report=print_message) as lease:
        asyncio.run(prepare(lease, print_message))
        lease.keep()
        status = server_status(data_dir)
    print_message("The embedded server runs until 'gjobs db stop'.")
    return status


@_command(name="stop", example="gjobs db stop")
def stop(settings: Settings, output: Output) -> None:
    """Stop the embedded server, even if it is in use."""
    from gjobs.store.embedded.server import server_status, stop_server

    was_running = stop_server(settings.data_dir, report=print_message)
    print_message("The embedded server is stopped." if was_running else "The embedded server was not running.")
    if output.json:
        output.document(_document(server_status(settings.data_dir)))


@_command(name="status", example="gjobs db status --json")
def show_status(settings: Settings, output: Output) -> None:
    """Show whether the embedded server runs, and where."""
    from gjobs.store.embedded.server import server_status

    status = server_status(settings.data_dir)
    if output.document(_document(status)):
        return
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


@_command(name="reset", example="gjobs db reset --yes")
def reset(settings: Settings, output: Output, *, yes: bool = YES) -> None:
    """Delete the embedded database with all its data; asks first.

    Raise ServerInUse and delete nothing while another process uses the server.
    """
    from gjobs.store.embedded.server import reset_server, server_status

    if settings.write_rule is WriteMode.CLOSED:
        raise ReadOnly("This session is read-only: nothing was deleted.", hint=WITHOUT_READ_ONLY)
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
        output.document(_document(server_status(settings.data_dir)))


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


DB = Group(
    name="db",
    help="start, stop, find or delete the embedded database",
    example="gjobs db status",
    commands=[print_url, start, stop, show_status, reset],
)
