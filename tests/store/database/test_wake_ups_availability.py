"""Listening is tried only where a LISTEN ends with the session."""

from dataclasses import replace

import pytest

from store.capabilities.facts import REVISIONS, DatabaseFacts
from store.configuration.configuration import Pooler
from store.database.wake_ups import may_listen
from tests.store.capabilities.sample_facts import FACTS, all_of, with_relation

MANAGED = with_relation(REVISIONS, all_of(REVISIONS))

POOLED = replace(MANAGED, server_pid=8)


@pytest.mark.parametrize(
    ("facts", "pooler", "is_allowed"),
    [
        pytest.param(MANAGED, None, True, id="direct"),
        pytest.param(MANAGED, Pooler.SESSION, True, id="direct, though the profile names a session pooler"),
        pytest.param(MANAGED, Pooler.TRANSACTION, False, id="direct, though the profile names a transaction pooler"),
        pytest.param(POOLED, None, False, id="pooler of unknown kind"),
        pytest.param(POOLED, Pooler.SESSION, True, id="session pooler"),
        pytest.param(POOLED, Pooler.TRANSACTION, False, id="transaction pooler"),
        pytest.param(replace(MANAGED, is_replica=True), Pooler.SESSION, False, id="replica"),
        pytest.param(FACTS, Pooler.SESSION, False, id="no triggers"),
    ],
)
def test_listening_is_tried_only_on_direct_connections_and_session_poolers(
    facts: DatabaseFacts, pooler: Pooler | None, is_allowed: bool
) -> None:
    assert may_listen(facts, pooler) is is_allowed
