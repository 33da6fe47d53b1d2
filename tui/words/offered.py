"""Why something is not offered on this database, in the words for the place where one looks for it. Pure."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from store.actor import Actor
from store.capabilities import Feature
from tui.words.text import clean
from tui.words.toast import Toast

if TYPE_CHECKING:
    from store.capabilities import Capabilities

_FEATURES: Mapping[str, Feature] = {
    "start": Feature.CHANGING,
    "complete": Feature.CHANGING,
    "fail": Feature.CHANGING,
    "delete": Feature.DELETING,
    "retry": Feature.RETRYING,
    "create": Feature.CREATING,
    "new_project": Feature.CREATING_PROJECTS,
    "undo": Feature.CREATING,
    "budgets": Feature.BUDGETS,
    "set_budget": Feature.SETTING_BUDGETS,
    "archive": Feature.ARCHIVE,
    "restore": Feature.RESTORING,
    "clean_up": Feature.DELETING,
    "workers": Feature.WORKERS,
}
"""What each wish needs; others need nothing."""


def why_not(wish: str, capabilities: "Capabilities | None", actor: Actor) -> Toast | None:
    """None where the actor may, or where it is not known: then the database has the last word."""
    feature = _FEATURES.get(wish)
    if capabilities is None or feature is None:
        return None
    off = capabilities.off(feature, actor)
    return None if off is None else Toast(text=f"Not possible here: {clean(off.words, limit=400)}", severity="warning")


def remark_on_users(capabilities: "Capabilities | None") -> str:
    """For whoever picks a user: that none can be acted as, or that the e-mails are missing. Empty where all is well."""
    if capabilities is None:
        return ""
    if off := capabilities.off(Feature.ACTING):
        return off.words
    if off := capabilities.off(Feature.USERS):
        return f"Owners of jobs, without their e-mails: {off.words}"
    return ""
