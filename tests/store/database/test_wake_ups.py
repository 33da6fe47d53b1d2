"""Wake-ups: a listen connection is proven first, opened again after a loss, and always closed at the end."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

import pytest
from psycopg.conninfo import make_conninfo
from sqlalchemy import text

from gjobs.migrations.scripts import MIGRATIONS
from gjobs.store import poller
from gjobs.store.capabilities.capability import REVISIONS, DatabaseFacts
from gjobs.store.configuration.settings import Pooler
from gjobs.store.database import wake_ups as database_wake_ups
from gjobs.store.database.database import Database, ListenConnection
from gjobs.store.database.wake_ups import TRIGGERS, WakeUp, may_listen, wake_ups
from gjobs.store.errors import UnexpectedError
from tests.conftest import Conninfo
from tests.store.capabilities.sample_facts import FACTS, all_of, with_relation
from tests.store.database.listening_sessions import Server
from tests.store.faulty_servers import proxied
from tests.store.store_fixtures import altered, opened, sql_of, until


class Listener:
    def __init__(self, database: Database) -> None:
        self.wake_ups = wake_ups(database)

    async def next(self) -> WakeUp:
        async with asyncio.timeout(60):
            return await anext(self.wake_ups)

    async def ends(self) -> bool:
        with pytest.raises(StopAsyncIteration):
            await self.next()
        return True


@asynccontextmanager
async def listening(database: Database) -> AsyncIterator[Listener]:
    listener = Listener(database)
    async with aclosing(listener.wake_ups):
        yield listener


async def test_silence_is_reported_and_changes_are_still_heard(
    listener: Database, notifying_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with listening(listener) as session:
        assert await session.next() is WakeUp.PROVEN
        monkeypatch.setattr(database_wake_ups, "SILENCE", 0.01)
        assert [await session.next(), await session.next()] == [WakeUp.SILENT] * 2
        monkeypatch.setattr(database_wake_ups, "SILENCE", 60.0)
        notifying_server.change()
        assert await session.next() is WakeUp.CHANGED


@pytest.mark.parametrize("rows", [1, 3])
async def test_wake_ups_of_all_listeners_are_proven_and_then_report_each_change(
    notifying_database: Conninfo, listener: Database, notifying_server: Server, rows: int
) -> None:
    async with opened(notifying_database) as other, listening(listener) as first, listening(other) as second:
        assert [await first.next(), await second.next()] == [WakeUp.PROVEN] * 2
        assert len(notifying_server.listeners) == 2
        for _ in range(2):
            notifying_server.change(rows)
            assert [await first.next(), await second.next()] == [WakeUp.CHANGED] * 2
    await until(lambda: notifying_server.listeners == [])


async def test_listener_reconnects_once_the_server_is_reachable_and_reports_changes_again(
    notifying_database: Conninfo, notifying_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[int] = []

    def wait(interval: float, attempts: int) -> float:
        waits.append(attempts)
        if attempts == 3:
            proxy.come_back()
        return 0.0

    monkeypatch.setattr(database_wake_ups, "wait_after_failure", wait)
    async with (
        proxied(notifying_database) as (proxy, through_proxy),
        opened(through_proxy) as database,
        listening(database) as session,
    ):
        assert await session.next() is WakeUp.PROVEN
        proxy.go_away()
        assert await session.next() is WakeUp.LOST
        assert await session.next() is WakeUp.PROVEN
        notifying_server.change()
        assert await session.next() is WakeUp.CHANGED
    assert waits == [1, 2, 3]


async def test_error_after_the_proof_is_reported_as_a_lost_connection(
    listener: Database, notifying_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with listening(listener) as session:
        assert await session.next() is WakeUp.PROVEN

        async def refused(_: ListenConnection) -> frozenset[str]:
            raise UnexpectedError("The database answered with an error.")

        monkeypatch.setattr(ListenConnection, "wait_for_channels", refused)
        assert await session.next() is WakeUp.LOST
        assert await session.ends()


async def test_listener_gives_up_when_the_proof_does_not_arrive(
    listener: Database, notifying_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This happens through a transaction pooler."""
    monkeypatch.setattr(database_wake_ups, "_NOTIFY", text("select 1 where :channel <> ''"))
    monkeypatch.setattr(database_wake_ups, "PATIENCE_WITH_PROOF", 0.05)
    async with listening(listener) as session:
        assert await session.ends()
    await until(lambda: notifying_server.listeners == [])


async def test_listener_needs_enabled_triggers(listener: Database, notifying_server: Server) -> None:
    table = f"alter table generation_jobs {{}} trigger {TRIGGERS[1]}"
    with altered(sql_of(notifying_server.connection), table.format("disable"), table.format("enable always")):
        async with listening(listener) as session:
            assert await session.ends()


async def test_killed_listener_leaves_no_session(notifying_database: Conninfo, notifying_server: Server) -> None:
    program = (
        "import asyncio, sys\n"
        "from psycopg.conninfo import conninfo_to_dict\n"
        "from gjobs.store.database.database import Database\n"
        "from gjobs.store.database.wake_ups import wake_ups\n"
        "async def listen():\n"
        "    async for word in wake_ups(Database(conninfo_to_dict(sys.argv[1]))):\n"
        "        print(word.name, flush=True)\n"
        "asyncio.run(listen())\n"
    )
    conninfo = make_conninfo("", **notifying_database)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, conninfo, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"PROVEN\n"
    assert len(notifying_server.listeners) == 1
    process.kill()
    await process.wait()
    await until(lambda: notifying_server.listeners == [])


def test_pollers_wait_longer_than_the_triggers_stay_silent_after_a_notification() -> None:
    """No notification reports changes during the silence."""
    (milliseconds,) = re.findall(r"notified_at\)\) > (\d+) ", (MIGRATIONS / "sql" / "log.sql").read_text())
    assert int(milliseconds) / 1000 < poller.IDLE_AFTER


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
