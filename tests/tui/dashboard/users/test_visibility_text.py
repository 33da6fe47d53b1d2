"""Texts of the visibility view for each kind of policies."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from gjobs.store.job_list.list_query import ReadRules, RowWindow, RowWindowQuery, VisibilityComparison
from gjobs.store.jobs.job_results import CappedCount
from gjobs.store.users.actor import ActingUser
from gjobs.tui.dashboard.list.list_header import (
    hiding_lines,
    list_note,
    no_totals,
    refused_words,
    short_verdict,
    verdict,
)
from tests.store.store_fixtures import make_policy
from tests.tui.sample_jobs import make_listed

OWN = make_policy("Own rows", "(auth.uid() = user_id)")

TEAM = make_policy("Team", None)

PAID = make_policy("Paid", "(cost_cents > 0)", is_permissive=False)

RULES = ReadRules(
    role="authenticated", is_granted=True, has_row_security=True, holds_for_operator=False, policies=(OWN,)
)

SEEN, UNSEEN = make_listed(1), make_listed(2)

COMPARISON = VisibilityComparison(
    user=ActingUser(id=UUID(int=7), email="ana@example.com"),
    window=RowWindow(query=RowWindowQuery(), jobs=(SEEN, UNSEEN), has_before=False, has_after=False),
    hidden=frozenset({UNSEEN.id}),
    everything=CappedCount(number=41),
    seen=CappedCount(number=37),
    rules=RULES,
)


def with_rules(**changes: Any) -> VisibilityComparison:
    return replace(COMPARISON, rules=replace(RULES, **changes))


def counted(seen: int, everything: int, *, is_more: bool = False) -> VisibilityComparison:
    total = CappedCount(number=everything, is_more=is_more)
    return replace(COMPARISON, seen=CappedCount(number=seen), everything=total)


def of_user(email: str | None) -> VisibilityComparison:
    return replace(COMPARISON, user=ActingUser(id=UUID(int=7), email=email))


@pytest.mark.parametrize(
    ("visibility", "words"),
    [
        (COMPARISON, "ana@example.com sees 37 of 41"),
        (counted(0, 41), "ana@example.com sees 0 of 41"),
        (counted(9_999, 10_000, is_more=True), "ana@example.com sees 9,999 of ≥ 10,000"),
        (with_rules(is_granted=False), "ana@example.com sees none: no grant"),
        (with_rules(holds_for_operator=True), "ana@example.com sees 37, and the operator sees 41"),
        (of_user(None), f"{UUID(int=7)} sees 37 of 41"),
        (of_user("a\x1b[31mb"), "a␛[31mb sees 37 of 41"),
    ],
)
def test_visibility_verdict_shows_how_many_jobs_the_user_sees(visibility: VisibilityComparison, words: str) -> None:
    assert verdict(visibility) == words
    assert words.endswith(short_verdict(visibility))


NO_POLICY = (
    "from every user: no policy lets authenticated read",
    "Row level security is on, but no policy lets authenticated read any job.",
)


@pytest.mark.parametrize(
    ("changes", "note", "why"),
    [
        ({}, "by the policy “Own rows”", "The policy “Own rows” does not allow it."),
        (
            {"policies": (OWN, TEAM)},
            "by the policies “Own rows”, “Team”",
            "None of the 2 permissive policies allows this job.",
        ),
        (
            {"policies": (OWN, PAID)},
            "by the policies “Own rows”, “Paid”",
            "The policy “Own rows” does not allow it, or this restrictive policy hides it: “Paid”.",
        ),
        ({"policies": ()}, *NO_POLICY),
        ({"policies": (PAID,)}, *NO_POLICY),
        (
            {"is_granted": False},
            "from every user: authenticated has no grant",
            "The role authenticated has no grant to read the jobs, so no user sees any.",
        ),
        (
            {"has_row_security": False},
            "by something other than a policy",
            "No policy hides it, because row level security is off. Something else hides it.",
        ),
    ],
)
def test_hidden_job_note_explains_which_rule_hides_it(changes: dict[str, Any], note: str, why: str) -> None:
    assert list_note(with_rules(**changes)) == f"⊘ hidden {note}"
    assert hiding_lines(with_rules(**changes))[0] == f"⊘ hidden from ana@example.com. {why}"


def test_hidden_job_lines_list_the_policies_with_their_expressions() -> None:
    assert hiding_lines(with_rules(policies=(OWN, PAID, TEAM)))[1:] == (
        "“Own rows” allows (auth.uid() = user_id)",
        "“Paid” hides all but (cost_cents > 0)",
        "“Team” allows nothing",
    )
    assert hiding_lines(with_rules(is_granted=False))[1:] == ()


def test_list_without_hidden_jobs_has_no_note_unless_policies_also_apply_to_the_operator() -> None:
    assert list_note(replace(COMPARISON, hidden=frozenset())) == ""
    assert "may miss rows" in list_note(replace(with_rules(holds_for_operator=True), hidden=frozenset()))


def test_missing_grant_is_shown_instead_of_totals() -> None:
    assert no_totals(None) == no_totals(COMPARISON) == ""
    assert "ana@example.com may not read the jobs" in no_totals(with_rules(is_granted=False))


def test_refused_action_message_names_the_hidden_jobs_and_the_key() -> None:
    one = "ana@example.com does not see this job. Press u to act as the operator."
    some = "ana@example.com does not see 1 of these 2 jobs. Press x to act as the operator."
    assert refused_words(COMPARISON, [UNSEEN], 1, key="u") == one
    assert refused_words(COMPARISON, [SEEN, UNSEEN], 1, key="x") == some
