"""`gjobs projects` and `gjobs projects create`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from store.actor import Operator
from store.model import Project
from tui.cli import jsonable
from tui.cli.command import Command
from tui.cli.errors import UsageError
from tui.cli.exit_codes import ExitCode
from tui.cli.lookup import MOST_ROWS
from tui.cli.output import Output, say
from tui.cli.parser import add_command, add_commands
from tui.cli.sessions import in_session

if TYPE_CHECKING:
    from tui.cli.parser import Commands
    from tui.session import Session


def add_projects(commands: "Commands") -> None:
    group = add_command(
        commands,
        "projects",
        Command(run=list_projects),
        help="list the projects, or create one",
        example="gjobs projects --json",
    )
    create = add_command(
        add_commands(group, required=False),
        "create",
        Command(run=create_project),
        help="create a project of the user who is acted as",
        example="gjobs projects create 'Autumn catalog' --as ada@example.com",
    )
    create.add_argument("name", metavar="NAME", help="need not be unique")


@in_session
async def list_projects(session: "Session", output: Output) -> ExitCode:
    projects = await session.store.get_projects(limit=MOST_ROWS)
    if output.json:
        output.document(jsonable.rows(projects))
        return ExitCode.DONE
    _show(output, projects)
    if not projects:
        say("No projects. 'gjobs projects create NAME' makes one.")
    return ExitCode.DONE


@in_session
async def create_project(session: "Session", output: Output, *, name: str) -> ExitCode:
    if isinstance(session.store.actor, Operator):
        raise UsageError(
            "A project belongs to a user, and the operator is none.",
            hint="Give the owner: --as EMAIL. 'gjobs users' lists them.",
        )
    project = await session.store.create_project(name)
    if output.json:
        output.document(jsonable.row(project))
    else:
        _show(output, [project])
    return ExitCode.DONE


def _show(output: Output, projects: Sequence[Project]) -> None:
    from tui.cli.tables import Column
    from tui.words.format import count, local_time, money

    columns = (
        Column(title="ID"),
        Column(title="JOBS", right=True),
        Column(title="COST", right=True),
        Column(title="CREATED"),
        Column(title="NAME", narrowest=10),
    )
    output.table(
        columns,
        [
            [
                str(project.id),
                count(project.job_count),
                money(project.total_cost_cents),
                local_time(project.created_at),
                project.name,
            ]
            for project in projects
        ],
    )
