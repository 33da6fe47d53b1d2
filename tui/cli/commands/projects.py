"""gjobs projects and gjobs users."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gjobs.store.capabilities.capability import Capability
from gjobs.store.errors import command
from gjobs.store.projects.project import Project
from gjobs.store.users.actor import ActingUser, actor_name
from gjobs.store.values.formats import money
from gjobs.store.values.page_sizes import MAX_LIMIT
from gjobs.tui.cli import json_documents
from gjobs.tui.cli.command import ActorRule, Command, Group
from gjobs.tui.cli.options import TableColumn, argument
from gjobs.tui.cli.output import Output, UsageError, print_message

if TYPE_CHECKING:
    from gjobs.tui.session import Session


@Command(name="list", example="gjobs projects list --json")
async def list_projects(session: "Session", output: Output) -> None:
    """List the projects."""
    projects = await session.store.get_projects(limit=MAX_LIMIT)
    if output.json:
        output.document(json_documents.rows(projects))
        return
    _show(output, projects)
    if not projects:
        print_message(f"No projects. {command('projects create NAME')} creates one.")


@Command(name="create", example="gjobs projects create 'Autumn catalog' --as ada@example.com")
async def create_project(
    session: "Session",
    output: Output,
    *,
    name: str = argument(str, "NAME", "any text; two projects may have the same name"),
) -> None:
    """Create a project that belongs to the user of --as."""
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


def _show(output: Output, projects: Sequence[Project], *, keeps_ids: bool = False) -> None:
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


PROJECTS = Group(
    name="projects",
    help="list the projects, or create one",
    example="gjobs projects --json",
    usual="list",
    commands=[list_projects, create_project],
)


@Command(name="list", example="gjobs users list ana@", actor_rule=ActorRule.OPERATOR_UNLESS_ASKED)
async def list_users(
    session: "Session",
    output: Output,
    *,
    search: str = argument(str, "SEARCH", "a part of the e-mail, or the beginning of the id", nargs="?", default=""),
) -> None:
    """List the users, or those that match a search."""
    users = await session.store.get_users(search=search, limit=MAX_LIMIT)
    if missing := await session.store.actor_database.missing(Capability.USERS):
        print_message(f"Only users who own jobs or projects are listed, without their e-mails. {missing.reason}")
        if missing.hint:
            print_message(missing.hint)
    if output.json:
        output.document(json_documents.rows(users))
        return
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


USERS = Group(
    name="users",
    help="list the users that the operator sees",
    example="gjobs users ana@",
    usage="%(prog)s [OPTION ...] [list] [SEARCH]",
    usual="list",
    commands=[list_users],
)
