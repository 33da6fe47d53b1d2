"""What keys do to the database: questions, writes, and what a person looks for.

A name of this package is imported when it is used: the first paint does not wait for what a key may do later.
"""

from typing import TYPE_CHECKING

from store.when_used import names_of

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
    from tui.actions.times import show_times

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
    "show_times",
    "tell_names",
    "tell_users",
    "weigh",
]

__getattr__ = names_of(
    __name__,
    {
        "all_matching": ("choose_all_matching",),
        "exact_count": ("count_exactly",),
        "filter_gate": ("weigh",),
        "filter_names": ("tell_users",),
        "id_search": ("lead_to",),
        "isolation": ("show_isolation",),
        "job_actions": ("JobActions",),
        "naming": ("tell_names",),
        "ordering": ("order_by",),
        "pickers": ("look_through_lens", "pick_eyes", "pick_project"),
        "project_actions": ("create_project",),
        "refusing": ("say_why_not",),
        "switching": ("pick_database",),
        "times": ("show_times",),
    },
)
