"""Refusals and messages while the dashboard shows an earlier moment."""

from datetime import datetime
from typing import TYPE_CHECKING

from gjobs.store.moments.moment import WRITES_OFF
from gjobs.tui.dashboard.bindings import key_of
from gjobs.tui.dashboard.widgets.message_board import drop_message

if TYPE_CHECKING:
    from gjobs.store.configuration.settings import WriteAccess
    from gjobs.tui.dashboard.widgets.message_board import MessageApp


ONLY_PRESENT = "This shows only the present."
"""Why an action is refused while an earlier moment is shown."""

_OWNER = "moment"


def suspend_writes(
    app: "MessageApp[int]", access: "WriteAccess", moment: datetime | None, *, is_filtered: bool
) -> None:
    """Refuse writes of the whole session while an earlier moment is shown. Without a moment, allow them again and
    remove the messages of refused keys.
    """
    if moment is None:
        access.resume()
        app.messages.unpin(_OWNER)
        for refusal in (WRITES_OFF, ONLY_PRESENT):
            drop_message(app, refusal)
        return
    access.suspend(WRITES_OFF, hint=f"Press {key_of(app, 'list.clear')} to return.")
    show_moment_keys(app, is_filtered=is_filtered)


def show_moment_keys(app: "MessageApp[int]", *, is_filtered: bool) -> None:
    """Show the keys that step through time. If a filter is set, the key that returns to the present clears the filter
    first.
    """
    steps = ((f"app.{way}_{unit}" for way in ("earlier", "later")) for unit in ("event", "minute", "hour"))
    event, minute, hour = (" ".join(key_of(app, one) for one in pair) for pair in steps)
    time, zone = (key_of(app, one) for one in ("app.moment", "app.zone"))
    caption = f"{event} event · {minute} minute · {hour} hour · {time} time · {zone} zone"
    leaving = f"{key_of(app, 'list.clear')}: {'clear the filter' if is_filtered else 'present'}"
    app.messages.pin(caption, owner=_OWNER, keys=leaving)
