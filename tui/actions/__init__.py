"""What keys do to the database: questions, writes, and what a person looks for.

A name of this package is imported when it is used: the first paint does not wait for what a key may do later.
"""

from typing import TYPE_CHECKING

from store.when_used import names_of

if TYPE_CHECKING:
    from tui.actions.all_matching import choose_all_matching
    from tui.actions.archive import show_archive
    from tui.actions.budgets import show_budgets
    from tui.actions.cleaning import clean_up
    from tui.actions.copying import copy_ids, copy_whole_json
    from tui.actions.desk import desk_for
    from tui.actions.exact_count import count_exactly
    from tui.actions.filter_gate import weigh
    from tui.actions.filter_names import tell_users
    from tui.actions.gone_user import GoneUser
    from tui.actions.id_search import lead_to
    from tui.actions.isolation import show_isolation
    from tui.actions.job_actions import JobActions
    from tui.actions.naming import tell_names
    from tui.actions.ordering import order_by
    from tui.actions.pace import step_interval, tell_load
    from tui.actions.pickers import look_through_lens, pick_eyes, pick_project
    from tui.actions.project_actions import create_project
    from tui.actions.result import result_of
    from tui.actions.switching import pick_database
    from tui.actions.telling_history import tell_history
    from tui.actions.times import show_times
    from tui.actions.views import read_views
    from tui.actions.workers import show_workers

__all__ = [
    "GoneUser",
    "JobActions",
    "choose_all_matching",
    "clean_up",
    "copy_ids",
    "copy_whole_json",
    "count_exactly",
    "create_project",
    "desk_for",
    "lead_to",
    "look_through_lens",
    "order_by",
    "pick_database",
    "pick_eyes",
    "pick_project",
    "read_views",
    "result_of",
    "show_archive",
    "show_budgets",
    "show_isolation",
    "show_times",
    "show_workers",
    "step_interval",
    "tell_history",
    "tell_load",
    "tell_names",
    "tell_users",
    "weigh",
]

__getattr__ = names_of(
    __name__,
    {
        "all_matching": ("choose_all_matching",),
        "archive": ("show_archive",),
        "budgets": ("show_budgets",),
        "cleaning": ("clean_up",),
        "copying": ("copy_ids", "copy_whole_json"),
        "desk": ("desk_for",),
        "exact_count": ("count_exactly",),
        "filter_gate": ("weigh",),
        "filter_names": ("tell_users",),
        "gone_user": ("GoneUser",),
        "id_search": ("lead_to",),
        "isolation": ("show_isolation",),
        "job_actions": ("JobActions",),
        "naming": ("tell_names",),
        "telling_history": ("tell_history",),
        "ordering": ("order_by",),
        "pace": ("step_interval", "tell_load"),
        "pickers": ("look_through_lens", "pick_eyes", "pick_project"),
        "project_actions": ("create_project",),
        "result": ("result_of",),
        "switching": ("pick_database",),
        "times": ("show_times",),
        "views": ("read_views",),
        "workers": ("show_workers",),
    },
)
