"""Pick or create a project."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from gjobs.store.formats import money
from gjobs.store.job_list.listing import ProjectName
from gjobs.store.projects.project import Project
from gjobs.store.statistics.totals import ProjectTotals
from gjobs.store.users.actor import ANON, Operator
from gjobs.tui.dashboard.action_context import ActionContext
from gjobs.tui.dashboard.dialogs.form import TextPrompt
from gjobs.tui.dashboard.dialogs.pick import Choice, PickDialog
from gjobs.tui.dashboard.keys.bindings import APP_BINDINGS, key_of
from gjobs.tui.dashboard.message_board import show_message, show_warning
from gjobs.tui.dashboard.navigation import id_choices, id_of, open_by_id
from gjobs.tui.dashboard.users.acting_user import pick_owner
from gjobs.tui.text.clean_text import clean
from gjobs.tui.text.error_text import Message
from gjobs.tui.text.format import jobs_count
from gjobs.tui.text.write_text import where

if TYPE_CHECKING:
    from gjobs.tui.dashboard.action_host import ActionHost

_ALL = "all"


async def pick_project(host: "ActionHost", projects: Sequence[ProjectName]) -> None:
    chosen = host.dashboard.listed.project_id
    everything = Choice(key=_ALL, label="All projects", detail="")
    totals = host.dashboard.project_totals
    choices = [everything, *(_project_choice(project, totals) for project in projects)]
    dialog = PickDialog(
        title="Show which project?",
        choices=choices,
        chosen=str(chosen or _ALL),
        placeholder="Type part of the name, or paste an id",
        beside=id_choices,
    )
    picked = await host.app.push_screen_wait(dialog)
    if picked is None:
        return
    if (text := id_of(picked)) is not None:
        await open_by_id(host, text)
    else:
        host.dashboard.choose_project(None if picked == _ALL else UUID(picked))


def _project_choice(project: ProjectName, totals: Mapping[UUID, ProjectTotals]) -> Choice:
    """Return the choice. Projects without jobs are missing among known totals."""
    of_project = totals.get(project.id)
    without = jobs_count(0) if totals else ""
    return Choice(
        key=str(project.id),
        label=project.name,
        detail=f"{jobs_count(of_project.job_count)}, {money(of_project.total_cost_cents)}" if of_project else without,
        identifier=project.id,
    )


async def create_project(host: "ActionHost", context: ActionContext) -> None:
    """Create a project and show it. A user owns their project. The operator picks the owner."""
    if context.store.actor == ANON:
        key = key_of(host.app, APP_BINDINGS, "app.user")
        show_warning(host.app, f"A project needs an owner. Press {key} to act as a user.")
        return
    owner_id: UUID | None = None
    if isinstance(context.store.actor, Operator):
        owner_id = await pick_owner(host, context.operator)
        if owner_id is None:
            return

    async def submit(name: str) -> Project:
        creating = context.resolver.resolve(context.store.create_project(name, owner_id=owner_id))
        return await host.tasks.noted(creating, _created)

    prompt = TextPrompt(
        title="New project",
        lines=(where(context.database),),
        label="Name",
        agree="Create",
        placeholder="For example: Autumn catalog",
        submit=submit,
    )
    project = await host.app.push_screen_wait(prompt)
    if project is not None:
        show_message(host.app, _created(project))
        host.dashboard.jobs.add_created_project(project)
        host.dashboard.choose_project(project.id)


def _created(project: Project) -> Message:
    return Message(text=f"Created the project {clean(project.name, limit=60)}.")
