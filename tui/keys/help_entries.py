"""All keys in the groups of the help, read from the bindings of the classes that have some, moved keys as moved."""

from collections.abc import Iterator, Sequence
from typing import Any

from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode

from store.filters import KEYS
from tui.keys.app_bindings import APP_BINDINGS
from tui.keys.moved_keys import own_bindings, shown_keys
from tui.screens.archive import ArchiveDialog
from tui.screens.budgets import BudgetsDialog
from tui.screens.confirm import ConfirmDialog
from tui.screens.dashboard import DashboardScreen
from tui.screens.details import JobDetails
from tui.screens.dialog import Dialog
from tui.screens.help import HelpDialog, HelpEntry
from tui.screens.isolation import IsolationDialog
from tui.screens.pick import PickDialog
from tui.screens.sql import SqlDialog
from tui.screens.times import TimesDialog
from tui.screens.workers import WorkersDialog
from tui.widgets.filter_field import FilterField
from tui.widgets.job_table import JobTable
from tui.widgets.project_list import ProjectList

OWNERS: Sequence[type[DOMNode]] = (
    DashboardScreen,
    JobTable,
    ProjectList,
    FilterField,
    JobDetails,
    Dialog,
    ConfirmDialog,
    PickDialog,
    IsolationDialog,
    SqlDialog,
    TimesDialog,
    BudgetsDialog,
    ArchiveDialog,
    WorkersDialog,
    HelpDialog,
)
"""Whose bindings are listed, beside the App's."""

GROUPS = {
    "job": "The job under the cursor, or the marked ones",
    "jobs": "The table",
    "list": "What is listed",
    "numbers": "What is counted",
    "find": "In the find field",
    "project": "Projects",
    "projects": "The list of projects",
    "app": "gjobs",
    "details": "In the details of a job",
    "dialog": "In a dialog",
    "confirm": "In a question",
    "pick": "Where one of several is picked",
    "isolation": "In the isolation check",
    "sql": "Where SQL is shown",
    "times": "Where times are shown",
    "budgets": "Where budgets are listed",
    "archive": "Where archived jobs are listed",
    "workers": "Where workers are shown",
    "help": "In this help",
}
"""By the first part of a binding's id."""

FILTERS = "A filter finds jobs …; a space is and, a comma or, a minus not"


def of_the_app() -> Iterator[Binding]:
    for binding in APP_BINDINGS:
        if isinstance(binding, Binding):
            yield binding


def help_entries(app: App[Any]) -> list[HelpEntry]:
    bindings = [*(binding for owner in OWNERS for binding in own_bindings(owner)), *of_the_app()]
    entries: list[HelpEntry] = []
    for group, title in GROUPS.items():
        entries += [
            HelpEntry(group=title, keys=" ".join(shown_keys(app, binding)), what=binding.tooltip)
            for binding in bindings
            if binding.id and binding.id.partition(".")[0] == group
        ]
        if group == "find":
            entries += [HelpEntry(group=FILTERS, keys=key.example, what=key.words) for key in KEYS.values()]
    return entries
