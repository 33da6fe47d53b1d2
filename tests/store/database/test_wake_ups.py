"""Being told of changes: proven first, made anew when lost, and never left behind."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo
from sqlalchemy import text

from store import poller
from store.database import wake_ups as database_wake_ups
from store.database.database import Database
from store.database.listening import ListenConnection
from store.database.wake_ups import TRIGGERS, WakeUp, wake_ups
from store.errors import UnexpectedError
from tests.conftest import Conninfo
from tests.store.database.listening_sessions import Server
from tests.store.faulty_servers import proxied
from tests.store.store_fixtures import altered, sql_of, until


class Listener:
    def __init__(self, database: Database) -> None:
        self.words = wake_ups(database)

    async def next(self) -> WakeUp:
        async with asyncio.timeout(60):
            return await anext(self.words)

    async def ends(self) -> bool:
        with pytest.raises(StopAsyncIteration):
            await self.next()
        return True


@asynccontextmanager
async def listening(database: Database) -> AsyncIterator[Listener]:
    listener = Listener(database)
    async with aclosing(listener.words):
        yield listener


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was lost is made anew without a pause."""
    monkeypatch.setattr(database_wake_ups, "wait_after_failure", lambda interval, attempts: 0.0)


@pytest.mark.parametrize("rows", [1, 3])
async def test_wake_ups_are_proven_and_then_report_each_change(
    listener: Database, notifying_server: Server, rows: int
) -> None:
    async with listening(listener) as heard:
        assert await heard.next() is WakeUp.PROVEN
        assert len(notifying_server.listeners) == 1
        for _ in range(2):
            notifying_server.change(rows)
            assert await heard.next() is WakeUp.CHANGED
    await until(lambda: notifying_server.listeners == [])


async def test_several_listeners_hear_the_same_change(
    notifying_database: Conninfo, listener: Database, notifying_server: Server
) -> None:
    other = Database(notifying_database)
    async with listening(listener) as one, listening(other) as another:
        assert [await one.next(), await another.next()] == [WakeUp.PROVEN] * 2
        assert len(notifying_server.listeners) == 2
        notifying_server.change()
        assert [await one.next(), await another.next()] == [WakeUp.CHANGED] * 2
    await other.close()


async def test_lost_listen_connection_is_opened_again(
    listener: Database, notifying_server: Server, at_once: None
) -> None:
    async with listening(listener) as heard:
        assert await heard.next() is WakeUp.PROVEN
        (pid,) = notifying_server.listeners
        notifying_server.terminate(pid)
        assert await heard.next() is WakeUp.LOST
        assert await heard.next() is WakeUp.PROVEN
        notifying_server.change()
        assert await heard.next() is WakeUp.CHANGED


async def test_listener_keeps_retrying_while_the_server_is_unreachable(
    notifying_database: Conninfo, notifying_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[int] = []

    async with proxied(notifying_database) as (proxy, through_proxy):

        def wait(interval: float, attempts: int) -> float:
            waits.append(attempts)
            if attempts == 3:
                proxy.come_back()
            return 0.0

        monkeypatch.setattr(database_wake_ups, "wait_after_failure", wait)
        database = Database(through_proxy)
        async with listening(database) as heard:
            assert await heard.next() is WakeUp.PROVEN
            proxy.go_away()
            assert await heard.next() is WakeUp.LOST
            assert await heard.next() is WakeUp.PROVEN
        await database.close()
    assert waits == [1, 2, 3]


async def test_error_after_the_proof_is_reported_as_a_lost_connection(
    listener: Database, notifying_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with listening(listener) as heard:
        assert await heard.next() is WakeUp.PROVEN

        async def refused(_: ListenConnection) -> frozenset[str]:
            raise UnexpectedError("The database answered with an error.")

        monkeypatch.setattr(ListenConnection, "wait_for_channels", refused)
        assert await heard.next() is WakeUp.LOST
        assert await heard.ends()


async def test_listener_gives_up_when_the_proof_does_not_arrive(
    listener: Database, notifying_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As through a pooler by transaction, had it been tried there."""
    monkeypatch.setattr(database_wake_ups, "_NOTIFY", text("select 1 where :channel <> ''"))
    monkeypatch.setattr(database_wake_ups, "PATIENCE_WITH_PROOF", 0.05)
    async with listening(listener) as heard:
        assert await heard.ends()
    await until(lambda: notifying_server.listeners == [])


async def test_listener_opens_no_connection_without_enabled_triggers(
    listener: Database, notifying_server: Server
) -> None:
    table = f"alter table generation_jobs {{}} trigger {TRIGGERS[1]}"
    with altered(sql_of(notifying_server.connection), table.format("disable"), table.format("enable always")):
        async with listening(listener) as heard:
            assert await heard.ends()


async def test_killed_listener_process_leaves_no_session(
    notifying_database: Conninfo, notifying_server: Server
) -> None:
    program = (
        "import asyncio, sys\n"
        "from psycopg.conninfo import conninfo_to_dict\n"
        "from store.database.database import Database\n"
        "from store.database.wake_ups import wake_ups\n"
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
    """No notification announces what changes in the silence."""
    (function,) = (Path(__file__).parents[3] / "migrations").rglob("tell_listeners.sql")
    (milliseconds,) = re.findall(r"> (\d+) and gjobs\.may_notify", function.read_text())
    assert int(milliseconds) / 1000 < poller.IDLE_AFTER
