"""Change notifications through poolers on a migrated database of an app."""

import pytest

from gjobs.store.configuration.settings import Pooler
from gjobs.store.database.wake_ups import WakeUp, may_listen
from gjobs.store.store import Store
from tests.conftest import Conninfo
from tests.hosted.access_routes import Login
from tests.store.database.listening_sessions import Server
from tests.store.database.test_wake_ups import listening
from tests.store.store_fixtures import opened, until

pytestmark = pytest.mark.migrated


async def test_listening_works_through_a_declared_session_pooler(
    app_database: Conninfo, pooled_by_session: Login
) -> None:
    async with opened(pooled_by_session.conninfo) as database:
        facts = (await Store(database).capability_cache.get()).facts
        assert not may_listen(facts, None)
        assert may_listen(facts, Pooler.SESSION)
        with Server.on(app_database) as server:
            async with listening(database) as heard:
                assert await heard.next() is WakeUp.PROVEN
                server.change()
                assert await heard.next() is WakeUp.CHANGED
                assert len(server.listeners) == 1
            await until(lambda: server.listeners == [])


async def test_nothing_listens_through_a_transaction_pooler(
    app_database: Conninfo, pooled_by_transaction: Login
) -> None:
    async with opened(pooled_by_transaction.conninfo) as database:
        facts = (await Store(database).capability_cache.get()).facts
    assert not may_listen(facts, None)
    assert not may_listen(facts, Pooler.TRANSACTION)
