"""What keys do to the database: questions, writes, and what a person looks for.

A name of this package is imported when it is used: the first paint does not wait for what a key may do later.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.actions.all_matching import choose_all_matching
    from tui.actions.exact_count import count_exactly
    from tui.actions.filter_gate import weigh
    from tui.actions.filter_names import tell_users
    from tui.actions.id_search import lead_to
    from tui.actions.isolation import show_isolation
    from tui.actions.job_actions import JobActions
    from tui.actions.naming import tell_names
    from tui.actions.ordering import order_by
    from tui.actions.pickers import look_through_lens, pick_eyes, pick_project
    from tui.actions.project_actions import create_project
    from tui.actions.refusing import say_why_not
    from tui.actions.switching import pick_database

_HOMES = {
    "JobActions": "job_actions",
    "choose_all_matching": "all_matching",
    "count_exactly": "exact_count",
    "create_project": "project_actions",
    "lead_to": "id_search",
    "look_through_lens": "pickers",
    "order_by": "ordering",
    "pick_database": "switching",
    "pick_eyes": "pickers",
    "pick_project": "pickers",
    "say_why_not": "refusing",
    "show_isolation": "isolation",
    "tell_names": "naming",
    "tell_users": "filter_names",
    "weigh": "filter_gate",
}

__all__ = [
    "JobActions",
    "choose_all_matching",
    "count_exactly",
    "create_project",
    "lead_to",
    "look_through_lens",
    "order_by",
    "pick_database",
    "pick_eyes",
    "pick_project",
    "say_why_not",
    "show_isolation",
    "tell_names",
    "tell_users",
    "weigh",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
