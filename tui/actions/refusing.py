"""Says why a key does nothing here."""

from typing import TYPE_CHECKING, Any

from tui.say import say
from tui.words.offered import why_not
from tui.words.outcomes import Toast

if TYPE_CHECKING:
    from textual.app import App

    from tui.actions.desk import Desk


async def say_why_not(app: "App[Any]", desk: "Desk", wish: str) -> None:
    """Asks the database anew: whoever was told what to grant comes back with the same key."""
    await desk.store.probed.renew_if_possible()
    reason = why_not(wish, desk.store.probed.latest, desk.store.actor)
    say(app, reason or Toast(text="It has been granted meanwhile: press the key again."))
