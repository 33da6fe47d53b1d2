"""Help dialog: every key, as remapped."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any, ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.dom import DOMNode

from store.filters.filter_terms import KEYS
from tui.dashboard.archive.archive_dialog import ArchiveDialog
from tui.dashboard.budgets.budgets_dialog import BudgetsDialog
from tui.dashboard.dialogs.dialog import ConfirmDialog, Dialog, ProgressDialog, QuitDialog, SqlDialog
from tui.dashboard.dialogs.pick import PickDialog
from tui.dashboard.job_details import JobDetails
from tui.dashboard.job_list.filter_field import FilterField
from tui.dashboard.job_list.job_table import JobTable
from tui.dashboard.keys.bindings import APP_BINDINGS, own_bindings, shown_keys
from tui.dashboard.projects.project_list import ProjectList
from tui.dashboard.screen import DashboardScreen
from tui.dashboard.statistics.timings_dialog import TimingsDialog
from tui.dashboard.users.acting_user import ActingDialog
from tui.dashboard.users.isolation_dialog import IsolationDialog
from tui.dashboard.widgets import SteadyText
from tui.dashboard.workers.workers_dialog import WorkersDialog

_NARROWEST = 10
"""Cells of what a key does, on however narrow a screen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HelpEntry:
    group: str
    keys: str
    what: str


class HelpDialog(Dialog[None]):
    DEFAULT_CSS = """
    HelpDialog #dialog { width: 88; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,q,enter", "leave", "Close", id="help.close", tooltip="Close the help"),
    ]

    def __init__(self, entries: Sequence[HelpEntry]) -> None:
        super().__init__()
        self._entries = tuple(entries)

    def compose(self) -> ComposeResult:
        with self.box("Keys"), VerticalScroll():
            yield SteadyText(id="entries")

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
        self._draw()

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        width = self.query_one(VerticalScroll).scrollable_content_region.width
        self.query_one("#entries", SteadyText).say(_content(self._entries, width))


def _content(entries: Sequence[HelpEntry], width: int) -> Content:
    """In lines of so many cells: what goes on in a further line stands below its beginning."""
    widths: dict[str, int] = {}
    for entry in entries:
        widths[entry.group] = max(widths.get(entry.group, 0), len(entry.keys) + 3)
    lines: list[Content] = []
    group = ""
    for entry in entries:
        if entry.group != group:
            group = entry.group
            lines += [Content("")] * bool(lines) + [Content.assemble((group, "bold $text-primary"))]
        keys = f"  {entry.keys:<{widths[entry.group]}}"
        what = wrap(entry.what, max(width - len(keys), _NARROWEST)) or [""]
        lines.append(Content.assemble((keys, "bold"), f"\n{' ' * len(keys)}".join(what)))
    return Content("\n").join(lines)


OWNERS: Sequence[type[DOMNode]] = (
    DashboardScreen,
    JobTable,
    ProjectList,
    FilterField,
    JobDetails,
    Dialog,
    ConfirmDialog,
    ProgressDialog,
    QuitDialog,
    PickDialog,
    ActingDialog,
    IsolationDialog,
    SqlDialog,
    TimingsDialog,
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
    "progress": "While jobs are written",
    "quit": "Before quitting during a write",
    "pick": "Where one of several is picked",
    "acting": "Where one picks whom to act as",
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
