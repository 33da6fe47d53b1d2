"""Set, change and remove budgets."""

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, assert_never

from gjobs.store.budgets.budget import Budget, Budgets
from gjobs.store.errors import StoreError
from gjobs.store.job_list.listing import ProjectName
from gjobs.store.users.actor import OPERATOR
from gjobs.tui.dashboard.action_context import ActionContext, context_for, require_operator
from gjobs.tui.dashboard.budgets.budgets_dialog import BudgetChoice, BudgetDraft, BudgetForm, BudgetOwner, BudgetsDialog
from gjobs.tui.dashboard.databases import is_read_only, may_write
from gjobs.tui.dashboard.dialogs.dialog import ConfirmDialog
from gjobs.tui.dashboard.message_board import show_message
from gjobs.tui.dashboard.tour.tour import TourStep
from gjobs.tui.text.budget_text import (
    budget_words,
    forgotten_words,
    limit_message,
    owner_words,
    removal_message,
)
from gjobs.tui.text.error_text import Message
from gjobs.tui.text.format import short_id
from gjobs.tui.text.write_text import Confirmation, where

if TYPE_CHECKING:
    from gjobs.tui.dashboard.action_host import ActionHost

_A_PERSON = BudgetOwner(label="A user, by e-mail or id")


async def show_budgets(host: "ActionHost", context: ActionContext) -> None:
    """Show the budgets that apply to the listed project, or all budgets. Show them again after each change."""
    project_id, project = host.dashboard.listed.project_id, host.dashboard.shown_project

    async def ask() -> Budgets:
        return await context.store.get_budgets(project_id)

    def may_set() -> bool:
        is_theirs = require_operator(host, context.store.actor, "sets budgets")
        return is_theirs and context_for(host, "set_budget") is not None and may_write(host)

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
        warning=None,
        agree="Remove",
        is_dangerous=True,
    )
    if await host.app.push_screen_wait(ConfirmDialog(question)):
        await host.tasks.write(_remove(context, budget), doing="Removing the budget …").wait()


async def _remove(context: ActionContext, budget: Budget) -> Message:
    """Remove the budget and return a message. Raise a StoreError on failure."""
    try:
        return removal_message(await context.resolver.resolve(context.store.remove_budget(budget.id)))
    finally:
        context.jobs_changed(())
