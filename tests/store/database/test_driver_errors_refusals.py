"""What a refusal is called."""

import json
from dataclasses import asdict, replace
from uuid import UUID

import pytest

from store.budgets.budget import Period, Refusal
from store.database.driver_errors import read_refusal, refusal_hint, refusal_words

PROJECT = UUID(int=3)

REFUSAL = Refusal(
    budget_id=UUID(int=1),
    user_id=None,
    project_id=PROJECT,
    period=Period.MONTH,
    limit_cents=10_000,
    spent_cents=9_950,
    asked_cents=100,
)

ENDLESS = json.dumps({**asdict(REFUSAL), "limit_cents": float("inf")}, default=str)

"""It is read as a number, and no integer is as large."""


def test_refusal_words_name_the_limit_the_spending_and_the_requested_cost() -> None:
    assert refusal_words(REFUSAL, "Autumn") == (
        "The monthly budget of project 'Autumn' can't cover $1.00: $99.50 of $100.00 are spent."
    )
    assert refusal_hint(REFUSAL) == (
        "The budget starts again on the first day of the next month, at 00:00 UTC."
        " Press b in the dashboard to raise the limit, or run 'gjobs budgets set'."
    )


def test_refusal_words_say_when_the_budget_is_used_up() -> None:
    spent = replace(REFUSAL, limit_cents=500, spent_cents=620, asked_cents=0)
    of_user = replace(spent, user_id=UUID(int=2), project_id=None, period=Period.ALL)
    assert refusal_words(of_user, "ada@example.com") == (
        "The total budget of user ada@example.com has run out: $6.20 of $5.00 are spent."
    )
    assert refusal_hint(of_user) == "Press b in the dashboard to raise the limit, or run 'gjobs budgets set'."


def test_refusal_words_use_the_id_when_there_is_no_name() -> None:
    assert refusal_words(REFUSAL, None).startswith(f"The monthly budget of project {PROJECT} can't")


@pytest.mark.parametrize(
    "detail",
    [None, "", "no", "[]", "{}", "null", "1", json.dumps({"budget_id": "x"}), "[" * 100_000, ENDLESS],
)
def test_foreign_error_with_the_same_sqlstate_is_not_a_refusal(detail: str | None) -> None:
    assert read_refusal(detail) is None
