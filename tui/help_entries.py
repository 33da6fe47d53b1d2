"""The keys of the dashboard in the groups of the help."""

from collections.abc import Sequence

from tui.bound_actions import BoundAction
from tui.screens.help import HelpEntry

_GROUPS = {
    "job": "The job under the cursor, or the marked ones",
    "jobs": "The table",
    "list": "What is listed",
    "project": "Projects",
    "app": "gjobs",
}
"""By the first part of a binding's id."""


def help_entries(actions: Sequence[BoundAction]) -> list[HelpEntry]:
    return [
        HelpEntry(group=title, keys=action.keys, what=action.what)
        for group, title in _GROUPS.items()
        for action in actions
        if action.binding_id.partition(".")[0] == group
    ]
