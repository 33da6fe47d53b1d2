"""What a person wants to be told of while they look elsewhere. Pure."""

from collections.abc import Collection
from dataclasses import dataclass

from store.configuration.table import Table
from store.suggestions import not_known

TERMINALS = ("kitty", "iTerm2", "WezTerm", "Ghostty", "foot", "rxvt-unicode")
"""That show a notification when they are asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notifications:
    view: str | None = None
    """Of the jobs that this view finds; None: of all."""
    bell: bool = False
    desktop: bool = False
    terminal: str | None = None
    """One of TERMINALS, where it cannot be known, as inside tmux; None: as the environment says."""


def read_notifications(table: Table, views: Collection[str]) -> Notifications:
    """A table that is there, be it empty, asks for them. `views` are those of the configuration."""
    view = table.text("view")
    if view is not None and view not in views:
        clause = not_known(view, views) if views else "no view is configured"
        table.complain(f"names no view of [views]: {clause}", "view")
    notifications = Notifications(
        view=view,
        bell=table.flag("bell") or False,
        desktop=table.flag("desktop") or False,
        terminal=table.one_of("terminal", TERMINALS),
    )
    table.end()
    return notifications
