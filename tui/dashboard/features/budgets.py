"""The budget list and its form: set, change and remove budgets."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import TYPE_CHECKING, Any, ClassVar, Literal, assert_never
from uuid import UUID

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Input, OptionList, Select, Static
from textual.widgets.option_list import Option

from gjobs.store.budgets.budget import Budget, Budgets, BudgetState, Period
from gjobs.store.capabilities.capability import Capability
from gjobs.store.errors import Conflict, RowMissing, StoreError
from gjobs.store.job_list.list_query import ProjectName
from gjobs.store.users.actor import OPERATOR
from gjobs.store.values.formats import UnknownText, share_of
from gjobs.tui.dashboard.actions.action_context import ActionContext, context_for, require_operator
from gjobs.tui.dashboard.bindings import DialogKey
from gjobs.tui.dashboard.dialogs.dialog import ConfirmDialog, Dialog
from gjobs.tui.dashboard.dialogs.form import AmountLabel, FieldProblem, FormDialog, typed_cents
from gjobs.tui.dashboard.features.databases import is_read_only, may_write
from gjobs.tui.dashboard.panels.tour import TourStep
from gjobs.tui.dashboard.widgets.message_board import show_message, show_warning
from gjobs.tui.dashboard.widgets.widgets import SteadyText, TextField
from gjobs.tui.text.budget_text import (
    PERIOD_WORDS,
    STATE_STYLES,
    budget_words,
    change_words,
    forgotten_words,
    limit_message,
    listed_lines,
    owner_words,
    removal_message,
)
from gjobs.tui.text.clean_text import clean
from gjobs.tui.text.error_text import Message, error_words
from gjobs.tui.text.format import short_id
from gjobs.tui.text.write_text import Confirmation, where

if TYPE_CHECKING:
    from gjobs.tui.dashboard.actions.action_host import ActionHost
    from gjobs.tui.text.format import ShownZone


_WRITING_KEYS = {"budgets.new": "new", "budgets.change": "change", "budgets.remove": "remove"}
_KEYS = {"budgets.again": "refresh", "dialog.leave": "close"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetChoice:
    does: Literal["set", "remove"]
    budget: Budget | None
    """The budget under the cursor as it was shown; None for a new budget."""
    known: tuple[Budget, ...]
    """All budgets that were shown."""


class BudgetsDialog(Dialog[BudgetChoice]):
    """A list of budgets. `ask` reads them. `may_set` explains a refusal before the user types anything."""

    DEFAULT_CSS = """
    BudgetsDialog {
        OptionList { max-height: 60vh; text-wrap: nowrap; }
        OptionList:focus { background-tint: $foreground 0%; }
        #note, #keys { color: $foreground-muted; margin-top: 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "leave", "Close", id="budgets.close", tooltip="Close the budgets"),
        DialogKey("n", "set(True)", "New", id="budgets.new", tooltip="Limit the cost of a project or a user"),
        DialogKey("enter,c", "set(False)", "Change", id="budgets.change", tooltip="Change this budget"),
        DialogKey("d,delete", "remove", "Remove", id="budgets.remove", tooltip="Remove this budget"),
        Binding("r,f5", "look", "Refresh", id="budgets.again", tooltip="Refresh the budgets"),
    ]

    def __init__(
        self,
        ask: Callable[[], Awaitable[Budgets]],
        *,
        of: str,
        may_set: Callable[[], bool],
        hints_writes: bool = True,
        last: Budget | None = None,
        zone: tzinfo | None = None,
    ) -> None:
        """`of` names the project or all projects and must be clean. The cursor starts on `last` if it is listed.
        Without `hints_writes`, keys that write have no hint.
        """
        super().__init__()
        self._ask = ask
        self._of = of
        self._may_set = may_set
        self._hints_writes = hints_writes
        self._last = last
        self._zone = zone
        self._seen: Budgets | None = None

    def compose(self) -> ComposeResult:
        with self.box(f"Budgets · {self._of}"):
            yield OptionList(id="budgets", markup=False, compact=True)
            yield SteadyText(id="note")
            yield SteadyText(id="keys")

    def on_mount(self) -> None:
        self.query_one(OptionList).focus()
        self.query_one("#keys", SteadyText).say(self.keys_line({**_WRITING_KEYS, **_KEYS}))
        self.action_look()

    @property
    def hidden_keys(self) -> frozenset[str]:
        return frozenset(() if self._hints_writes else _WRITING_KEYS)

    @work(exclusive=True)
    async def action_look(self) -> None:
        self._note("Loading …")
        try:
            seen = await self._ask()
        except StoreError as error:
            self._note(error_words(error))
            return
        self._draw(seen)
        self._note("" if seen else "No budgets.")

    def show_zone(self, zone: "ShownZone") -> None:
        self._zone = zone.zone
        self._draw(self._seen)

    def on_resize(self) -> None:
        self.call_after_refresh(lambda: self._draw(self._seen))

    def on_option_list_option_selected(self) -> None:
        self.action_set(False)

    def action_set(self, new: bool) -> None:
        budget = None if new else self._pointed_at
        if budget is not None and isinstance(budget.period, UnknownText):
            period = clean(budget.period.value, limit=20)
            text = (
                f"This version of gjobs does not know the period {period!r}. You can remove the budget, but not"
                " change it."
            )
            show_warning(self.app, text)
        elif (new or budget is not None) and self._may_set():
            self.dismiss(BudgetChoice(does="set", budget=budget, known=self._known))

    def action_remove(self) -> None:
        if (budget := self._pointed_at) is not None and self._may_set():
            self.dismiss(BudgetChoice(does="remove", budget=budget, known=self._known))

    @property
    def _known(self) -> tuple[Budget, ...]:
        return self._seen.budgets if self._seen else ()

    @property
    def _pointed_at(self) -> Budget | None:
        place = self.query_one(OptionList).highlighted
        return self._known[place] if place is not None and place < len(self._known) else None

    def _draw(self, seen: Budgets | None) -> None:
        """Draw the budgets. The cursor stays on its budget, even if that has moved."""
        if not self.is_open or seen is None:
            return
        last = self._last = self._pointed_at or self._last
        self._seen = seen
        rows = self.query_one(OptionList)
        width = max(rows.scrollable_content_region.width - 2, 1)
        rows.set_options([Option(_prompt(budget, seen, width, self._zone)) for budget in seen])
        places = {budget.id: place for place, budget in enumerate(seen)}
        rows.highlighted = places.get(last.id, 0) if last and places else 0 if places else None

    def _note(self, sentence: str) -> None:
        if self.is_open:
            note = self.query_one("#note", SteadyText)
            note.display = bool(sentence)
            note.say(Content(clean(sentence, limit=400)))


def _prompt(budget: Budget, seen: Budgets, width: int, zone: tzinfo | None) -> Content:
    lines = listed_lines(budget, seen.taken_at, width=width, zone=zone)
    return Content("\n").join(Content.assemble(" ", *line) for line in lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetOwner:
    """A project or a user. Both ids are None if the user is typed."""

    label: str
    user_id: UUID | None = None
    project_id: UUID | None = None

    @property
    def is_typed(self) -> bool:
        return self.user_id is None and self.project_id is None


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetDraft:
    owner: BudgetOwner
    person: str
    """The typed e-mail or id of a user. Empty if the owner is known."""
    period: Period
    limit_cents: int
    warn_share: float | None
    """None keeps the present share, or uses the default for a new budget."""
    expected_budget: Budget | None = None
    """The budget to replace, as it was shown to the user. None replaces any budget."""


def present_one(known: Sequence[Budget], owner: BudgetOwner, person: str, period: Period) -> Budget | None:
    """Return the known budget with this owner and period."""
    typed = person.casefold()

    def is_theirs(budget: Budget) -> bool:
        if owner.is_typed:
            return budget.user_id is not None and typed in (str(budget.user_id), (budget.name or "").casefold())
        return (budget.user_id, budget.project_id) == (owner.user_id, owner.project_id)

    return next((budget for budget in known if budget.period is period and is_theirs(budget)), None)


class BudgetForm(FormDialog[Budget]):
    """A form for a budget. `save` stores it and raises a StoreError on failure."""

    FIELDS: ClassVar[Mapping[str, str]] = {"limit_cents": "limit", "warn_share": "warn", "email": "person"}

    def __init__(
        self,
        *,
        choices: Sequence[BudgetOwner],
        known: Sequence[Budget],
        change: Budget | None,
        save: Callable[[BudgetDraft], Coroutine[Any, Any, Budget]],
    ) -> None:
        """The first of `choices` is preselected. With `change` there is only one. `known` are the existing budgets."""
        super().__init__()
        self._choices = tuple(choices)
        self._known = tuple(known)
        self._change = change
        self._save = save
        self._insists = False
        """Whether the user has seen that somebody else changed the budget."""

    def compose(self) -> ComposeResult:
        change = self._change
        with self.box("Change a budget" if change else "New budget"):
            yield Static("For", classes="label -first", markup=False)
            yield Select(
                [(Content(clean(owner.label, limit=60)), owner) for owner in self._choices],
                value=self._choices[0],
                allow_blank=False,
                id="whose",
                compact=True,
                disabled=change is not None,
            )
            yield TextField(id="person", placeholder="E-mail or id")
            yield FieldProblem(id="person-problem")
            yield Static("Period (days and months are UTC)", classes="label", markup=False)
            yield Select(
                [(words, period) for period, words in PERIOD_WORDS.items()],
                value=change.period if change else Period.MONTH,
                allow_blank=False,
                id="period",
                compact=True,
                disabled=change is not None,
            )
            yield AmountLabel("Limit", field="limit")
            yield TextField(
                id="limit",
                value=_dollars(change.limit_cents) if change else "",
                placeholder="$12.50, or 1250 for cents",
            )
            yield FieldProblem(id="limit-problem")
            yield Static("Warn from this share of the limit", classes="label", markup=False)
            share = f"{change.warn_share * 100:g}%" if change else ""
            yield TextField(id="warn", value=share, placeholder="80% for a new budget, otherwise unchanged")
            yield FieldProblem(id="warn-problem")
            yield SteadyText(id="meaning", classes="label")
            yield FieldProblem(id="problem")
            yield self.buttons(agree="Set (enter)")

    def on_mount(self) -> None:
        self._show_person()
        self._show_meaning()
        self.query_one("#limit", Input).focus()

    @on(Select.Changed, "#whose")
    def _show_person(self) -> None:
        self.query_one("#person").display = self._owner.is_typed
        self.query_one("#person-problem", FieldProblem).clear()

    @on(Select.Changed)
    @on(Input.Changed)
    def _show_meaning(self) -> None:
        """Show what the typed limit means for the present budget."""
        meaning = self._meaning()
        line = self.query_one("#meaning", SteadyText)
        line.display = meaning is not None
        if meaning is not None:
            style = "" if meaning.state is BudgetState.OK else STATE_STYLES[meaning.state]
            line.say(Content.styled(change_words(meaning), style))

    @property
    def _owner(self) -> BudgetOwner:
        value = self.query_one("#whose", Select).value
        return value if isinstance(value, BudgetOwner) else self._choices[0]

    @property
    def _period(self) -> Period:
        return Period(str(self.query_one("#period", Select).value))

    def _typed(self, field: str) -> str:
        return self.query_one(f"#{field}", Input).value.strip()

    def _meaning(self) -> Budget | None:
        """Return the present budget with the typed limit and share. Return None without a budget or a typed limit."""
        limit = typed_cents(self._typed("limit"))
        budget = self._present()
        if budget is None or limit is None:
            return None
        return replace(budget, limit_cents=limit, warn_share=share_of(self._typed("warn")) or budget.warn_share)

    def _present(self) -> Budget | None:
        return present_one(self._known, self._owner, self._typed("person"), self._period)

    def read(self) -> Coroutine[Any, Any, Budget] | None:
        owner = self._owner
        person = self._typed("person") if owner.is_typed else ""
        limit, warn = typed_cents(self._typed("limit")), self._typed("warn")
        if owner.is_typed and not person:
            self.complain("person", "Type the e-mail or id of a user.")
        elif limit is None:
            self.complain("limit", "Type dollars, such as $12.50, or whole cents, such as 1250.")
        elif warn and share_of(warn) is None:
            self.complain("warn", "Type a share, such as 80% or 0.8.")
        else:
            return self._save(
                BudgetDraft(
                    owner=owner,
                    person=person,
                    period=self._period,
                    limit_cents=limit,
                    warn_share=share_of(warn),
                    expected_budget=None if self._insists else self._present(),
                )
            )
        return None

    def explain(self, error: StoreError) -> None:
        if isinstance(error, RowMissing) and self._owner.is_typed:
            self.complain("person", error_words(error))
        else:
            self._insists = self._insists or isinstance(error, Conflict)
            super().explain(error)


def _dollars(amount: int) -> str:
    return f"{amount // 100}.{amount % 100:02}"


_A_PERSON = BudgetOwner(label="A user, by e-mail or id")


async def show_budgets(host: "ActionHost", context: ActionContext) -> None:
    """Show the budgets that apply to the listed project, or all budgets. Show them again after each change."""
    project_id, project = host.dashboard.listed.project_id, host.dashboard.shown_project

    async def ask() -> Budgets:
        return await context.store.get_budgets(project_id)

    def may_set() -> bool:
        is_theirs = require_operator(host, context.store.actor, "sets budgets")
        return is_theirs and context_for(host, Capability.SETTING_BUDGETS) is not None and may_write(host)

    of, last = host.dashboard.listed_name, None

    def dialog() -> BudgetsDialog:
        zone, can_set = host.dashboard.zone.zone, context.store.actor == OPERATOR and not is_read_only(host)
        return BudgetsDialog(ask, of=of, may_set=may_set, hints_writes=can_set, last=last, zone=zone)

    while choice := await host.app.push_screen_wait(dialog()):
        last = choice.budget or last
        match choice.does:
            case "set":
                last = await _ask_limit(host, context, choice, project) or last
            case "remove":
                if choice.budget is not None:
                    await _ask_removal(host, context, choice.budget)
            case _:
                assert_never(choice.does)
    host.tour.do(TourStep.COSTS)


async def _ask_limit(
    host: "ActionHost", context: ActionContext, choice: BudgetChoice, project: ProjectName | None
) -> Budget | None:
    """Ask for a limit. The form keeps the typed text until the limit is stored."""

    async def save(draft: BudgetDraft) -> Budget:
        user_id = (await context.operator.find_actor(draft.person)).id if draft.person else draft.owner.user_id
        write = context.store.set_budget(
            user_id=user_id,
            project_id=draft.owner.project_id,
            period=draft.period,
            limit_cents=draft.limit_cents,
            warn_share=draft.warn_share,
            expected_budget=draft.expected_budget,
        )
        try:
            return await host.tasks.noted(context.resolver.resolve(write), limit_message)
        finally:
            context.jobs_changed(())

    choices = await _choices(context, project) if choice.budget is None else [_owner_of(choice.budget)]
    form = BudgetForm(choices=choices, known=choice.known, change=choice.budget, save=save)
    budget = await host.app.push_screen_wait(form)
    if budget is not None:
        # This message reports the state, so the next refresh must not report it again.
        host.budget_news.learn_own(budget)
        show_message(host.app, limit_message(budget))
    return budget


async def _choices(context: ActionContext, shown: ProjectName | None) -> Sequence[BudgetOwner]:
    """Return the listed project and its owner first, then the other projects and an entry for any user."""
    others = [_of_project(project) for project in context.projects if project != shown]
    if shown is None:
        return [*others, _A_PERSON]
    email: str | None = None
    with suppress(StoreError):
        email = (await context.operator.find_actor(str(shown.user_id))).email
    owner = BudgetOwner(label=f"Project owner, {email or f'user {short_id(shown.user_id)}'}", user_id=shown.user_id)
    return [_of_project(shown), owner, *others, _A_PERSON]


def _of_project(project: ProjectName) -> BudgetOwner:
    return BudgetOwner(label=f"Project {project.name}", project_id=project.id)


def _owner_of(budget: Budget) -> BudgetOwner:
    return BudgetOwner(label=owner_words(budget), user_id=budget.user_id, project_id=budget.project_id)


async def _ask_removal(host: "ActionHost", context: ActionContext, budget: Budget) -> None:
    question = Confirmation(
        title="Remove this budget?",
        lines=(budget_words(budget), "", where(context.database), forgotten_words(budget)),
        agree="Remove",
        is_dangerous=True,
        declined="The budget was kept. {key} removes it.",
    )
    if await host.app.push_screen_wait(ConfirmDialog(question)):
        await host.tasks.write(_remove(context, budget), doing="Removing the budget …").wait()


async def _remove(context: ActionContext, budget: Budget) -> Message:
    """Remove the budget and return a message. Raise a StoreError on failure."""
    try:
        return removal_message(await context.resolver.resolve(context.store.remove_budget(budget.id)))
    finally:
        context.jobs_changed(())
