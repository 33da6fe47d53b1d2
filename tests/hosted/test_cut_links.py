"""A link dies under a write: what the store then says of it is what the database has done, once at most."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

import pytest

from store.actor import ActingUser
from store.database import Database, TimeLimits
from store.errors import OutcomeUnknown, StoreError, TimedOut
from store.store import Store
from tests.conftest import Conninfo
from tests.hosted.cutting import COMMITTED, CONFIRMED, NOT_COMMITTED, NOT_MADE, WRITES
from tests.hosted.ledger import Ledger
from tests.store.servers import Cut, Proxy, proxied
from tests.tui.world import ADA, World

pytestmark = pytest.mark.parametrize("write", WRITES)


CLOSING = 60
"""Bytes, in which a commit and its answer lie: of these every third is tried."""


@pytest.fixture
def ledger(world: World, app_database: Conninfo) -> Ledger:
    return Ledger(world, app_database)


@asynccontextmanager
async def cutting(app_database: Conninfo, limits: TimeLimits | None = None) -> AsyncIterator[tuple[Store, Proxy]]:
    async with (
        proxied(app_database) as (proxy, through_proxy),
        Store(Database(through_proxy, limits=limits)) as store,
    ):
        yield store.acting_as(ActingUser(id=ADA)), proxy


@pytest.mark.parametrize("moment", NOT_MADE)
async def test_before_the_commit_nothing_was_done_and_that_is_said(
    app_database: Conninfo, ledger: Ledger, write: str, moment: str
) -> None:
    act, verb = WRITES[write]
    async with cutting(app_database) as (store, proxy):
        proxy.cut = NOT_MADE[moment]
        with pytest.raises(StoreError) as refused:
            await act(store)
        assert not isinstance(refused.value, OutcomeUnknown)
        assert ledger.entries() == []
        proxy.come_back()
        await act(store)
    assert [entry[0] for entry in ledger.entries()] == [verb]


@pytest.mark.parametrize(("cut", "is_made"), [(NOT_COMMITTED, False), (COMMITTED, True)])
async def test_between_the_commit_and_its_answer_the_outcome_is_called_unknown(
    app_database: Conninfo, ledger: Ledger, write: str, cut: Cut, is_made: bool
) -> None:
    act, verb = WRITES[write]
    async with cutting(app_database) as (store, proxy):
        proxy.cut = cut
        with pytest.raises(OutcomeUnknown):
            await act(store)
    assert [entry[0] for entry in ledger.entries()] == [verb] * is_made


async def test_after_the_answer_it_was_done(app_database: Conninfo, ledger: Ledger, write: str) -> None:
    act, verb = WRITES[write]
    async with cutting(app_database) as (store, proxy):
        proxy.cut = CONFIRMED
        await act(store)
        proxy.come_back()
        assert (await store.get_generation_jobs()).items
    assert [entry[0] for entry in ledger.entries()] == [verb]


async def test_a_link_that_falls_silent_is_not_waited_for_and_what_was_not_committed_never_comes_to_be(
    app_database: Conninfo, ledger: Ledger, write: str
) -> None:
    act, _ = WRITES[write]
    async with cutting(app_database, TimeLimits(statement=0.2, answer=0.1)) as (store, proxy):
        await store.get_generation_jobs()
        proxy.fall_silent()
        with pytest.raises(TimedOut):
            await act(store)
        proxy.speak_again()
        assert ledger.entries() == []


async def test_wherever_the_conversation_breaks_off_the_store_says_what_was_done(
    app_database: Conninfo, world: World, ledger: Ledger, write: str
) -> None:
    act, verb = WRITES[write]
    async with cutting(app_database) as (store, proxy):
        await act(store)
        whole = proxy.bytes_passed
    said = set()
    for passing in (*range(0, whole - CLOSING, 150), *range(whole - CLOSING, whole, 3), whole + CLOSING):
        world.sql("delete from public.generation_jobs")
        world.job(1)
        ledger.clear()
        async with cutting(app_database) as (store, proxy):
            proxy.bytes_left = passing
            outcome = await outcome_of(act(store))
        said.add((outcome, *(entry[0] for entry in ledger.entries())))
    assert said == {("not done",), ("unknown",), ("unknown", verb), ("done", verb)}


async def outcome_of(write: Awaitable[object]) -> str:
    try:
        await write
    except OutcomeUnknown:
        return "unknown"
    except StoreError:
        return "not done"
    return "done"
