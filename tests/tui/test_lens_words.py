"""What is said of the lens, of each kind of rules."""

from dataclasses import replace
from uuid import UUID

import pytest

from store.job_list.list_query import WindowQuery
from store.job_list.listing import Lens, Policy, ReadRules, Window
from store.jobs.job_results import CappedCount
from store.users.actor import ActingUser
from tests.tui.support import make_listed
from tui.dashboard.users.visibility_text import (
    hiding_lines,
    list_note,
    no_numbers,
    refused_toast,
    short_verdict,
    verdict,
)

OWN = Policy(name="Own rows", is_permissive=True, expression="(auth.uid() = user_id)")

TEAM = Policy(name="Team", is_permissive=True, expression=None)

PAID = Policy(name="Paid", is_permissive=False, expression="(cost_cents > 0)")

RULES = ReadRules(
    role="authenticated", is_granted=True, has_row_security=True, holds_for_operator=False, policies=(OWN,)
)

SEEN, UNSEEN = make_listed(1), make_listed(2)

LENS = Lens(
    user=ActingUser(id=UUID(int=7), email="ana@example.com"),
    window=Window(query=WindowQuery(), jobs=(SEEN, UNSEEN), has_before=False, has_after=False),
    hidden=frozenset({UNSEEN.id}),
    everything=CappedCount(number=41),
    seen=CappedCount(number=37),
    rules=RULES,
)


def ruled(**changes: object) -> Lens:
    return replace(LENS, rules=replace(RULES, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("lens", "words"),
    [
        (LENS, "ana@example.com sees 37 of 41"),
        (replace(LENS, seen=CappedCount(number=0)), "ana@example.com sees 0 of 41"),
        (
            replace(LENS, seen=CappedCount(number=9_999), everything=CappedCount(number=10_000, is_more=True)),
            "ana@example.com sees 9,999 of ≥ 10,000",
        ),
        (ruled(is_granted=False), "ana@example.com sees none: no grant"),
        (ruled(holds_for_operator=True), "ana@example.com sees 37, the operator 41"),
        (replace(LENS, user=ActingUser(id=UUID(int=7))), f"{UUID(int=7)} sees 37 of 41"),
        (replace(LENS, user=ActingUser(id=UUID(int=7), email="a\x1b[31mb")), "a␛[31mb sees 37 of 41"),
    ],
)
def test_the_verdict(lens: Lens, words: str) -> None:
    assert verdict(lens) == words
    assert words.endswith(short_verdict(lens))


@pytest.mark.parametrize(
    ("lens", "note", "why"),
    [
        (LENS, "by the policy “Own rows”", "The policy “Own rows” does not let it through."),
        (
            ruled(policies=(OWN, TEAM)),
            "by the policies “Own rows”, “Team”",
            "None of the 2 policies that let jobs through lets this one through.",
        ),
        (
            ruled(policies=(OWN, PAID)),
            "by the policies “Own rows”, “Paid”",
            "The policy “Own rows” does not let it through, or a restrictive one keeps it back: “Paid”.",
        ),
        (
            ruled(policies=()),
            "from everybody: no policy lets authenticated read",
            "Row level security is on, and no policy lets authenticated read any job.",
        ),
        (
            ruled(policies=(PAID,)),
            "from everybody: no policy lets authenticated read",
            "Row level security is on, and no policy lets authenticated read any job.",
        ),
        (
            ruled(is_granted=False),
            "from everybody: authenticated has no grant",
            "The role authenticated has no grant to read the jobs, so no user sees any.",
        ),
        (
            ruled(has_row_security=False),
            "by something else than a policy",
            "No policy hides it: row level security is off, so something else keeps it back.",
        ),
    ],
)
def test_why_a_job_is_hidden(lens: Lens, note: str, why: str) -> None:
    assert list_note(lens) == f"⊘ hidden {note}"
    assert hiding_lines(lens)[0] == f"⊘ hidden from ana@example.com. {why}"


def test_the_policies_are_shown_with_what_they_say() -> None:
    assert hiding_lines(ruled(policies=(OWN, PAID, TEAM)))[1:] == (
        "“Own rows” lets through (auth.uid() = user_id)",
        "“Paid” keeps back all but (cost_cents > 0)",
        "“Team” lets through nothing",
    )
    assert hiding_lines(ruled(is_granted=False))[1:] == ()


def test_nothing_is_said_of_a_list_of_which_nothing_is_hidden() -> None:
    assert list_note(replace(LENS, hidden=frozenset())) == ""


def test_an_operator_who_may_miss_rows_says_so() -> None:
    assert "may miss rows" in list_note(replace(ruled(holds_for_operator=True), hidden=frozenset()))


def test_no_numbers_without_a_grant_and_else_there_are_some() -> None:
    assert no_numbers(None) == no_numbers(LENS) == ""
    assert "ana@example.com may not read the jobs" in no_numbers(ruled(is_granted=False))


def test_a_refusal_names_how_many_and_the_key() -> None:
    assert refused_toast(LENS, [UNSEEN], 1, key="u").text == (
        "ana@example.com does not see this job; press u for the operator."
    )
    assert refused_toast(LENS, [SEEN, UNSEEN], 1, key="x").text == (
        "ana@example.com does not see 1 of these 2 jobs; press x for the operator."
    )
