"""Why a key does nothing on this database, and what to know of the users to pick from."""

from dataclasses import replace

import pytest

from store.capabilities.capabilities import Capabilities
from store.capabilities.facts import JOBS, USERS, DatabaseFacts
from store.users.actor import OPERATOR, Actor
from tests.store.capabilities.facts import FACTS, USER, without_login
from tui.dashboard.action_context import missing_capability_toast, remark_on_users
from tui.dashboard.messages import JobAction


@pytest.mark.parametrize(
    ("action_name", "facts", "words"),
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
def test_missing_capability_toast_explains_why_a_key_is_refused(
    action_name: str, facts: DatabaseFacts, words: str
) -> None:
    toast = missing_capability_toast(action_name, Capabilities(facts), OPERATOR)
    assert (toast.text if toast else "").startswith("Not possible here: " if words else "")
    assert words in (toast.text if toast else "")
    assert bool(toast) is bool(words)


@pytest.mark.parametrize("action_name", JobAction.__args__)  # type: ignore[attr-defined]
@pytest.mark.parametrize("actor", [OPERATOR, USER])
def test_no_action_is_refused_with_full_or_unknown_capabilities(action_name: str, actor: Actor) -> None:
    assert missing_capability_toast(action_name, Capabilities(FACTS), actor) is None
    assert missing_capability_toast(action_name, None, actor) is None


@pytest.mark.parametrize("action_name", JobAction.__args__)  # type: ignore[attr-defined]
def test_every_job_action_is_refused_on_a_replica(action_name: str) -> None:
    assert missing_capability_toast(action_name, Capabilities(replace(FACTS, is_replica=True)), OPERATOR) is not None


def test_missing_capability_toast_escapes_a_hostile_login_name() -> None:
    facts = replace(without_login(JOBS, delete=False), login="a\x1b[2Jb")
    toast = missing_capability_toast("delete", Capabilities(facts), OPERATOR)
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
def test_remark_on_users_explains_missing_privileges(facts: DatabaseFacts, words: str) -> None:
    remark = remark_on_users(Capabilities(facts))
    assert words in remark
    assert bool(remark) is bool(words)
