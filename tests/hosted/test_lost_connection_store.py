"""The connection is cut during a write: the store reports the true outcome, and the write happens at most once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gjobs.store.database.database import Database
from gjobs.store.database.query import TimeLimits
from gjobs.store.errors import TimedOut
from gjobs.store.store import Store
from gjobs.store.users.actor import ActingUser
from tests.conftest import Conninfo, require_tool
from tests.hosted.access_routes import Login
from tests.hosted.connection_cuts import MOMENTS, WRITES, outcome_of
from tests.hosted.pooler import start_pooler
from tests.hosted.write_log import WriteLog
from tests.store.faulty_servers import Proxy, proxied
from tests.tui.jobs_database import ADA, JobsDatabase

CLOSING = 60
"""The number of last bytes that contain a commit and its answer. The test cuts after every fifth of them, and each
message is longer.
"""


@pytest.fixture
def write_log(jobs_db: JobsDatabase, app_database: Conninfo) -> WriteLog:
    return WriteLog(jobs_db, app_database)


@asynccontextmanager
async def cutting(database: Conninfo) -> AsyncIterator[tuple[Store, Proxy]]:
    async with (
        proxied(database) as (proxy, through_proxy),
        Store(Database(through_proxy)) as store,
    ):
        yield store.acting_as(ActingUser(id=ADA)), proxy


async def every_cut_is_reported(
    store: Store, proxy: Proxy, jobs_db: JobsDatabase, write_log: WriteLog, *writes: str
) -> None:
    """At each moment, cut the connection during each write, check the outcome, and repeat a write that was not done."""
    for moment, (cut, outcome, changes) in MOMENTS.items():
        for write in writes:
            start_again(jobs_db, write_log)
            act, verb = WRITES[write]
            proxy.cut = cut
            assert await outcome_of(act(store)) == outcome, (moment, write)
            assert [entry[0] for entry in write_log.entries()] == [verb] * changes, (moment, write)
            proxy.come_back()
            if outcome == "not done":
                await act(store)
                assert [entry[0] for entry in write_log.entries()] == [verb], (moment, write)


def start_again(jobs_db: JobsDatabase, write_log: WriteLog) -> None:
    """Leave one queued job and an empty log."""
    jobs_db.sql("delete from public.generation_jobs")
    jobs_db.job(1)
    write_log.clear()


async def test_store_reports_the_true_outcome_of_a_write_whose_connection_is_cut(
    app_database: Conninfo, jobs_db: JobsDatabase, write_log: WriteLog
) -> None:
    async with cutting(app_database) as (store, proxy):
        await every_cut_is_reported(store, proxy, jobs_db, write_log, *WRITES)


async def test_store_reports_the_true_outcome_when_the_pooler_connection_is_cut(
    pooled_by_transaction: Login, jobs_db: JobsDatabase, write_log: WriteLog
) -> None:
    async with cutting(pooled_by_transaction.conninfo) as (store, proxy):
        await every_cut_is_reported(store, proxy, jobs_db, write_log, "transition")


@pytest.mark.parametrize("moment", MOMENTS)
async def test_store_reports_the_true_outcome_when_the_pooler_loses_the_server(
    owner: Login, jobs_db: JobsDatabase, write_log: WriteLog, moment: str
) -> None:
    cut, outcome, changes = MOMENTS[moment]
    act, verb = WRITES["transition"]
    async with proxied(owner.conninfo) as (proxy, through_proxy):
        port = int(through_proxy["port"])
        with start_pooler(owner.server, require_tool("pgbouncer"), "transaction", server_port=port) as pooler:
            async with Store(Database(pooler.login(owner.database))) as store:
                proxy.cut = cut
                assert await outcome_of(act(store)) == outcome
                assert [entry[0] for entry in write_log.entries()] == [verb] * changes
                proxy.come_back()
                if outcome == "not done":
                    await act(store)
                    assert [entry[0] for entry in write_log.entries()] == [verb]


async def test_write_on_a_silent_connection_times_out_and_is_never_committed(
    app_database: Conninfo, write_log: WriteLog
) -> None:
    for write, (act, _) in WRITES.items():
        async with cutting(app_database) as (store, proxy):
            await store.get_generation_jobs()
            # Set the limit after connecting, which may take longer on a busy machine.
            store.database._limits = TimeLimits(statement=0.2, answer=0.1)
            proxy.fall_silent()
            with pytest.raises(TimedOut):
                await act(store)
            proxy.speak_again()
            assert write_log.entries() == [], write


@pytest.mark.parametrize("write", WRITES)
async def test_store_reports_the_true_outcome_wherever_the_byte_stream_is_cut(
    app_database: Conninfo, jobs_db: JobsDatabase, write_log: WriteLog, write: str
) -> None:
    act, verb = WRITES[write]
    async with cutting(app_database) as (store, proxy):
        await act(store)
        before, whole = proxy.bytes_before_write, proxy.bytes_passed
    # Bytes before a write are the same for all writes, so only one test cuts there, at few places: they only read.
    reading = range(0, before, 600) if write == "transition" else ()
    writing = (*range(before, whole - CLOSING, 200), *range(whole - CLOSING, whole, 5), whole + CLOSING)
    outcomes = set()
    for passing in (*reading, *writing):
        start_again(jobs_db, write_log)
        async with cutting(app_database) as (store, proxy):
            proxy.bytes_left = passing
            outcome = await outcome_of(act(store))
        outcomes.add((outcome, *(entry[0] for entry in write_log.entries())))
    assert outcomes == {("not done",), ("unknown",), ("unknown", verb), ("done", verb)}
