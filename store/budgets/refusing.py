"""From the database's refusal to ours, in a sentence. Pure."""

import json
from uuid import UUID

from store.budgets.model import Budget, Period, Refusal
from store.errors import BudgetExceeded
from store.money import money

SQLSTATE = "GJ001"

_KINDS = {Period.DAY: "daily", Period.MONTH: "monthly", Period.ALL: "total"}
_AGAIN = {
    Period.DAY: "The next day begins at 00:00 UTC; ",
    Period.MONTH: "The next month begins on its first day at 00:00 UTC; ",
    Period.ALL: "",
}


def read_refusal(detail: str | None) -> Refusal | None:
    """None where it is none of ours: any function of the app's may raise the same SQLSTATE."""
    try:
        told = json.loads(detail or "")
        return Refusal(
            budget_id=UUID(told["budget_id"]),
            user_id=UUID(told["user_id"]) if told["user_id"] else None,
            project_id=UUID(told["project_id"]) if told["project_id"] else None,
            period=Period(told["period"]),
            limit_cents=int(told["limit_cents"]),
            spent_cents=int(told["spent_cents"]),
            asked_cents=int(told["asked_cents"]),
        )
    except (ValueError, OverflowError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def exceeded(refusal: Refusal, name: str | None = None) -> BudgetExceeded:
    """`name` is the project's or the user's, where it is known."""
    words, hint = refusal_words(refusal, name), refusal_hint(refusal)
    return BudgetExceeded(words, refusal, name, hint=hint, sqlstate=SQLSTATE)


def budget_name(budget: Budget | Refusal, name: str | None) -> str:
    """`the monthly budget of project 'Autumn'`; by its id where nothing tells the name."""
    whose = "project" if budget.project_id else "user"
    called = (repr(name) if budget.project_id else name) if name else budget.project_id or budget.user_id
    return f"the {_KINDS[budget.period]} budget of {whose} {called}"


def refusal_words(refusal: Refusal, name: str | None) -> str:
    which = _as_sentence(budget_name(refusal, name))
    spent = f"{money(refusal.spent_cents)} of {money(refusal.limit_cents)} are spent"
    asked = money(refusal.asked_cents)
    if refusal.spent_cents < refusal.limit_cents:
        return f"{which} has no room for {asked}: {spent}."
    return f"{which} is used up: {spent}{f', and {asked} were asked for' if refusal.asked_cents else ''}."


def refusal_hint(refusal: Refusal) -> str:
    return _as_sentence(
        f"{_AGAIN[refusal.period]}'gjobs budgets set' raises the limit, and so do the dashboard's budgets."
    )


def _as_sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"
