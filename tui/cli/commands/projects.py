"""gjobs projects and gjobs users."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gjobs.store.capabilities.capability import Capability
from gjobs.store.errors import command
from gjobs.store.jobs.job import Project, User
from gjobs.store.users.actor import ActingUser, actor_name
from gjobs.store.values.formats import money
from gjobs.store.values.page_sizes import MAX_LIMIT
from gjobs.tui.cli.command import ActorRule, Command, Group, argument
from gjobs.tui.cli.output import Output, UsageError, print_message

if TYPE_CHECKING:
    from gjobs.tui.session import Session


@Command(name="list", example="gjobs projects list --json")
async def list_projects(session: "Session", output: Output) -> None:
    """List the projects."""
    projects = await session.store.get_projects(limit=MAX_LIMIT)
    if output.document(projects):
        return
    _show_projects(output, projects)
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
    if not output.document(project):
        _show_projects(output, [project], keeps_ids=True)


def _show_projects(output: Output, projects: Sequence[Project], *, keeps_ids: bool = False) -> None:
    from gjobs.tui.text.format import Column, count, id_text, local_time

    columns: Sequence[Column[Project]] = (
        Column("ID", lambda project: id_text(project.id), is_id=True),
        Column("JOBS", lambda project: count(project.job_count), right=True),
        Column("COST", lambda project: money(project.total_cost_cents), right=True),
        Column("CREATED", lambda project: local_time(project.created_at)),
        Column("NAME", lambda project: project.name, least=10),
    )
    output.table(columns, projects, keeps_ids=keeps_ids)


PROJECTS = Group(
    name="projects",
    help="list the projects, or create one",
    example="gjobs projects --json",
    default="list",
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
        words = f"Only users who own jobs or projects are listed, without their e-mails. {missing.reason}"
        print_message(words, missing.hint)
    if output.document(users):
        return
    from gjobs.tui.text.format import Column, count, id_text, local_time

    columns: Sequence[Column[User]] = (
        Column("ID", lambda user: id_text(user.id), is_id=True),
        Column("JOBS", lambda user: count(user.job_count), right=True),
        Column("LAST JOB", lambda user: local_time(user.last_job_at) if user.last_job_at else "-"),
        Column("EMAIL", lambda user: "-" if user.email is None else user.email, least=10),
    )
    output.table(columns, users)
    if not users:
        print_message("No users.")


USERS = Group(
    name="users",
    help="list the users that the operator sees",
    example="gjobs users ana@",
    usage="%(prog)s [OPTION ...] [list] [SEARCH]",
    default="list",
    commands=[list_users],
)
