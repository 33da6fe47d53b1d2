"""The form of a limit: whose, over which time, how much; and what it would mean for a budget that is there."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, Select, Static

from store.budgets.model import Budget, BudgetState, Period
from store.errors import Conflict, RowMissing, StoreError
from store.money import cents
from store.shares import share_of
from tui.screens.form import FormDialog
from tui.screens.problem import Problem
from tui.wanted_budget import WantedBudget, Whose, present_one
from tui.widgets.steady_text import SteadyText
from tui.widgets.text_field import TextField
from tui.words.budget_lines import STATE_STYLES
from tui.words.budget_words import PERIOD_WORDS, change_words
from tui.words.text import clean
from tui.words.toast import error_words


class BudgetForm(FormDialog[Budget]):
    """`save` stores it, and raises a StoreError where that fails."""

    FIELDS: ClassVar[Mapping[str, str]] = {"limit_cents": "limit", "warn_share": "warn", "email": "person"}

    def __init__(
        self,
        *,
        choices: Sequence[Whose],
        known: Sequence[Budget],
        change: Budget | None,
        save: Callable[[WantedBudget], Coroutine[Any, Any, Budget]],
    ) -> None:
        """The first of the `choices` is proposed; of a budget to `change` there is one. `known` are there already."""
        super().__init__()
        self._choices = tuple(choices)
        self._known = tuple(known)
        self._change = change
        self._save = save
        self._insists = False
        """Whether the person was told that the budget had been changed by somebody else."""

    def compose(self) -> ComposeResult:
        change = self._change
        with self.box("Change a budget" if change else "New budget"):
            yield Static("For", classes="label -first", markup=False)
            yield Select(
                [(Content(clean(whose.label, limit=60)), whose) for whose in self._choices],
                value=self._choices[0],
                allow_blank=False,
                id="whose",
                compact=True,
                disabled=change is not None,
            )
            yield TextField(id="person", placeholder="An e-mail, or an id")
            yield Problem(id="person-problem")
            yield Static("Period; days and months are UTC's", classes="label", markup=False)
            yield Select(
                [(words, period) for period, words in PERIOD_WORDS.items()],
                value=change.period if change else Period.MONTH,
                allow_blank=False,
                id="period",
                compact=True,
                disabled=change is not None,
            )
            yield Static("Limit: 1250 is cents, 12.50 dollars", classes="label", markup=False)
            yield TextField(id="limit", value=_dollars(change.limit_cents) if change else "")
            yield Problem(id="limit-problem")
            yield Static("Warns from this share of it on", classes="label", markup=False)
            share = f"{change.warn_share * 100:g}%" if change else ""
            yield TextField(id="warn", value=share, placeholder="80%; or, of one that is there, as it is")
            yield Problem(id="warn-problem")
            yield SteadyText(id="meaning", classes="label")
            yield Problem(id="problem")
            yield self.buttons(agree="Set (enter)")

    def on_mount(self) -> None:
        self._show_person()
        self._tell_meaning()
        self.query_one("#limit", Input).focus()

    @on(Select.Changed, "#whose")
    def _show_person(self) -> None:
        self.query_one("#person").display = self._whose.is_typed
        self.query_one("#person-problem", Problem).clear()

    @on(Select.Changed)
    @on(Input.Changed)
    def _tell_meaning(self) -> None:
        """Of the limit that is typed, for the budget that there is by now."""
        meaning = self._meaning()
        line = self.query_one("#meaning", SteadyText)
        line.display = meaning is not None
        if meaning is not None:
            style = "" if meaning.state is BudgetState.OK else STATE_STYLES[meaning.state]
            line.say(Content.styled(change_words(meaning), style))

    @property
    def _whose(self) -> Whose:
        value = self.query_one("#whose", Select).value
        return value if isinstance(value, Whose) else self._choices[0]

    @property
    def _period(self) -> Period:
        return Period(str(self.query_one("#period", Select).value))

    def _typed(self, field: str) -> str:
        return self.query_one(f"#{field}", Input).value.strip()

    def _meaning(self) -> Budget | None:
        """The budget that there is, as it would become; None where there is none yet, or no limit is typed."""
        limit = cents(self._typed("limit"))
        budget = self._present()
        if budget is None or limit is None:
            return None
        return replace(budget, limit_cents=limit, warn_share=share_of(self._typed("warn")) or budget.warn_share)

    def _present(self) -> Budget | None:
        return present_one(self._known, self._whose, self._typed("person"), self._period)

    def read(self) -> Coroutine[Any, Any, Budget] | None:
        whose = self._whose
        person = self._typed("person") if whose.is_typed else ""
        limit, warn = cents(self._typed("limit")), self._typed("warn")
        if whose.is_typed and not person:
            self.complain("person", "Type whose it is: an e-mail, or an id.")
        elif limit is None:
            self.complain("limit", "Type whole cents, such as 1250, or dollars, such as 12.50.")
        elif warn and share_of(warn) is None:
            self.complain("warn", "Type a share, such as 80% or 0.8.")
        else:
            return self._save(
                WantedBudget(
                    whose=whose,
                    person=person,
                    period=self._period,
                    limit_cents=limit,
                    warn_share=share_of(warn),
                    as_known=None if self._insists else self._present(),
                )
            )
        return None

    def explain(self, error: StoreError) -> None:
        if isinstance(error, RowMissing) and self._whose.is_typed:
            self.complain("person", error_words(error))
        else:
            self._insists = self._insists or isinstance(error, Conflict)
            super().explain(error)


def _dollars(amount: int) -> str:
    return f"{amount // 100}.{amount % 100:02}"
