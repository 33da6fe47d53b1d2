"""Why a key is refused on this database, and the remark above the list of users."""

from dataclasses import replace

import pytest

from gjobs.store.capabilities.capabilities import Capabilities
from gjobs.store.capabilities.capability import JOBS, USERS, DatabaseFacts
from gjobs.store.users.actor import OPERATOR, Actor
from gjobs.tui.dashboard.actions.action_context import missing_capability_words, remark_on_acting
from gjobs.tui.dashboard.bindings import KEYS, WRITES
from tests.store.capabilities.sample_facts import FACTS, USER, without_login

REPLICA = replace(FACTS, is_replica=True)

NO_UPDATE = without_login(JOBS, update=frozenset())

NO_DELETE = replace(without_login(JOBS, delete=False), login="a\x1b[2Jb")


@pytest.mark.parametrize(
    ("key", "facts", "words"),
    [
        ("job.start", NO_UPDATE, "may not change generation_jobs. To fix it, run: GRANT UPDATE ON"),
        ("job.complete", without_login(JOBS, update=frozenset({"status"})), "may not change error of generation_jobs."),
        ("job.fail", without_login(JOBS, update=frozenset({"status", "error"})), ""),
        ("job.delete", NO_DELETE, "a␛[2Jb may not delete rows of generation_jobs."),
        ("job.new", REPLICA, "This server is a replica and accepts no writes."),
        ("project.new", REPLICA, "This server is a replica and accepts no writes."),
        ("project.pick", REPLICA, ""),
    ],
)
def test_warning_about_a_missing_capability_explains_why_a_key_is_refused(
    key: str, facts: DatabaseFacts, words: str
) -> None:
    text = missing_capability_words(KEYS[key].needs, Capabilities(facts), OPERATOR)
    assert text.startswith("Not possible here: ") is bool(words)
    assert words in text
    assert text.isprintable()


@pytest.mark.parametrize("key", [name for name, key in KEYS.items() if WRITES in key.traits])
@pytest.mark.parametrize("actor", [OPERATOR, USER])
def test_job_action_is_refused_only_with_known_missing_capabilities(key: str, actor: Actor) -> None:
    needs = KEYS[key].needs
    assert missing_capability_words(needs, Capabilities(FACTS), actor) == ""
    assert missing_capability_words(needs, None, actor) == ""
    assert missing_capability_words(needs, Capabilities(REPLICA), actor)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (FACTS, ""),
        (replace(FACTS, may_become_user=False), "may not act as a user. To fix it, run: GRANT authenticated TO"),
        (
            without_login(USERS, schema=False),
            "Only owners of jobs are listed, without their e-mails: No grant: the role",
        ),
    ],
)
def test_remark_on_acting_explains_missing_privileges(facts: DatabaseFacts, words: str) -> None:
    remark = remark_on_acting(Capabilities(facts))
    assert words in remark
    assert bool(remark) is bool(words)
