"""Where listening may be tried: never where a LISTEN would be left behind."""

from dataclasses import replace

import pytest

from store.capabilities.facts import REVISIONS, DatabaseFacts
from store.configuration.configuration import Pooler
from store.database.wake_ups import may_listen
from tests.store.capabilities.sample_facts import FACTS, all_of, with_relation

MANAGED = with_relation(REVISIONS, all_of(REVISIONS))

POOLED = replace(MANAGED, server_pid=8)


@pytest.mark.parametrize(
    ("facts", "pooler", "may"),
    [
        pytest.param(MANAGED, None, True, id="direct"),
        pytest.param(MANAGED, Pooler.SESSION, True, id="direct, though a pooler was said to be there"),
        pytest.param(MANAGED, Pooler.TRANSACTION, False, id="a pooler that cannot be told from a server"),
        pytest.param(POOLED, None, False, id="some pooler"),
        pytest.param(POOLED, Pooler.SESSION, True, id="a pooler by session"),
        pytest.param(POOLED, Pooler.TRANSACTION, False, id="a pooler by transaction"),
        pytest.param(replace(MANAGED, is_replica=True), Pooler.SESSION, False, id="a replica"),
        pytest.param(FACTS, Pooler.SESSION, False, id="nobody tells"),
    ],
)
def test_listening_is_tried_only_where_it_leaves_nothing_behind(
    facts: DatabaseFacts, pooler: Pooler | None, may: bool
) -> None:
    assert may_listen(facts, pooler) is may
