"""A crash of the server may lose a claim. The job then ends once, and its worker reports what happened."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import UUID

import pytest

from gjobs.store.database.database import Database
from gjobs.store.database.query import Query
from gjobs.store.errors import StoreError
from gjobs.store.store import Store
from gjobs.store.watch import watch as watch_module
from gjobs.store.watch.watch import unwritten
from gjobs.store.worker.handlers import Registry, Work
from gjobs.store.worker.worker import Worker
from gjobs.store.worker.worker_events import AttemptEnded, LeaseLost, WorkerEvent
from tests.chaos.chaos_environment import queue
from tests.conftest import connect
from tests.hosted.cluster import Server
from tests.store.store_fixtures import until


class CrashingServer:
    def __init__(self, server: Server, database: str) -> None:
        self._server, self._database = server, database
        self.release = asyncio.Event()
        """Ends the handlers that wait."""
        self.began: list[UUID] = []
        """The workers whose handler has begun, once for each attempt."""

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        with connect(self._server.administrator(self._database), autocommit=True) as connection:
            return connection.execute(statement).fetchall()

    def store(self) -> Store:
        return Store(Database(self._server.login(self._database)))

    @asynccontextmanager
    async def worker(self, *, attempts: int, waits: bool) -> AsyncIterator[tuple[Worker, list[WorkerEvent]]]:
        registry, events = Registry(attempts=attempts), list[WorkerEvent]()

        @registry.handler()
        async def handle(_: Work) -> None:
            self.began.append(worker.id)
            if waits:
                await self.release.wait()

        async with self.store() as store:
            worker = Worker(store, registry, report=events.append)
            running = asyncio.create_task(worker.run())
            await until(lambda: worker.is_notified)
            yield worker, events
            worker.stop()
            await running

    @asynccontextmanager
    async def crash_after_a_claim(self, worker: Worker) -> AsyncIterator[None]:
        """Queue a job, let the worker begin it, and crash after the block without a later commit. Pause the worker."""
        ((writer,),) = self.sql("select pid from pg_stat_activity where backend_type = 'walwriter'")
        assert isinstance(writer, int)
        with connect(self._server.administrator(self._database), autocommit=True) as connection:
            os.kill(writer, signal.SIGSTOP)
            queue(connection, 1, seed=1)
            await until(lambda: bool(self.began))
            worker.set_paused(True)
            yield
            os.kill(writer, signal.SIGKILL)
        await asyncio.to_thread(self._server.restart)

    def jobs(self) -> list[tuple[object, ...]]:
        return self.sql("select status from public.generation_jobs")

    def ends(self) -> list[tuple[object, ...]]:
        return self.sql("select lease_owner from gjobs.job_events where to_status = 'succeeded'")


@pytest.fixture
def crashing(killable_server: Server, project_database: str) -> CrashingServer:
    return CrashingServer(killable_server, project_database)


@pytest.mark.parametrize(("attempts", "status"), [(2, "queued"), (1, "running")], ids=["lost claim", "single attempt"])
async def test_worker_runs_a_job_once_although_it_claims_it_again_after_a_crash(
    crashing: CrashingServer, attempts: int, status: str
) -> None:
    """Claims of jobs that must not be attempted twice survive."""
    async with crashing.worker(attempts=attempts, waits=True) as (worker, events):
        async with crashing.crash_after_a_claim(worker):
            pass
        assert crashing.jobs() == [(status,)]
        worker.set_paused(False)
        await until(lambda: crashing.jobs() == [("running",)])
        crashing.release.set()
        await until(lambda: bool([event for event in events if isinstance(event, AttemptEnded)]))
    assert crashing.began == [worker.id]
    assert crashing.ends() == [(str(worker.id),)]
    assert not [event for event in events if isinstance(event, LeaseLost)]


async def test_worker_that_lost_its_claim_cannot_end_the_job_of_another_worker(crashing: CrashingServer) -> None:
    async with (
        crashing.worker(attempts=2, waits=True) as (first, events),
        crashing.worker(attempts=2, waits=False) as (second, events_of_second),
    ):
        second.set_paused(True)
        async with crashing.crash_after_a_claim(first):
            pass
        second.set_paused(False)
        await until(lambda: bool([event for event in events_of_second if isinstance(event, AttemptEnded)]))
        crashing.release.set()
        await until(lambda: bool([event for event in events if isinstance(event, LeaseLost)]))
    assert crashing.began == [first.id, second.id]
    assert crashing.ends() == [(str(second.id),)]
    assert not [event for event in events if isinstance(event, AttemptEnded)]


async def test_watch_reports_no_lost_claim_and_misses_no_change_after_a_crash(
    crashing: CrashingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a crash, other transactions get the numbers of the lost ones."""
    awaited: list[str] = []

    def noted(lsn: str | None) -> Query[str | None]:
        awaited.extend([lsn] if lsn else [])
        return unwritten(lsn)

    monkeypatch.setattr(watch_module, "unwritten", noted)
    monkeypatch.setattr(watch_module, "WRITTEN_WITHIN", 60.0)
    async with crashing.store() as store, crashing.worker(attempts=2, waits=True) as (worker, _):
        watch, changes = await store.watch(), list[tuple[object, object]]()
        await watch.read()
        awaited.clear()
        async with crashing.crash_after_a_claim(worker):
            reading = asyncio.create_task(watch.read())
            await until(lambda: bool(awaited))
        with pytest.raises(StoreError):
            await reading
        worker.set_paused(False)
        crashing.release.set()
        async with asyncio.timeout(60):
            while ("running", "succeeded") not in changes:
                with suppress(StoreError):
                    changes += [(one.from_status, one.to_status) for one in (await watch.read()).transitions]
    assert changes == [(None, "queued"), ("queued", "running"), ("running", "succeeded")]
