"""The budgets, each with its bar; what is to become of one is answered."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from store.budgets.model import Budget, Budgets
from store.errors import StoreError
from tui.screens.dialog import Dialog
from tui.widgets.steady_text import SteadyText
from tui.words.budget_lines import listed_lines
from tui.words.text import clean
from tui.words.toast import error_words

_KEYS = {
    "budgets.new": "new",
    "budgets.change": "change",
    "budgets.remove": "remove",
    "budgets.again": "again",
    "dialog.leave": "close",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetWish:
    does: Literal["set", "remove"]
    budget: Budget | None
    """The one under the cursor, as it was seen; None for a new one."""
    known: tuple[Budget, ...]
    """All that were seen."""


class BudgetsDialog(Dialog[BudgetWish]):
    """`ask` lists them; `may_set` says why where that may not be, before anything is typed."""

    DEFAULT_CSS = """
    BudgetsDialog {
        OptionList { max-height: 60vh; text-wrap: nowrap; }
        OptionList:focus { background-tint: $foreground 0%; }
        #note, #keys { color: $foreground-muted; margin-top: 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "leave", "Close", id="budgets.close", tooltip="Back to the dashboard"),
        Binding("n", "set(True)", "New", id="budgets.new", tooltip="Limit what the jobs of a project or a user cost"),
        Binding("enter,c", "set(False)", "Change", id="budgets.change", tooltip="Change this limit"),
        Binding("d,delete", "remove", "Remove", id="budgets.remove", tooltip="Remove this limit"),
        Binding("r,f5", "look", "Again", id="budgets.again", tooltip="Look again"),
    ]

    def __init__(
        self,
        ask: Callable[[], Awaitable[Budgets]],
        *,
        of: str,
        may_set: Callable[[], bool],
        last: Budget | None = None,
    ) -> None:
        """`of` names the project, or all of them, and is clean; `last` is pointed at where it is there."""
        super().__init__()
        self._ask = ask
        self._of = of
        self._may_set = may_set
        self._last = last
        self._seen: Budgets | None = None

    def compose(self) -> ComposeResult:
        with self.box(f"Budgets · {self._of}"):
            yield OptionList(id="budgets", markup=False, compact=True)
            yield SteadyText(id="note")
            yield SteadyText(id="keys")

    def on_mount(self) -> None:
        self.query_one(OptionList).focus()
        self.query_one("#keys", SteadyText).say(self.keys_line(_KEYS))
        self.action_look()

    @work(exclusive=True)
    async def action_look(self) -> None:
        self._note("Looking …")
        try:
            seen = await self._ask()
        except StoreError as error:
            self._note(error_words(error))
            return
        self._draw(seen)
        self._note("" if seen else "No budgets.")

    def on_resize(self) -> None:
        self.call_after_refresh(lambda: self._draw(self._seen))

    def on_option_list_option_selected(self) -> None:
        self.action_set(False)

    def action_set(self, new: bool) -> None:
        budget = None if new else self._pointed_at
        if (new or budget is not None) and self._may_set():
            self.dismiss(BudgetWish(does="set", budget=budget, known=self._known))

    def action_remove(self) -> None:
        if (budget := self._pointed_at) is not None and self._may_set():
            self.dismiss(BudgetWish(does="remove", budget=budget, known=self._known))

    @property
    def _known(self) -> tuple[Budget, ...]:
        return self._seen.budgets if self._seen else ()

    @property
    def _pointed_at(self) -> Budget | None:
        place = self.query_one(OptionList).highlighted
        return self._known[place] if place is not None and place < len(self._known) else None

    def _draw(self, seen: Budgets | None) -> None:
        """The cursor stays on its budget, wherever that is by now."""
        if not self.is_open or seen is None:
            return
        last = self._last = self._pointed_at or self._last
        self._seen = seen
        rows = self.query_one(OptionList)
        width = max(rows.scrollable_content_region.width - 2, 1)
        rows.set_options([Option(_prompt(budget, seen, width)) for budget in seen])
        places = {budget.id: place for place, budget in enumerate(seen)}
        rows.highlighted = places.get(last.id, 0) if last and places else 0 if places else None

    def _note(self, sentence: str) -> None:
        if self.is_open:
            note = self.query_one("#note", SteadyText)
            note.display = bool(sentence)
            note.say(Content(clean(sentence, limit=400)))


def _prompt(budget: Budget, seen: Budgets, width: int) -> Content:
    lines = listed_lines(budget, seen.taken_at, width=width)
    return Content("\n").join(Content.assemble(" ", *line) for line in lines)
