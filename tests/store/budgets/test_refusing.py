"""What a refusal is called."""

import json
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

ENDLESS = json.dumps(
    {
        "budget_id": str(UUID(int=1)),
        "user_id": None,
        "project_id": str(PROJECT),
        "period": "day",
        "limit_cents": float("inf"),
        "spent_cents": 0,
        "asked_cents": 0,
    }
)

"""It is read as a number, and no integer is as large."""


def test_it_names_limit_spent_and_asked() -> None:
    assert refusal_words(REFUSAL, "Autumn") == (
        "The monthly budget of project 'Autumn' has no room for $1.00: $99.50 of $100.00 are spent."
    )
    assert refusal_hint(REFUSAL) == (
        "The next month begins on its first day at 00:00 UTC;"
        " 'gjobs budgets set' raises the limit, and so do the dashboard's budgets."
    )


def test_where_nothing_is_left() -> None:
    of_user = Refusal(
        budget_id=UUID(int=1),
        user_id=UUID(int=2),
        project_id=None,
        period=Period.ALL,
        limit_cents=500,
        spent_cents=620,
        asked_cents=0,
    )
    assert refusal_words(of_user, "ada@example.com") == (
        "The total budget of user ada@example.com is used up: $6.20 of $5.00 are spent."
    )
    assert refusal_hint(of_user) == "'gjobs budgets set' raises the limit, and so do the dashboard's budgets."


def test_without_a_name_it_has_its_id() -> None:
    assert refusal_words(REFUSAL, None).startswith(f"The monthly budget of project {PROJECT} has")


@pytest.mark.parametrize(
    "detail",
    [None, "", "no", "[]", "{}", "null", "1", json.dumps({"budget_id": "x"}), "[" * 100_000, ENDLESS],
)
def test_what_others_raise_with_the_same_state_is_none(detail: str | None) -> None:
    assert read_refusal(detail) is None
