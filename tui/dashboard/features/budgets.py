"""The budget list and its form: set, change and remove budgets."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Input, OptionList, Select

from gjobs.store.budgets.budget import Budget, BudgetState, Period
from gjobs.store.capabilities.capability import Capability
from gjobs.store.errors import Conflict, RowMissing, StoreError
from gjobs.store.job_list.list_query import ProjectName
from gjobs.store.users.actor import OPERATOR, actor_name
from gjobs.store.validation import UNSET
from gjobs.store.values.formats import UnknownText, money, share_of
from gjobs.tui.dashboard.actions.action_context import ActionContext, context_for
from gjobs.tui.dashboard.actions.action_host import ActionHost
from gjobs.tui.dashboard.bindings import DIALOG, WRITES, bind, key_of, keys_with
from gjobs.tui.dashboard.dialogs.dialog import ConfirmDialog
from gjobs.tui.dashboard.dialogs.form import FormDialog, choice_of, typed_cents
from gjobs.tui.dashboard.dialogs.list_dialog import ListDialog
from gjobs.tui.dashboard.features.databases import is_read_only, may_write
from gjobs.tui.dashboard.panels.tour import TourStep
from gjobs.tui.dashboard.widgets.message_board import show_message, show_warning
from gjobs.tui.dashboard.widgets.widgets import SteadyText, TextField
from gjobs.tui.text import budget_text
from gjobs.tui.text.clean_text import clean
from gjobs.tui.text.error_text import Message, error_words
from gjobs.tui.text.format import short_id
from gjobs.tui.text.write_text import Confirmation, where


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetChoice:
    removes: bool = False
    budget: Budget | None
    """The budget under the cursor as it was shown; None for a new budget."""
    known: Sequence[Budget]
    """All budgets that were shown."""


class BudgetsDialog(ListDialog[Budget, BudgetChoice]):
    """The budgets that apply to a project, or all budgets."""

    DEFAULT_CSS = "BudgetsDialog OptionList { max-height: 60vh; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("budgets.close", "q", "Close", "Close the budgets", action="leave"),
        bind("budgets.new", "n", "New", "Limit the cost of a project or a user", WRITES | DIALOG, "set(True)"),
        bind("budgets.change", "enter,c", "Change", "Change this budget", WRITES | DIALOG, "set(False)"),
        bind("budgets.remove", "d,delete", "Remove", "Remove this budget", WRITES | DIALOG, "remove"),
        bind("budgets.again", "r,f5", "Refresh", "Refresh the budgets", action="read"),
    ]
    HINTS = ("budgets.new", "budgets.change", "budgets.remove", "budgets.again", "dialog.leave")
    help_topic = "budgets"

    def __init__(self, context: ActionContext, project_id: UUID | None, *, of: str, start: Budget | None) -> None:
        """`of` names the project or all projects and must be clean."""
        super().__init__(f"Budgets · {of}", start=start)
        self._host = context.host
        self._action = context
        self._project_id = project_id
        self._taken_at = context.host.dashboard.now

    @property
    def hidden_keys(self) -> frozenset[str]:
        can_set = self._action.store.actor == OPERATOR and not is_read_only(self._host)
        return frozenset() if can_set else keys_with(WRITES, BudgetsDialog)

    async def read(self) -> Sequence[Budget]:
        found = await self._action.store.get_budgets(self._project_id)
        self._taken_at = found.taken_at
        return found.budgets

    def identity(self, row: Budget) -> UUID:
        return row.id

    def prompt(self, row: Budget) -> Content:
        zone, width = self._host.dashboard.zone.zone, max(self.row_width - 2, 1)
        lines = budget_text.listed_lines(row, self._taken_at, width=width, zone=zone)
        return Content("\n").join(Content.assemble(" ", *line) for line in lines)

    def note_words(self) -> str:
        return "" if self.rows else "No budgets."

    @on(OptionList.OptionSelected)
    def _change(self) -> None:
        self.action_set(False)

    def action_set(self, new: bool) -> None:
        budget = None if new else self.row_under_cursor
        if budget is not None and isinstance(budget.period, UnknownText):
            period = clean(budget.period.value, limit=20)
            text = (
                f"This version of gjobs does not know the period {period!r}. You can remove the budget, but not"
                " change it."
            )
            show_warning(self.app, text)
        elif (new or budget is not None) and self._may_set():
            self.dismiss(BudgetChoice(budget=budget, known=self.rows))

    def action_remove(self) -> None:
        if (budget := self.row_under_cursor) is not None and self._may_set():
            self.dismiss(BudgetChoice(removes=True, budget=budget, known=self.rows))

    def _may_set(self) -> bool:
        """Return whether budgets may be set. Otherwise show why not, before the user types anything."""
        host, actor = self._host, self._action.store.actor
        if actor == OPERATOR:
            return context_for(host, Capability.OPERATING) is not None and may_write(host)
        key, who = key_of(host, "app.user"), actor_name(actor)
        text = f"Only the operator sets budgets. You act as {who}. To switch, close this dialog and press {key}."
        show_warning(host, text)
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetOwner:
    """A project or a user. Both ids are None if the user is typed."""

    label: str
    user_id: UUID | None = None
    project_id: UUID | None = None

    @property
    def is_typed(self) -> bool:
        return self.user_id is None and self.project_id is None


class BudgetForm(FormDialog[Budget]):
    """A form for a budget. It keeps the typed text until the limit is stored."""

    FIELDS: ClassVar[Mapping[str, str]] = {"limit_cents": "limit", "warn_share": "warn", "email": "user"}
    help_topic = "budgets"

    def __init__(self, context: ActionContext, choices: Sequence[BudgetOwner], choice: BudgetChoice) -> None:
        """The first of `choices` is preselected. To change a budget, there is only one."""
        super().__init__()
        self._action = context
        self._choices = choices
        self._known = choice.known
        self._change = choice.budget
        self._insists = False
        """Whether the user has seen that somebody else changed the budget."""

    def compose(self) -> ComposeResult:
        change = self._change
        with self.box("Change a budget" if change else "New budget"):
            owners = [(Content(clean(owner.label, limit=60)), owner) for owner in self._choices]
            whose = choice_of("whose", owners, self._choices[0], disabled=change is not None)
            yield from self.labelled("For", whose, is_first=True)
            yield TextField(id="user", placeholder="E-mail or id")
            yield self.problem_line("user")
            periods = [(words, period) for period, words in budget_text.PERIOD_WORDS.items()]
            chosen = change.period if change else Period.MONTH
            period = choice_of("period", periods, chosen, disabled=change is not None)
            yield from self.labelled("Period (UTC)", period)
            amount = f"{change.limit_cents // 100}.{change.limit_cents % 100:02}" if change else ""
            limit = TextField(id="limit", value=amount, placeholder="$12.50, or 1250 for cents")
            yield from self.labelled(SteadyText(id="limit-label", classes="label"), limit)
            share = f"{change.warn_share * 100:g}%" if change else ""
            warn = TextField(id="warn", value=share, placeholder="80% for a new budget, otherwise unchanged")
            yield from self.labelled("Warn from this share of the limit", warn)
            yield SteadyText(id="meaning", classes="label")
            yield self.problem_line()
            yield self.buttons(agree="Set (enter)")

    def on_mount(self) -> None:
        self._show_user_field()
        self._show_meaning()
        self.query_one("#limit", Input).focus()

    @on(Select.Changed, "#whose")
    def _show_user_field(self) -> None:
        self.query_one("#user").display = self._owner.is_typed
        self.show_problem("", "user")

    @on(Select.Changed)
    @on(Input.Changed)
    def _show_meaning(self) -> None:
        """Show how the typed limit is read, and what it means for the present budget."""
        limit = typed_cents(self.typed("limit"))
        self.set_part(
            "limit-label", Content(f"Limit, as $2.50 or in cents{'' if limit is None else f': {money(limit)}'}")
        )
        budget = self._present()
        words = Content()
        if budget is not None and limit is not None:
            share = share_of(self.typed("warn")) or budget.warn_share
            meaning = replace(budget, limit_cents=limit, warn_share=share)
            style = "" if meaning.state is BudgetState.OK else budget_text.STATE_STYLES[meaning.state]
            words = Content.styled(budget_text.change_words(meaning), style)
        self.show_text("meaning", words)

    @property
    def _owner(self) -> BudgetOwner:
        value = self.query_one("#whose", Select).value
        return value if isinstance(value, BudgetOwner) else self._choices[0]

    @property
    def _period(self) -> Period:
        return Period(str(self.query_one("#period", Select).value))

    def _present(self) -> Budget | None:
        """Return the known budget with this owner and period."""
        owner, period, typed = self._owner, self._period, self.typed("user").casefold()

        def is_theirs(budget: Budget) -> bool:
            if owner.is_typed:
                return budget.user_id is not None and typed in (str(budget.user_id), (budget.name or "").casefold())
            return (budget.user_id, budget.project_id) == (owner.user_id, owner.project_id)

        return next((budget for budget in self._known if budget.period is period and is_theirs(budget)), None)

    def read(self) -> Coroutine[Any, Any, Budget] | None:
        owner = self._owner
        user = self.typed("user") if owner.is_typed else ""
        limit, warn = typed_cents(self.typed("limit")), self.typed("warn")
        if owner.is_typed and not user:
            self.complain("user", "Type the e-mail or id of a user.")
        elif limit is None:
            self.complain("limit", "Type dollars, such as $12.50, or whole cents, such as 1250.")
        elif warn and share_of(warn) is None:
            self.complain("warn", "Type a share, such as 80% or 0.8.")
        else:
            write = partial(
                self._action.store.set_budget,
                project_id=owner.project_id,
                period=self._period,
                limit_cents=limit,
                # None keeps the present share, or uses the default for a new budget.
                warn_share=share_of(warn),
                expected_budget=UNSET if self._insists else self._present(),
            )
            return self._save(owner.user_id, user, write)
        return None

    async def _save(self, user_id: UUID | None, user: str, write: Callable[..., Coroutine[Any, Any, Budget]]) -> Budget:
        context = self._action
        if user:
            user_id = (await context.operator.find_actor(user)).id
        return await context.host.tasks.run_form(context.write(write(user_id=user_id)), budget_text.limit_message)

    def explain(self, error: StoreError) -> None:
        if isinstance(error, RowMissing) and self._owner.is_typed:
            self.complain("user", error_words(error))
        else:
            self._insists = self._insists or isinstance(error, Conflict)
            super().explain(error)


_TYPED_USER = BudgetOwner(label="A user, by e-mail or id")


async def show_budgets(host: ActionHost, context: ActionContext) -> None:
    """Show the budgets that apply to the listed project, or all budgets. Show them again after each change."""
    project_id, project, of = host.dashboard.listed.project_id, host.dashboard.shown_project, host.dashboard.listed_name
    last: Budget | None = None
    while choice := await host.push_screen_wait(BudgetsDialog(context, project_id, of=of, start=last)):
        last = choice.budget or last
        if not choice.removes:
            last = await _ask_limit(context, choice, project) or last
        elif choice.budget is not None:
            await _ask_removal(context, choice.budget)
    host.tour.do(TourStep.COSTS)


async def _ask_limit(context: ActionContext, choice: BudgetChoice, project: ProjectName | None) -> Budget | None:
    host = context.host
    if (before := choice.budget) is None:
        choices = await _choices(context, project)
    else:
        owner = budget_text.owner_words(before)
        choices = [BudgetOwner(label=owner, user_id=before.user_id, project_id=before.project_id)]
    budget = await host.push_screen_wait(BudgetForm(context, choices, choice))
    if budget is not None:
        # This message reports the state, so the next refresh must not report it again.
        host.budget_alerts.learn_own(budget)
        show_message(host, budget_text.limit_message(budget))
    return budget


async def _choices(context: ActionContext, shown: ProjectName | None) -> Sequence[BudgetOwner]:
    """Return the listed project and its owner first, then the other projects and an entry for any user."""
    others = [_of_project(project) for project in context.projects if project != shown]
    if shown is None:
        return [*others, _TYPED_USER]
    email: str | None = None
    with suppress(StoreError):
        email = (await context.operator.find_actor(str(shown.user_id))).email
    owner = BudgetOwner(label=f"Project owner, {email or f'user {short_id(shown.user_id)}'}", user_id=shown.user_id)
    return [_of_project(shown), owner, *others, _TYPED_USER]


def _of_project(project: ProjectName) -> BudgetOwner:
    return BudgetOwner(label=f"Project {project.name}", project_id=project.id)


async def _ask_removal(context: ActionContext, budget: Budget) -> None:
    question = Confirmation(
        title="Remove this budget?",
        lines=(budget_text.budget_words(budget), "", where(context.database), budget_text.forgotten_words(budget)),
        agree="Remove",
        is_dangerous=True,
        declined="The budget was kept. {key} removes it.",
    )

    async def remove() -> Message:
        removed = await context.write(context.store.remove_budget(budget.id))
        return Message(text=f"Removed the budget of {budget_text.budget_words(removed)}.")

    if await context.host.push_screen_wait(ConfirmDialog(question)):
        await context.host.tasks.write(remove(), doing="Removing the budget …").wait()
