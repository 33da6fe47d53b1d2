"""Writes whose answer is lost: the client doesn't know whether they were committed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from gjobs.store.database.database import Database
from gjobs.store.database.query import TimeLimits
from gjobs.store.errors import OutcomeUnknown, Unreachable
from gjobs.store.jobs.job import JobStatus
from gjobs.store.journal.journal import Journal, read_journal
from gjobs.store.journal.write_record import JournalEntry, ResolvedWrite, UnconfirmedWrite, WriteOutcome, WriteRecord
from gjobs.store.store import Store
from tests.conftest import Conninfo, connect
from tests.store.faulty_servers import CHANGE, COMMIT, Cut, Proxy, fatal, proxied
from tests.store.store_fixtures import NOW, Db, Sql


@pytest.fixture
def job_id(db: Db) -> UUID:
    return db.make_job()


@asynccontextmanager
async def opened_through_proxy(database: Conninfo) -> AsyncIterator[tuple[Store, Proxy]]:
    limits = TimeLimits(statement=0.6, answer=0.3)
    async with proxied(database) as (proxy, through_proxy), Store(Database(through_proxy, limits=limits)) as store:
        await store.capability_cache.get()
        yield store, proxy


async def close_connection(client: asyncio.StreamWriter) -> None:
    client.close()


async def report_shutdown(client: asyncio.StreamWriter) -> None:
    client.write(fatal("57P01", "terminating connection due to administrator command"))
    client.close()


async def report_pooler_exit(client: asyncio.StreamWriter) -> None:
    client.write(fatal("XX000", "(EDBHANDLEREXITED) DbHandler exited. Check logs for more information"))
    client.close()


async def stay_silent(client: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("answer", [close_connection, report_shutdown, report_pooler_exit, stay_silent])
async def test_lost_answer_to_a_commit_raises_outcome_unknown(
    database: Conninfo, job_id: UUID, sql: Sql, answer: Callable[[asyncio.StreamWriter], Awaitable[None]]
) -> None:
    async with opened_through_proxy(database) as (store, proxy):
        proxy.instead_of_commit_answer = answer
        with pytest.raises(OutcomeUnknown, match=r"^The connection was lost .* may or may not have been made\.$"):
            await store.transition_job_status(job_id, JobStatus.RUNNING)
    assert sql("select status from generation_jobs") == [("running",)]


async def test_cancelling_a_pending_commit_raises_outcome_unknown(database: Conninfo, job_id: UUID, sql: Sql) -> None:
    committed = asyncio.Event()

    async def withhold(client: asyncio.StreamWriter) -> None:
        committed.set()
        await asyncio.Event().wait()

    async with opened_through_proxy(database) as (store, proxy):
        proxy.instead_of_commit_answer = withhold
        starting = asyncio.create_task(store.transition_job_status(job_id, JobStatus.RUNNING))
        await committed.wait()
        starting.cancel()
        with pytest.raises(OutcomeUnknown, match=r"^Stopped before .* may or may not have been made\.$"):
            await starting
    assert sql("select status from generation_jobs") == [("running",)]


def unconfirmed_write(transaction_id: int) -> UnconfirmedWrite:
    entry = JournalEntry(
        id=uuid4(),
        at=NOW,
        database="testbase",
        actor="operator",
        actor_id=None,
        reason=None,
        what="x",
        ids=(),
        before=(),
        after=(),
        transaction_id=transaction_id,
    )
    return UnconfirmedWrite(written=WriteRecord(what="x"), entry=entry)


class TestResolveWrite:
    """The database knows the outcome of a transaction by its number."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "journal"

    @pytest.fixture
    async def store(self, database: Conninfo, path: Path) -> AsyncIterator[Store]:
        """A store with a journal, connected through a proxy."""
        journal = Journal(path, database="testbase")
        async with (
            proxied(database) as (self.proxy, through_proxy),
            Store(Database(through_proxy, journal=journal)) as store,
        ):
            await store.capability_cache.get()
            yield store

    async def unconfirmed(self, write: Coroutine[Any, Any, object]) -> UnconfirmedWrite:
        with pytest.raises(OutcomeUnknown) as caught:
            await write
        return caught.value.write

    def outcomes(self, path: Path) -> list[str]:
        return [entry.outcome.value for entry in read_journal(path).entries]

    async def test_commit_whose_answer_was_lost_is_found(self, store: Store, path: Path, job_id: UUID, db: Db) -> None:
        project_id = db.make_project()
        for write, status in (
            (store.transition_job_status(job_id, JobStatus.RUNNING), JobStatus.RUNNING),
            (store.update_generation_job(job_id, cost_cents=7), JobStatus.RUNNING),
            (store.delete_generation_job(job_id), None),
            (store.create_generation_job(project_id=project_id, mode="lifestyle"), JobStatus.QUEUED),
        ):
            self.proxy.instead_of_commit_answer = close_connection
            unconfirmed = await self.unconfirmed(write)
            assert self.outcomes(path)[0] == "unknown"
            self.proxy.instead_of_commit_answer = None

            found = await store.resolve_write(unconfirmed)
            assert found is not None
            assert found.outcome is WriteOutcome.DONE
            assert [job.status for job in found.jobs] == ([status] if status else [])
            assert self.outcomes(path)[0] == "done"

    async def test_resolve_write_finds_a_commit_that_was_lost(self, store: Store, path: Path, job_id: UUID) -> None:
        self.proxy.cut = Cut(at=COMMIT, reaches_database=False)
        unconfirmed = await self.unconfirmed(store.transition_job_status(job_id, JobStatus.RUNNING))
        assert self.outcomes(path) == ["unknown"]
        self.proxy.come_back()

        while (found := await store.resolve_write(unconfirmed)) is None:
            assert self.outcomes(path) == ["unknown"]
        assert found.outcome is WriteOutcome.NOT_DONE
        assert [job.status for job in found.jobs] == [JobStatus.QUEUED]
        assert self.outcomes(path) == ["not done"]

    async def test_resolve_write_returns_none_during_the_transaction(self, store: Store, database: Conninfo) -> None:
        with connect(database) as other:
            ((number,),) = other.execute("select txid_current()").fetchall()
            write = unconfirmed_write(number)
            assert await store.resolve_write(write) is None
            other.rollback()
            found = await store.resolve_write(write)
        assert found is not None
        assert found.outcome is WriteOutcome.NOT_DONE

    async def test_connection_lost_before_the_commit_leaves_no_unknown_outcome(
        self, store: Store, path: Path, job_id: UUID, sql: Sql, db: Db
    ) -> None:
        """The database commits only on request, so these writes were not made."""
        project_id = db.make_project()
        for reaches_database in (True, False):
            for write in (
                store.transition_job_status(job_id, JobStatus.RUNNING),
                store.delete_generation_job(job_id),
                store.create_generation_job(project_id=project_id, mode="lifestyle"),
            ):
                self.proxy.cut = Cut(at=CHANGE, reaches_database=reaches_database)
                with pytest.raises(Unreachable):
                    await write
                self.proxy.come_back()
        assert sql("select id, status from generation_jobs") == [(job_id, "queued")]
        assert read_journal(path).entries == ()

    async def test_resolve_write_of_an_unknown_transaction_stays_unknown(self, store: Store, job_id: UUID) -> None:
        """The database may have forgotten the transaction, or have been replaced by another one."""
        for number in (3, 1_000_000_000, 2**40):
            found = await store.resolve_write(unconfirmed_write(number))
            assert found == ResolvedWrite(outcome=WriteOutcome.UNKNOWN, jobs=()), number
