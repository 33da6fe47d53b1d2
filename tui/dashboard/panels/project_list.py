"""The sidebar: projects, and budget bars."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from textual import events
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from gjobs.store.job_list.list_query import ProjectName
from gjobs.store.statistics.statistics import Count, ProjectTotals, Totals
from gjobs.tui.dashboard.bindings import HINT, KEY_ONLY, bind
from gjobs.tui.dashboard.widgets.message_board import show_warning
from gjobs.tui.dashboard.widgets.widgets import SteadyText
from gjobs.tui.text.clean_text import clean_cell, pad
from gjobs.tui.text.format import count
from gjobs.tui.text.status_text import count_words

if TYPE_CHECKING:
    from gjobs.store.budgets.budget import Budget, BudgetState


_SHARE_OF_SCREEN = 2
"""The panel takes at most 1 / _SHARE_OF_SCREEN of the lines. The rest is for the projects."""


class BudgetsPanel(SteadyText):
    DEFAULT_CSS = """
    BudgetsPanel {
        display: none;
        border-title-color: $foreground-muted;
        border-subtitle-color: $text-warning;
        padding: 0 1;
        text-wrap: nowrap;
    }
    """
    BORDER_TITLE = "Budgets"

    def show(self, totals: Totals, *, width: int, screen_height: int, zone: tzinfo | None = None) -> None:
        """Show the budgets in lines of `width` cells, starting with the one that has the least left."""
        if not totals.budgets:
            self.forget()
            return
        from gjobs.tui.text.budget_text import budget_lines

        height = screen_height // _SHARE_OF_SCREEN - 2
        lines = budget_lines(totals.budgets, totals.taken_at, width=width, height=height, zone=zone)
        self.display = bool(lines)
        self.set_content(Content("\n").join(Content.assemble(*line) for line in lines))

    def forget(self) -> None:
        self.display = False
        self.set_content(Content(""))


_MOST_LATE_ANSWERS = 3


class BudgetAlerts:
    """Detects budgets that get worse for the present user. A budget that is seen for the first time is not reported."""

    def __init__(self) -> None:
        self._states: dict[UUID, BudgetState] = {}
        self._own: dict[UUID, tuple[int, int]] = {}
        """The limits that this session has set, and how many late answers are still to be ignored."""

    def learn_own(self, budget: "Budget") -> None:
        """Learn a budget that this session has set. Late answers that still have the old limit are ignored."""
        self._states[budget.id] = budget.state
        self._own[budget.id] = budget.limit_cents, _MOST_LATE_ANSWERS

    def _is_late(self, budget: "Budget") -> bool:
        limit, left = self._own.get(budget.id, (budget.limit_cents, 0))
        if budget.limit_cents == limit or not left:
            self._own.pop(budget.id, None)
            return False
        self._own[budget.id] = limit, left - 1
        return True

    def learn(self, budgets: "Iterable[Budget]") -> "list[Budget]":
        """Return the budgets that have started to warn or have run out since the last call."""
        worse = []
        for budget in budgets:
            if self._is_late(budget):
                continue
            known = self._states.get(budget.id)
            if known is not None and budget.state.is_worse_than(known):
                worse.append(budget)
            self._states[budget.id] = budget.state
        return worse

    def report(self, app: App[Any], budgets: "Iterable[Budget]") -> None:
        for budget in self.learn(budgets):
            from gjobs.tui.text.budget_text import worse_words

            show_warning(app, worse_words(budget))


ALL = "all"
"""The id of the option for all projects."""
_MOST_LISTED = 500
"""The store returns at most this many projects."""


class ProjectList(OptionList):
    """Projects as options. Option ids are project ids, so a refresh moves neither highlight nor choice."""

    DEFAULT_CSS = """
    ProjectList {
        height: 1fr;
        border-title-color: $foreground-muted;
        border-subtitle-color: $text-warning;
        padding: 0;
        background: $background;
        scrollbar-size-vertical: 1;

        &:focus { border-title-color: $text-primary; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("projects.choose", "enter", "choose", "Show this project's jobs", HINT, "select"),
        bind("projects.down", "down,j", "Down", "Go to the next project", KEY_ONLY, "cursor_down"),
        bind("projects.up", "up,k", "Up", "Go to the previous project", KEY_ONLY, "cursor_up"),
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, markup=False)
        self._rows: Sequence[tuple[str, str, str]] = ()
        """The id, the name and the number of jobs of each option."""
        self._chosen = ALL
        """The id of the option whose jobs are listed."""
        self._prompts: Mapping[str, Content] = {}
        self.forget()

    def show(
        self,
        projects: tuple[ProjectName, ...],
        chosen: UUID | None,
        *,
        totals: Mapping[UUID, ProjectTotals],
        everything: Count | None = None,
    ) -> None:
        """Show the newest projects first, below "All projects".

        Totals are shown as far as they are known. `everything` counts all visible jobs, even those whose project is
        hidden or not listed.
        """
        more = "+" if len(projects) >= _MOST_LISTED else ""
        total = count(sum(one.job_count for one in totals.values())) + more if totals else ""
        rows = [(ALL, "All projects", total if everything is None else count_words(everything))]
        for project in projects:
            # Projects without jobs are missing among known totals.
            number = count(totals[project.id].job_count) if project.id in totals else "0" if totals else ""
            rows.append((str(project.id), project.name, number))
        if (rows, str(chosen or ALL)) != (self._rows, self._chosen):
            self._rows, self._chosen = rows, str(chosen or ALL)
            self._draw()

    def forget(self) -> None:
        self._rows, self._chosen, self._prompts = (), ALL, {}
        self.border_title = Content("Projects")
        self.clear_options()

    def on_focus(self, event: events.Focus) -> None:
        """Start at the listed project. The highlight of an earlier visit would be easily mistaken for it."""
        if not event.from_app_focus:
            self._highlight(self._chosen)

    def on_resize(self) -> None:
        if self._prompts:
            self._draw()

    def _draw(self) -> None:
        before, self._prompts = self._prompts, {row[0]: self._prompt(*row) for row in self._rows}
        if list(before) != list(self._prompts):
            # The highlight stays on its project, or else moves to the chosen one.
            highlighted = self.highlighted_option.id if self.highlighted_option else None
            is_cut = len(self._rows) > _MOST_LISTED
            self.border_title = Content(f"Newest {_MOST_LISTED}" if is_cut else "Projects")
            self.set_options([Option(prompt, id=option_id) for option_id, prompt in self._prompts.items()])
            self._highlight(highlighted if highlighted in self._prompts else self._chosen)
        for option_id, prompt in self._prompts.items():
            if option_id in before and not prompt.is_same(before[option_id]):
                self.replace_option_prompt(option_id, prompt)

    def _highlight(self, option_id: str) -> None:
        """Highlight the option, or else the first one."""
        if self._prompts:
            self.highlighted = list(self._prompts).index(option_id) if option_id in self._prompts else 0

    def _prompt(self, option_id: str, name: str, number: str) -> Content:
        is_chosen = option_id == self._chosen
        room = max(12, self.scrollable_content_region.width) - 3 - len(f" {number}" if number else "")
        if option_id == ALL and room < len(name):
            name = "All"
        label = f" {pad(clean_cell(name, room), room)} "
        glyph = ("›", "bold $text-accent") if is_chosen else (" ", "")
        end = (f"{number} " if number else "", "$foreground-muted")
        return Content.assemble(glyph, (label, "bold" if is_chosen else ""), end)


_LEAST_WIDTH, _MOST_WIDTH = 26, 32
_ENOUGH_FOR_JOBS = 160
"""Screen width in cells. The sidebar gets one of every `_SHARE` cells beyond it."""
_SHARE = 4
_EDGES = 4
"""Cells for the border and padding of a panel."""


class Sidebar(Vertical):
    def __init__(self, *, id: str | None = None, screen_width: int) -> None:  # noqa: A002
        super().__init__(id=id)
        self._width = 0
        self.fit(screen_width)

    def compose(self) -> ComposeResult:
        yield ProjectList(id="projects")
        yield BudgetsPanel(id="budgets")

    def fit(self, screen_width: int) -> None:
        """Set the width from the screen alone, so that nothing moves when names arrive."""
        further = max(0, screen_width - _ENOUGH_FOR_JOBS)
        self._width = min(_LEAST_WIDTH + further // _SHARE, _MOST_WIDTH)
        self.styles.width = self._width

    @property
    def room(self) -> int:
        """Cells in a line of a panel."""
        return self._width - _EDGES
