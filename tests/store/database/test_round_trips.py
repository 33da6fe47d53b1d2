"""How often a client waits for the server, counted by a proxy."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gjobs.store.database.database import Database
from gjobs.store.filters.filter_syntax import parse
from gjobs.store.job_list.list_query import ListingQuery, ListQuery, RowWindowQuery
from gjobs.store.jobs.job import JobStatus
from gjobs.store.jobs.job_results import Applied, Refused
from gjobs.store.journal.journal import Journal, read_journal
from gjobs.store.store import Store
from tests.benchmarks.wire_proxy import WireProxy, wire_proxy
from tests.conftest import Conninfo
from tests.store.store_fixtures import Db

QUERY = ListingQuery(window=RowWindowQuery(after=20))


@pytest.fixture
def proxy(database: Conninfo) -> Iterator[WireProxy]:
    with wire_proxy(database) as proxy:
        yield proxy


@pytest.fixture
async def store(proxy: WireProxy, database: Conninfo, tmp_path: Path) -> AsyncIterator[Store]:
    journal = Journal(tmp_path / "journal", database="testbase")
    async with Store(Database(proxy.conninfo(database), journal=journal)) as store:
        yield store


async def test_first_list_takes_four_round_trips_and_the_next_one(proxy: WireProxy, store: Store, db: Db) -> None:
    db.make_job()
    await store.capability_cache.get()
    first = await store.get_listing(QUERY)
    assert len(first.window.jobs) == 1
    assert proxy.traffic.round_trips == 4  # two to connect, one for the capabilities, one for the rows
    await store.get_listing(QUERY)
    assert proxy.traffic.round_trips == 5


async def test_names_in_a_filter_take_one_more_round_trip(proxy: WireProxy, store: Store, db: Db) -> None:
    job_id = db.make_job()
    listed = ListQuery(job_filter=parse("user:ada@example.com,ben@example.com project:catalog"))
    query = ListingQuery(window=RowWindowQuery(listed=listed, after=20))
    await store.get_listing(query)
    before = proxy.traffic
    assert [job.id for job in (await store.get_listing(query)).window.jobs] == [job_id]
    assert proxy.traffic.since(before).round_trips == 2


async def test_transition_takes_two_round_trips_while_all_other_connections_wait_for_answers(
    proxy: WireProxy, store: Store, db: Db
) -> None:
    job_id = db.make_job(status=JobStatus.QUEUED)
    proxy.delay = 0.03
    await store.get_listing(QUERY)
    await store.database.prepare_write(1.0)
    proxy.holds_reads = True
    reads = [asyncio.create_task(store.get_listing(QUERY)) for _ in range(3)]
    async with asyncio.timeout(5.0):
        while proxy.held < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    before = proxy.traffic
    async with asyncio.timeout(5.0):
        assert isinstance(await store.transition_job_status(job_id, JobStatus.RUNNING), Applied)
    assert proxy.traffic.since(before).round_trips == 2
    assert proxy.held == 2
    proxy.holds_reads = False
    await asyncio.gather(*reads)


async def test_transition_recorded_in_the_journal_takes_two_round_trips(
    proxy: WireProxy, store: Store, db: Db, tmp_path: Path
) -> None:
    job_id = db.make_job(status=JobStatus.QUEUED)
    await store.get_listing(QUERY)
    before = proxy.traffic
    assert isinstance(await store.transition_job_status(job_id, JobStatus.RUNNING), Applied)
    assert proxy.traffic.since(before).round_trips == 2
    assert isinstance(await store.transition_job_status(job_id, JobStatus.RUNNING), Refused)
    (entry,) = read_journal(tmp_path / "journal").entries
    assert entry.ids == (job_id,)
    assert await store.get_job_statuses([job_id]) == {job_id: JobStatus.RUNNING}
