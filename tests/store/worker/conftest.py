"""Workers on a migrated database, and the events that they report."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from random import Random
from typing import Any, TypeVar
from uuid import UUID

import pytest

from gjobs.store.store import Store
from gjobs.store.worker.handlers import Handler, Registry, Work
from gjobs.store.worker.worker import Worker
from gjobs.store.worker.worker_events import AttemptEnded, WorkerEvent, WorkerRegistered
from tests.store.store_fixtures import ADA, Db, until

E = TypeVar("E")

WorkerAndEvents = tuple[Worker, list[WorkerEvent]]

SUCCEEDED = ("succeeded", None, 250)
"""The outcome of a job whose handler reports no cost."""


async def do_nothing(work: Work) -> None:
    pass


def registry_of(handler: Handler, *modes: str, **settings: Any) -> Registry:
    """A registry with one handler, for these modes or for all."""
    registry = Registry(**settings)
    registry.handler(*modes)(handler)
    return registry


def of_kind(events: Iterable[object], kind: type[E]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]


def kinds(events: Iterable[object]) -> list[type]:
    return [type(event) for event in events]


async def until_reported(events: list[WorkerEvent], kind: type[WorkerEvent] = AttemptEnded, number: int = 1) -> None:
    """Wait for this number of events of a kind."""
    await until(lambda: len(of_kind(events, kind)) >= number)


class WorkerEnv:
    """A project of Ada on `db`, jobs to queue in it, and workers to run them."""

    def __init__(self, db: Db) -> None:
        self.operator, self.sql = db.operator, db.sql
        self.project = db.make_project()

    def queue(self, mode: str = "lifestyle", number: int = 1) -> list[UUID]:
        """Create queued jobs and return their ids, oldest first."""
        rows = self.sql(
            "insert into generation_jobs (user_id, project_id, mode, cost_cents, created_at)"
            " select %s, %s, %s, 250, '2026-01-01Z'::timestamptz + make_interval(secs => n)"
            " from generate_series(1, %s) n returning id",
            (ADA, self.project, mode, number),
        )
        return [row[0] for row in rows]

    def make_worker(
        self, handler: Handler | Registry = do_nothing, *, store: Store | None = None, **settings: Any
    ) -> WorkerAndEvents:
        """Return a worker and the list that its events are added to, except its registration."""
        events: list[WorkerEvent] = []

        def report(event: WorkerEvent) -> None:
            if not isinstance(event, WorkerRegistered):
                events.append(event)

        registry = handler if isinstance(handler, Registry) else registry_of(handler)
        worker = Worker(store or self.operator, registry, report=report, random=Random(0), **settings)  # noqa: S311
        return worker, events

    async def run(self, handler: Handler | Registry = do_nothing, **settings: Any) -> list[WorkerEvent]:
        """Run a worker until no job is left, and return its events."""
        worker, events = self.make_worker(handler, **settings)
        await worker.run(once=True)
        return events

    @asynccontextmanager
    async def running(
        self, handler: Handler | Registry = do_nothing, *, once: bool = False, **settings: Any
    ) -> AsyncIterator[WorkerAndEvents]:
        """Run a worker beside the block. Afterwards stop it or, with `once`, wait until no job is left."""
        worker, events = self.make_worker(handler, **settings)
        running = asyncio.create_task(worker.run(once=once))
        yield worker, events
        if not once:
            worker.stop()
        await running

    def outcomes(self) -> list[tuple[object, ...]]:
        """Return status, error and cost of each job, oldest first."""
        return self.sql("select status, error, cost_cents from generation_jobs order by created_at, mode, id")

    def leases(self) -> list[tuple[object, ...]]:
        return self.sql("select job_id, owner, attempt, note from gjobs.job_leases")

    async def until_leased(self) -> None:
        await until(lambda: bool(self.leases()))


@pytest.fixture
def env(db: Db) -> WorkerEnv:
    return WorkerEnv(db)
