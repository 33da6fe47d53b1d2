"""Ask for a moment, and step through time."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, Static

from gjobs.store.errors import InvalidValue, StoreError
from gjobs.store.moments.moment import parse_moment
from gjobs.store.moments.past_store import past_store
from gjobs.tui.dashboard.bindings import DASHBOARD_BINDINGS, key_of
from gjobs.tui.dashboard.dialogs.form import FieldProblem, FormDialog
from gjobs.tui.dashboard.session.past_session import ONLY_PRESENT
from gjobs.tui.dashboard.widgets.message_board import show_message, show_warning
from gjobs.tui.dashboard.widgets.widgets import TextField
from gjobs.tui.text.error_text import Message, error_message

if TYPE_CHECKING:
    from gjobs.store.store import Store
    from gjobs.tui.dashboard.actions.action_host import ActionHost


USUAL_AGE = timedelta(hours=1)
"""How long ago the suggested moment is."""

PRESENT = "now"
"""The word that returns to the present."""

STEPS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenMoment:
    at: datetime | None
    """None for the present."""


class MomentDialog(FormDialog[ChosenMoment]):
    """Asks for a moment, and stays open until it is known that its state was recorded."""

    help_topic = "time"
    sending_verb = "Checking"
    closed_words = "The moment is not shown, because its form was closed."

    def __init__(
        self, *, suggested: str, submit: Callable[[str], Coroutine[None, None, ChosenMoment]], is_past: bool
    ) -> None:
        """`suggested` is a time that can be edited. `is_past` is whether an earlier moment is shown now."""
        super().__init__()
        self._suggested = suggested
        self._submit = submit
        self._is_past = is_past

    def compose(self) -> ComposeResult:
        with self.box("Show an earlier moment"):
            lines = "All jobs and numbers are shown as they were. Writes are off until you return."
            yield Static(Content(lines), markup=False)
            label = "Time (UTC if it has no offset), or how long ago, such as 2h"
            yield Static(f"{label}; or {PRESENT}" if self._is_past else label, classes="label", markup=False)
            yield TextField(value=self._suggested, id="time")
            yield FieldProblem(id="problem")
            yield self.buttons(agree="Show (enter)")

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    def read(self) -> Coroutine[None, None, ChosenMoment] | None:
        typed = self.query_one(Input).value.strip()
        if typed:
            return self._submit(typed)
        self.complain("time", "Type a time.")
        return None


async def ask_moment(host: "ActionHost") -> None:
    """Ask for a moment and show it."""
    store, dashboard = host.poller.store, host.dashboard
    if store is None:
        show_warning(host.app, "Not connected to a database yet.")
        return
    shown = dashboard.listing_query.moment

    async def check(typed: str) -> ChosenMoment:
        if typed.casefold() == PRESENT:
            return ChosenMoment(at=None)
        moment = parse_moment(typed, now=host.poller.clock())
        await past_store(store, moment).check()
        return ChosenMoment(at=moment)

    suggested = (shown or dashboard.now - USUAL_AGE).astimezone(dashboard.zone.zone)
    text = suggested.isoformat(sep=" ", timespec="auto" if shown else "seconds")
    chosen = await host.app.push_screen_wait(MomentDialog(suggested=text, submit=check, is_past=shown is not None))
    if chosen is None or host.poller.store is not store:
        return
    if chosen.at is not None or shown is not None:
        host.show_moment(chosen.at)


async def step_moment(host: "ActionHost", unit: str, *, is_later: bool) -> None:
    """Go to the previous or next event, or move the shown moment by a minute or an hour."""
    store, shown = host.poller.store, host.dashboard.listing_query.moment
    if store is None:
        return
    if shown is None and is_later:
        show_message(host.app, "This is the present. There is no later moment.")
        return
    base = shown or host.dashboard.now
    try:
        moment = await _stepped(store, base, host.dashboard.listed.project_id, unit, is_later=is_later)
    except StoreError as error:
        show_message(host.app, _no_step(error))
        return
    if host.poller.store is store and host.dashboard.listing_query.moment == shown:
        if moment is None:
            show_warning(host.app, f"There is no {'later' if is_later else 'earlier'} event.")
        else:
            host.show_moment(moment)


def _no_step(error: StoreError) -> Message:
    return Message(text=error.message, severity="warning") if isinstance(error, InvalidValue) else error_message(error)


async def _stepped(
    store: "Store", base: datetime, project_id: UUID | None, unit: str, *, is_later: bool
) -> datetime | None:
    if unit == "event":
        return await past_store(store, base).event_beside(project_id, is_later=is_later)
    moment = base + STEPS[unit] * (1 if is_later else -1)
    await past_store(store, moment).check()
    return moment


def refuse_in_past(host: "ActionHost") -> bool:
    """Return whether an earlier moment is shown. Then say that the action shows only the present."""
    if host.dashboard.listing_query.moment is None:
        return False
    key = key_of(host.app, DASHBOARD_BINDINGS, "list.clear")
    show_warning(host.app, f"{ONLY_PRESENT} Press {key} to return to the present first.")
    return True
