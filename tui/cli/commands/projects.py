"""gjobs projects and gjobs users."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gjobs.store.capabilities.capability import Capability
from gjobs.store.errors import command
from gjobs.store.projects.project import Project
from gjobs.store.users.actor import ActingUser, actor_name
from gjobs.store.values.page_sizes import MAX_LIMIT
from gjobs.tui.cli import json_documents
from gjobs.tui.cli.command import ActorRule, Command
from gjobs.tui.cli.output import ExitCode, Output, UsageError, print_message
from gjobs.tui.cli.parser import add_command, add_commands
from gjobs.tui.cli.sessions import in_session

if TYPE_CHECKING:
    from gjobs.tui.cli.parser import Commands
    from gjobs.tui.session import Session


def add_projects(commands: "Commands") -> None:
    group = add_command(
        commands, "projects", None, help="list the projects, or create one", example="gjobs projects --json"
    )
    projects = add_commands(group, usual="list")
    add_command(
        projects,
        "list",
        Command(run=list_projects),
        help="list the projects",
        example="gjobs projects list --json",
    )
    create = add_command(
        projects,
        "create",
        Command(run=create_project),
        help="create a project that belongs to the user of --as",
        example="gjobs projects create 'Autumn catalog' --as ada@example.com",
    )
    create.add_argument("name", metavar="NAME", help="any text; two projects may have the same name")


@in_session
async def list_projects(session: "Session", output: Output) -> ExitCode:
    projects = await session.store.get_projects(limit=MAX_LIMIT)
    if output.json:
        output.document(json_documents.rows(projects))
        return ExitCode.DONE
    _show(output, projects)
    if not projects:
        print_message(f"No projects. {command('projects create NAME')} creates one.")
    return ExitCode.DONE


@in_session
async def create_project(session: "Session", output: Output, *, name: str) -> ExitCode:
    if not isinstance(session.store.actor, ActingUser):
        raise UsageError(
            f"A project belongs to a user, but {actor_name(session.store.actor)} is not a user.",
            hint=f"Add --as EMAIL. {command('users')} lists the users.",
        )
    project = await session.store.create_project(name)
    if output.json:
        output.document(json_documents.row(project))
    else:
        _show(output, [project], keeps_ids=True)
    return ExitCode.DONE


def _show(output: Output, projects: Sequence[Project], *, keeps_ids: bool = False) -> None:
    from gjobs.store.values.formats import money
    from gjobs.tui.cli.text_tables import TableColumn
    from gjobs.tui.text.format import count, local_time

    columns = (
        TableColumn(title="ID", is_id=True),
        TableColumn(title="JOBS", right=True),
        TableColumn(title="COST", right=True),
        TableColumn(title="CREATED"),
        TableColumn(title="NAME", narrowest=10),
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
        keeps_ids=keeps_ids,
    )


def add_users(commands: "Commands") -> None:
    group = add_command(
        commands, "users", None, help="list the users that the operator sees", example="gjobs users ana@"
    )
    group.usage = "%(prog)s [OPTION ...] [list] [SEARCH]"
    listing = add_command(
        add_commands(group, usual="list"),
        "list",
        Command(run=list_users, actor_rule=ActorRule.OPERATOR_UNLESS_ASKED),
        help="list the users, or those that match a search",
        example="gjobs users list ana@",
    )
    listing.add_argument(
        "search", nargs="?", default="", metavar="SEARCH", help="a part of the e-mail, or the beginning of the id"
    )


@in_session
async def list_users(session: "Session", output: Output, *, search: str) -> ExitCode:
    users = await session.store.get_users(search=search, limit=MAX_LIMIT)
    if missing := await session.store.actor_database.missing(Capability.USERS):
        print_message(f"Only users who own jobs or projects are listed, without their e-mails. {missing.reason}")
        if missing.hint:
            print_message(missing.hint)
    if output.json:
        output.document(json_documents.rows(users))
        return ExitCode.DONE
    from gjobs.tui.cli.text_tables import TableColumn
    from gjobs.tui.text.format import count, local_time

    columns = (
        TableColumn(title="ID", is_id=True),
        TableColumn(title="JOBS", right=True),
        TableColumn(title="LAST JOB"),
        TableColumn(title="EMAIL", narrowest=10),
    )
    output.table(
        columns,
        [
            [
                str(user.id),
                count(user.job_count),
                local_time(user.last_job_at) if user.last_job_at else "-",
                user.email if user.email is not None else "-",
            ]
            for user in users
        ],
    )
    if not users:
        print_message("No users.")
    return ExitCode.DONE
