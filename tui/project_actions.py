"""Creating a project, which the web page could not."""

from typing import TYPE_CHECKING
from uuid import UUID

from store.actor import Operator
from store.model import Project
from tui.job_actions import Desk
from tui.pickers import pick_owner
from tui.screens.text_prompt import TextPrompt
from tui.text import clean

if TYPE_CHECKING:
    from store.store import Store
    from tui.app import GjobsApp


async def create_project(app: "GjobsApp", desk: Desk, operator: "Store") -> None:
    """A user's project is their own; the operator picks whose it is. The new project is then shown."""
    owner_id: UUID | None = None
    if isinstance(desk.store.actor, Operator):
        owner_id = await pick_owner(app, operator)
        if owner_id is None:
            return
    created: list[Project] = []

    async def submit(name: str) -> None:
        created.append(await desk.store.create_project(name, owner_id=owner_id))

    await app.push_screen_wait(
        TextPrompt(
            title="New project",
            lines=(f"Database: {desk.database}",),
            label="Name",
            agree="Create",
            placeholder="Such as: Autumn catalog",
            submit=submit,
        )
    )
    for project in created:
        app.notify(f"Created the project {clean(project.name, limit=60)}.", markup=False)
        app.dashboard.choose_project(project.id)
