"""What starts a server again that died: once at a time, and only what is gone."""

import asyncio
import threading

import pytest

from store.errors import NoPrivilege, OutcomeUnknown, SchemaMissing, StoreError, Unreachable
from store.journal.write_record import UnconfirmedWrite, WriteRecord
from tui.cli.sessions import ServerRestarts


async def test_server_restart_runs_only_once_at_a_time() -> None:
    calls: list[None] = []
    may_end, ended = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def revive() -> bool:
        calls.append(None)
        may_end.wait()
        loop.call_soon_threadsafe(ended.set)
        return True

    reviving = ServerRestarts(revive)
    reviving.after(NoPrivilege("Not permitted."))
    reviving.after(Unreachable("No answer."))
    reviving.after(Unreachable("No answer."))
    may_end.set()
    await ended.wait()
    assert len(calls) == 1


@pytest.mark.parametrize(
    "error",
    [
        Unreachable("No answer."),
        OutcomeUnknown("The link broke.", UnconfirmedWrite(written=WriteRecord(what="sign on"), journal_ref=None)),
    ],
)
async def test_failed_server_restart_raises_no_error(error: StoreError) -> None:
    tried = asyncio.Event()
    loop = asyncio.get_running_loop()

    def revive() -> bool:
        loop.call_soon_threadsafe(tried.set)
        raise SchemaMissing("Its directory is gone.")

    ServerRestarts(revive).after(error)
    await tried.wait()
    ServerRestarts(None).after(error)
