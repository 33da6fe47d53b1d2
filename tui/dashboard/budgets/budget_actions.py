"""Sets, changes and removes budgets."""

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from store.budgets.budget import Budget, Budgets
from store.errors import StoreError
from store.job_list.listing import ProjectName
from tui.dashboard.action_context import ActionContext, context_for, require_operator
from tui.dashboard.budgets.budgets_dialog import BudgetChoice, BudgetDraft, BudgetForm, BudgetOwner, BudgetsDialog
from tui.dashboard.databases import may_write
from tui.dashboard.dialogs.dialog import ConfirmDialog
from tui.dashboard.widgets import show_toast
from tui.text.budget_text import budget_words, forgotten_words, owner_words, removed_toast, set_toast
from tui.text.error_text import Toast
from tui.text.format import short_id
from tui.text.write_text import Confirmation, where

if TYPE_CHECKING:
    from tui.dashboard.app import GjobsApp

_A_PERSON = BudgetOwner(label="A person, by e-mail or id")


async def show_budgets(app: "GjobsApp", context: ActionContext) -> None:
    """Those that the listed project is charged to, or all; again after each change, until the list is left."""
    project_id, project = app.dashboard.listed.project_id, app.dashboard.shown_project

    async def ask() -> Budgets:
        return await context.store.get_budgets(project_id)

    def may_set() -> bool:
        is_theirs = require_operator(app, context.store.actor, "sets budgets")
        return is_theirs and context_for(app, "set_budget") is not None and may_write(app)

    of, last = app.dashboard.listed_name, None
    while choice := await app.push_screen_wait(BudgetsDialog(ask, of=of, may_set=may_set, last=last)):
        last = choice.budget or last
        if choice.does == "set":
            last = await _ask_limit(app, context, choice, project) or last
        elif choice.budget is not None:
            await _ask_removal(app, context, choice.budget)


async def _ask_limit(
    app: "GjobsApp", context: ActionContext, choice: BudgetChoice, project: ProjectName | None
) -> Budget | None:
    """The form keeps what was typed until the limit has been stored."""

    async def save(wanted: BudgetDraft) -> Budget:
        user_id = (await context.operator.find_actor(wanted.person)).id if wanted.person else wanted.owner.user_id
        write = context.store.set_budget(
            user_id=user_id,
            project_id=wanted.owner.project_id,
            period=wanted.period,
            limit_cents=wanted.limit_cents,
            warn_share=wanted.warn_share,
            expected_budget=wanted.expected_budget,
        )
        try:
            return await context.write_resolver.resolve(write)
        finally:
            context.changed(())

    choices = await _choices(context, project) if choice.budget is None else [_owner_of(choice.budget)]
    form = BudgetForm(choices=choices, known=choice.known, change=choice.budget, save=save)
    budget = await app.push_screen_wait(form)
    if budget is not None:
        # How it stands is told here: it is no news when it is seen next.
        app.budget_news.learn([budget])
        show_toast(app, set_toast(budget))
    return budget


async def _choices(context: ActionContext, shown: ProjectName | None) -> Sequence[BudgetOwner]:
    """The listed project and its owner first; the other projects, and anybody."""
    others = [_of_project(project) for project in context.projects if project != shown]
    if shown is None:
        return [*others, _A_PERSON]
    email: str | None = None
    with suppress(StoreError):
        email = (await context.operator.find_actor(str(shown.user_id))).email
    owner = BudgetOwner(label=f"Its owner, {email or f'user {short_id(shown.user_id)}'}", user_id=shown.user_id)
    return [_of_project(shown), owner, *others, _A_PERSON]


def _of_project(project: ProjectName) -> BudgetOwner:
    return BudgetOwner(label=f"Project {project.name}", project_id=project.id)


def _owner_of(budget: Budget) -> BudgetOwner:
    return BudgetOwner(label=owner_words(budget), user_id=budget.user_id, project_id=budget.project_id)


async def _ask_removal(app: "GjobsApp", context: ActionContext, budget: Budget) -> None:
    question = Confirmation(
        title="Remove this limit?",
        lines=(budget_words(budget), "", where(context.database), forgotten_words(budget)),
        warning=None,
        agree="Remove",
        is_dangerous=True,
    )
    if await app.push_screen_wait(ConfirmDialog(question)):
        await app.background_tasks.write(_remove(context, budget)).wait()


async def _remove(context: ActionContext, budget: Budget) -> Toast:
    """Raises a StoreError."""
    try:
        return removed_toast(await context.write_resolver.resolve(context.store.remove_budget(budget.id)))
    finally:
        context.changed(())
