"""Creating a project, which the web page could not."""

from typing import TYPE_CHECKING
from uuid import UUID

from store.actor import Operator
from store.model import Project
from tui.actions.desk import Desk
from tui.actions.pickers import pick_owner
from tui.say import say
from tui.screens.text_prompt import TextPrompt
from tui.words.confirmations import where
from tui.words.text import clean
from tui.words.toast import Toast

if TYPE_CHECKING:
    from tui.app import GjobsApp


async def create_project(app: "GjobsApp", desk: Desk) -> None:
    """A user's project is their own; the operator picks whose it is. The new project is then shown."""
    owner_id: UUID | None = None
    if isinstance(desk.store.actor, Operator):
        owner_id = await pick_owner(app, desk.operator)
        if owner_id is None:
            return

    async def submit(name: str) -> Project:
        return await desk.certainty.of(desk.store.create_project(name, owner_id=owner_id))

    prompt = TextPrompt(
        title="New project",
        lines=(where(desk.database),),
        label="Name",
        agree="Create",
        placeholder="Such as: Autumn catalog",
        submit=submit,
    )
    project = await app.push_screen_wait(prompt)
    if project is not None:
        say(app, Toast(text=f"Created the project {clean(project.name, limit=60)}."))
        app.dashboard.choose_project(project.id)
