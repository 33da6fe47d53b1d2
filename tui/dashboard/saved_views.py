"""Show, save and remove views."""

from typing import TYPE_CHECKING

from gjobs.store.configuration.saved_views import View, read_name
from gjobs.store.errors import Conflict, InvalidValue, StoreError
from gjobs.tui.dashboard.dialogs.dialog import ConfirmDialog
from gjobs.tui.dashboard.dialogs.form import TextPrompt
from gjobs.tui.dashboard.message_board import show_message
from gjobs.tui.text.clean_text import clean
from gjobs.tui.text.error_text import error_message
from gjobs.tui.text.write_text import Confirmation

if TYPE_CHECKING:
    from gjobs.tui.dashboard.action_host import ActionHost


def show_view(host: "ActionHost", view: View) -> None:
    host.dashboard.jobs.show_view(view)


async def save_view(host: "ActionHost") -> None:
    """Save the filter and order in force. To replace another view, the user must confirm its name."""
    jobs = host.dashboard.jobs
    text, order = jobs.filter_text, jobs.order
    asked: list[View] = []

    async def submit(typed: str) -> View:
        try:
            view = View(name=read_name(typed), text=text, order=order)
        except ValueError as error:
            raise InvalidValue("view", f"The name {error}.") from None
        other = host.views.another(view)
        if other is not None and other.name in host.views.removable and other not in asked:
            asked.append(other)
            raise Conflict(
                f"The view {view.name!r} already exists. Its filter is “{clean(other.text, limit=80)}”.",
                hint="Save again to replace it.",
            )
        host.views.save(view, replaces=other)
        return view

    prompt = TextPrompt(
        title="Save this view",
        lines=(clean(text, limit=200),),
        label="Name",
        agree="Save",
        placeholder="For example: stuck overnight",
        submit=submit,
    )
    prompt.help_topic = "views"
    view = await host.app.push_screen_wait(prompt)
    if view is not None:
        jobs.show_title()
        show_message(host.app, f"Saved the view {clean(view.name)}. The command palette lists it.")


async def remove_view(host: "ActionHost", view: View) -> None:
    question = Confirmation(
        title="Remove this view?",
        lines=(clean(view.name), clean(view.text, limit=200)),
        warning=None,
        agree="Remove",
        is_dangerous=True,
    )
    dialog = ConfirmDialog(question)
    dialog.help_topic = "views"
    if not await host.app.push_screen_wait(dialog):
        return
    try:
        host.views.remove(view)
    except StoreError as error:
        show_message(host.app, error_message(error))
        return
    host.dashboard.jobs.show_title()
    show_message(host.app, f"Removed the view {clean(view.name)}.")
