"""Ask for a moment, and step through time."""

from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from gjobs.store.errors import InvalidValue, StoreError
from gjobs.store.jobs.job_results import parse_moment
from gjobs.store.moments.past_store import past_store
from gjobs.store.store import Store
from gjobs.tui.dashboard.actions.action_host import ActionHost
from gjobs.tui.dashboard.bindings import Key, key_of
from gjobs.tui.dashboard.dialogs.form import TextPrompt
from gjobs.tui.dashboard.panels.footer import ONLY_PRESENT
from gjobs.tui.dashboard.widgets.message_board import show_message, show_warning
from gjobs.tui.text.error_text import Message, error_message

USUAL_AGE = timedelta(hours=1)
"""How long ago the suggested moment is."""

PRESENT: Final = "now"
"""The word that returns to the present."""

STEPS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1)}


class MomentDialog(TextPrompt[datetime | Literal["now"]]):
    """Asks for a moment, and stays open until it is known that its state was recorded."""

    help_topic = "time"
    sending_verb = "Checking"
    closed_words = "The moment is not shown, because its form was closed."
    empty_words = "Type a time."

    def __init__(self, host: ActionHost, store: Store) -> None:
        self._store = store
        self._clock = host.poller.clock
        shown = host.dashboard.listing_query.moment
        suggested = (shown or host.dashboard.now - USUAL_AGE).astimezone(host.dashboard.zone.zone)
        label = "Time (UTC if it has no offset), or how long ago, such as 2h"
        super().__init__(
            title="Show an earlier moment",
            lines=("All jobs and numbers are shown as they were. Writes are off until you return.",),
            label=f"{label}; or {PRESENT}" if shown else label,
            agree="Show",
            value=suggested.isoformat(sep=" ", timespec="auto" if shown else "seconds"),
            submit=self.check,
        )

    async def check(self, typed: str) -> datetime | Literal["now"]:
        """Return the moment. Raise a StoreError if its state was not recorded."""
        typed = typed.strip()
        if typed.casefold() == PRESENT:
            return PRESENT
        moment = parse_moment(typed, now=self._clock())
        await past_store(self._store, moment).check()
        return moment


async def ask_moment(host: ActionHost, store: Store) -> None:
    shown = host.dashboard.listing_query.moment
    chosen = await host.push_screen_wait(MomentDialog(host, store))
    if chosen is not None and host.poller.store is store and (chosen != PRESENT or shown is not None):
        host.show_moment(None if chosen == PRESENT else chosen)


async def step_moment(host: ActionHost, unit: str, *, is_later: bool) -> None:
    """Go to the previous or next event, or move the shown moment by a minute or an hour."""
    store, shown = host.poller.store, host.dashboard.listing_query.moment
    if store is None:
        return
    if shown is None and is_later:
        show_message(host, "This is the present. There is no later moment.")
        return
    base = shown or host.dashboard.now
    try:
        moment = await _find_step(store, base, host.dashboard.listed.project_id, unit, is_later=is_later)
    except StoreError as error:
        is_unknown = isinstance(error, InvalidValue)
        show_message(host, Message(text=error.message, severity="warning") if is_unknown else error_message(error))
        return
    if host.poller.store is store and host.dashboard.listing_query.moment == shown:
        if moment is None:
            show_warning(host, f"There is no {'later' if is_later else 'earlier'} event.")
        else:
            host.show_moment(moment)


async def _find_step(
    store: Store, base: datetime, project_id: UUID | None, unit: str, *, is_later: bool
) -> datetime | None:
    if unit == "event":
        return await past_store(store, base).event_beside(project_id, is_later=is_later)
    moment = base + STEPS[unit] * (1 if is_later else -1)
    await past_store(store, moment).check()
    return moment


def refuse_in_past(host: ActionHost, refused: Key) -> bool:
    """Return whether an earlier moment is shown. Then say that the key works only in the present."""
    if host.dashboard.listing_query.moment is None:
        return False
    key = key_of(host, "list.clear")
    what = refused.description.lower()
    show_warning(host, f"{ONLY_PRESENT} {what}. Press {key} to return to the present first.")
    return True
