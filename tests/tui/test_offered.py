"""Why a key does nothing on this database, and what to know of the users to pick from."""

from dataclasses import replace

import pytest

from store.capabilities.capabilities import Capabilities
from store.capabilities.facts import JOBS, USERS, Facts
from store.users.actor import OPERATOR, Actor
from tests.store.capabilities.facts import FACTS, USER, without_login
from tui.dashboard.action_context import remark_on_users, why_not
from tui.dashboard.messages import JobAction


@pytest.mark.parametrize(
    ("wish", "facts", "words"),
    [
        (
            "start",
            without_login(JOBS, update=frozenset()),
            "may not change generation_jobs. Mended by: GRANT UPDATE ON",
        ),
        ("complete", without_login(JOBS, update=frozenset({"status"})), "may not change error of generation_jobs."),
        ("fail", without_login(JOBS, update=frozenset({"status", "error"})), ""),
        ("delete", without_login(JOBS, delete=False), "may not delete rows of generation_jobs."),
        ("create", replace(FACTS, is_replica=True), "This server is a replica: it takes no writes."),
        ("new_project", replace(FACTS, is_replica=True), "This server is a replica: it takes no writes."),
        ("project", replace(FACTS, is_replica=True), ""),
    ],
)
def test_a_key_that_is_refused(wish: str, facts: Facts, words: str) -> None:
    toast = why_not(wish, Capabilities(facts), OPERATOR)
    assert (toast.text if toast else "").startswith("Not possible here: " if words else "")
    assert words in (toast.text if toast else "")
    assert bool(toast) is bool(words)


@pytest.mark.parametrize("wish", JobAction.__args__)  # type: ignore[attr-defined]
@pytest.mark.parametrize("actor", [OPERATOR, USER])
def test_all_is_possible_where_all_is_granted_or_nothing_is_known(wish: str, actor: Actor) -> None:
    assert why_not(wish, Capabilities(FACTS), actor) is None
    assert why_not(wish, None, actor) is None


@pytest.mark.parametrize("wish", JobAction.__args__)  # type: ignore[attr-defined]
def test_every_action_needs_something(wish: str) -> None:
    assert why_not(wish, Capabilities(replace(FACTS, is_replica=True)), OPERATOR) is not None


def test_what_is_hostile_in_a_name_is_harmless() -> None:
    facts = replace(without_login(JOBS, delete=False), login="a\x1b[2Jb")
    toast = why_not("delete", Capabilities(facts), OPERATOR)
    assert toast is not None
    assert "\x1b" not in toast.text


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (FACTS, ""),
        (replace(FACTS, may_become_user=False), "may not act as a user. Mended by: GRANT authenticated TO"),
        (without_login(USERS, schema=False), "Owners of jobs, without their e-mails: No grant: the role"),
    ],
)
def test_what_to_know_of_the_users(facts: Facts, words: str) -> None:
    remark = remark_on_users(Capabilities(facts))
    assert words in remark
    assert bool(remark) is bool(words)
