"""All keys, as remapped; the manual page for each screen."""

from collections.abc import Iterable, Iterator
from functools import cache
from importlib import import_module
from itertools import chain
from typing import Any

from textual import actions
from textual.app import App
from textual.binding import Binding
from textual.screen import Screen
from textual.widget import Widget

from gjobs.tui.dashboard.actions.background_tasks import modules
from gjobs.tui.dashboard.bindings import APP_BINDINGS, inherited_bindings, own_bindings, shown_keys
from gjobs.tui.dashboard.frame.palette import hidden_keys
from gjobs.tui.dashboard.help.manual_dialog import HelpEntry
from gjobs.tui.dashboard.list.filter_bar import FilterField
from gjobs.tui.dashboard.panels.screen import DashboardScreen
from gjobs.tui.dashboard.presenter import Presenter
from gjobs.tui.dashboard.widgets.widgets import ClosesOnce

GROUPS = {
    "job": "The job under the cursor, or the marked jobs",
    "jobs": "Job table",
    "list": "Filter and order",
    "numbers": "Counts",
    "find": "Find field",
    "project": "Projects",
    "projects": "Project list",
    "demo": "The demo",
    "app": "gjobs",
    "details": "Job details",
    "dialog": "Dialogs",
    "confirm": "Confirmations",
    "progress": "During a write",
    "quit": "Quitting during a write",
    "mode": "Mode of a new job",
    "export": "Export",
    "case": "Case",
    "pick": "Pick lists",
    "acting": "Acting as",
    "isolation": "Isolation check",
    "sql": "SQL",
    "times": "Times",
    "errors": "Errors",
    "waste": "Waste",
    "budgets": "Budgets",
    "archive": "Archived jobs",
    "workers": "Workers",
    "presenter": "Presenter view",
    "messages": "Messages",
    "help": "Manual",
}
"""Titles by the first part of a binding id."""


@cache
def owners() -> list[type[Widget]]:
    """Return the widgets and screens that declare keys, in the order of GROUPS. The presenter view of a demo declares
    only keys of its app, so it is left out.
    """
    for name in modules():
        import_module(name)
    groups = {kind: group for kind in _below(Widget) if (group := _group_of(kind)) not in ("", "demo")}
    order = list(GROUPS)
    return sorted(groups, key=lambda kind: (order.index(groups[kind]), kind.__name__))


def _below(kind: type[Widget]) -> Iterator[type[Widget]]:
    for below in kind.__subclasses__():
        yield below
        yield from _below(below)


def _group_of(kind: type[Widget]) -> str:
    """Return the group of the first key that the class declares. Empty if there is none."""
    return next((binding.id.partition(".")[0] for binding in own_bindings(kind) if binding.id), "")


def topic_of(screen: Screen[Any]) -> str:
    """Return the page of the focused filter, or else of the screen."""
    if isinstance(screen.focused, FilterField):
        return "filters"
    if isinstance(screen, ClosesOnce):
        return screen.help_topic
    return "visibility" if isinstance(screen, DashboardScreen) and screen.listing_query.with_visibility else "tour"


_PLACES = {"demo": -2, "dialog": 1, "app": 2}
"""Groups listed above or below those of the screen itself. What only a demo has comes first."""
_FOCUSED = -1


def all_entries(app: App[Any]) -> list[HelpEntry]:
    return _entries(app, chain(chain.from_iterable(map(own_bindings, owners())), APP_BINDINGS, _of_a_demo(app)))


def _of_a_demo(app: App[Any]) -> Iterator[Binding]:
    """Yield the keys that only the app of a demo has."""
    return (binding for binding in inherited_bindings(type(app)) if (binding.id or "").startswith("demo."))


def screen_entries(screen: Screen[Any]) -> list[HelpEntry]:
    """Return the keys that work on the screen, without those that a read-only session refuses.

    The find field takes nearly all keys as characters.
    """
    is_typing = isinstance(screen.focused, FilterField)
    nodes = [node for node in (screen, *screen.walk_children()) if isinstance(node, FilterField) is is_typing]
    kinds = [kind for kind in owners() if any(isinstance(node, kind) for node in nodes)]
    of_app = (
        one for one in APP_BINDINGS if one.priority or (one.id == "app.help" if is_typing else not screen.is_modal)
    )
    is_on_stage = isinstance(screen, Presenter) or not (screen.is_modal or is_typing)
    is_possible = screen.app.check_action
    of_demo = (one for one in _of_a_demo(screen.app) if is_on_stage and is_possible(*actions.parse(one.action)[1:]))
    entries = _entries(screen.app, chain(chain.from_iterable(map(own_bindings, kinds)), of_demo, of_app))
    hidden = hidden_keys(screen, [entry.binding_id for entry in entries])
    entries = [entry for entry in entries if entry.binding_id not in hidden]
    of_focused = own_bindings(type(screen.focused)) if screen.focused is not None else ()
    focused = {(one.id or "").partition(".")[0] for one in of_focused}

    def place(entry: HelpEntry) -> int:
        group, _, _ = entry.binding_id.partition(".")
        # The keys of a project act on the focused list of projects.
        return _FOCUSED if group in focused or f"{group}s" in focused else _PLACES.get(group, 0)

    return sorted(entries, key=place)


def _entries(app: App[Any], bindings: Iterable[Binding]) -> list[HelpEntry]:
    """Return the entries in the order of the groups."""
    listed: dict[str, Binding] = {}
    for binding in bindings:
        if binding.id:
            # If a screen also has a key of the app, the key is listed with the app's keys.
            listed.pop(binding.id, None)
            listed[binding.id] = binding
    of_demo = {key for binding in _of_a_demo(app) for key in shown_keys(app, binding)}

    def keys(binding: Binding, name: str) -> str:
        taken = of_demo if name.startswith("app.") else ()
        return " ".join(key for key in shown_keys(app, binding) if key not in taken)

    return [
        HelpEntry(group=title, keys=keys(binding, name), what=binding.tooltip, binding_id=name)
        for group, title in GROUPS.items()
        for name, binding in listed.items()
        if name.partition(".")[0] == group
    ]
