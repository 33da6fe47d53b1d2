"""What starts a server again that died: once at a time, and only what is gone."""

import asyncio
import threading

import pytest

from store.errors import NoPrivilege, OutcomeUnknown, SchemaMissing, StoreError, Unreachable
from store.journal.write_record import Unconfirmed, Written
from tui.cli.sessions import Reviving


async def test_it_is_started_once_while_it_is_being_started() -> None:
    calls: list[None] = []
    may_end, ended = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def revive() -> bool:
        calls.append(None)
        may_end.wait()
        loop.call_soon_threadsafe(ended.set)
        return True

    reviving = Reviving(revive)
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
        OutcomeUnknown("The link broke.", Unconfirmed(written=Written(what="sign on"), mark=None)),
    ],
)
async def test_what_cannot_be_started_is_waited_for_as_any_other(error: StoreError) -> None:
    tried = asyncio.Event()
    loop = asyncio.get_running_loop()

    def revive() -> bool:
        loop.call_soon_threadsafe(tried.set)
        raise SchemaMissing("Its directory is gone.")

    Reviving(revive).after(error)
    await tried.wait()
    Reviving(None).after(error)
