"""Why something is not offered on this database, in the words for the place where one looks for it."""

from collections.abc import Mapping
from typing import Any

from textual.app import App

from store.actor import Actor, Operator
from store.capabilities import Capabilities, Feature
from tui.desk import Desk
from tui.outcomes import Toast
from tui.say import say
from tui.text import clean

_FEATURES: Mapping[str, Feature] = {
    "start": Feature.CHANGING,
    "complete": Feature.CHANGING,
    "fail": Feature.CHANGING,
    "delete": Feature.DELETING,
    "create": Feature.CREATING,
    "new_project": Feature.CREATING_PROJECTS,
}
"""What each wish needs; others need nothing."""


def why_not(wish: str, capabilities: Capabilities | None, actor: Actor) -> Toast | None:
    """None where the actor may, or where it is not known: then the database has the last word."""
    feature = _FEATURES.get(wish)
    if capabilities is None or feature is None:
        return None
    off = capabilities.off(feature, actor)
    return None if off is None else Toast(text=f"Not possible here: {clean(off.words, limit=400)}", severity="warning")


async def say_why_not(app: App[Any], desk: Desk, wish: str) -> None:
    """Asks the database anew: whoever was told what to grant comes back with the same key."""
    await desk.store.probed.renew_if_possible()
    reason = why_not(wish, desk.store.probed.latest, desk.store.actor)
    say(app, reason or Toast(text="It has been granted meanwhile: press the key again."))


def remark_on_users(capabilities: Capabilities | None) -> str:
    """For whoever picks a user: that none can be acted as, or that the e-mails are missing. Empty where all is well."""
    if capabilities is None:
        return ""
    if off := capabilities.off(Feature.ACTING):
        return off.words
    if off := capabilities.off(Feature.USERS):
        return f"Owners of jobs, without their e-mails: {off.words}"
    return ""


def caution(capabilities: Capabilities | None, actor: Actor | None) -> str:
    """What must be known to read the screen rightly; empty where it shows all that there is."""
    if capabilities is None or actor is None:
        return ""
    sentences = []
    if isinstance(actor, Operator) and (off := capabilities.sees_less):
        sentences.append(f"{off.reason} 'gjobs doctor' says what helps.")
    if not capabilities.off(Feature.JOBS, actor) and (off := capabilities.off(Feature.PROJECTS, actor)):
        sentences.append(f"Projects are known by their jobs alone. {off.words}")
    return " ".join(sentences)
