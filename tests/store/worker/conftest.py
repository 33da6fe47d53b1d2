"""A worker on a migrated database, and what it reports."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any
from uuid import UUID

import pytest

from store.store import Store
from store.worker.handlers import Handler, Registry, Work
from store.worker.worker import Worker
from store.worker.worker_events import AttemptEnded, WorkerEvent, WorkerRegistered
from tests.store.support import ADA, Db, until

Made = tuple[Worker, list[WorkerEvent]]


async def do_nothing(work: Work) -> None:
    pass


def registry_of(handler: Handler, *modes: str, **settings: Any) -> Registry:
    """Without modes, the handler of all of them."""
    registry = Registry(**settings)
    registry.handler(*modes)(handler)
    return registry


def has_ended(told: list[WorkerEvent], number: int = 1) -> bool:
    """Whether so many attempts have."""
    return sum(isinstance(one, AttemptEnded) for one in told) >= number


class WorkerEnv:
    """A project of Ada's on `db`, jobs to queue in it, and workers to run them."""

    def __init__(self, db: Db) -> None:
        self.operator, self.sql = db.operator, db.sql
        self.project = db.make_project()

    def queue(self, mode: str = "lifestyle", number: int = 1) -> list[UUID]:
        """So many queued jobs of a mode, oldest first."""
        rows = self.sql(
            "insert into generation_jobs (user_id, project_id, mode, cost_cents, created_at)"
            " select %s, %s, %s, 250, '2026-01-01Z'::timestamptz + make_interval(secs => n)"
            " from generate_series(1, %s) n returning id",
            (ADA, self.project, mode, number),
        )
        return [row[0] for row in rows]

    def make_worker(
        self, handler: Handler | Registry = do_nothing, *, store: Store | None = None, **settings: Any
    ) -> Made:
        """And everything that it will report, but that it has registered."""
        told: list[WorkerEvent] = []

        def report(worker_event: WorkerEvent) -> None:
            if not isinstance(worker_event, WorkerRegistered):
                told.append(worker_event)

        registry = handler if isinstance(handler, Registry) else registry_of(handler)
        worker = Worker(store or self.operator, registry, report=report, random=Random(0), **settings)  # noqa: S311
        return worker, told

    async def run(self, handler: Handler | Registry = do_nothing, **settings: Any) -> list[WorkerEvent]:
        """A worker until nothing is left to do."""
        worker, told = self.make_worker(handler, **settings)
        await worker.run(once=True)
        return told

    @asynccontextmanager
    async def running(
        self, handler: Handler | Registry = do_nothing, *, once: bool = False, **settings: Any
    ) -> AsyncIterator[Made]:
        """A worker that is told to stop at the end of the block, or that ends by itself."""
        worker, told = self.make_worker(handler, **settings)
        running = asyncio.create_task(worker.run(once=once))
        yield worker, told
        if not once:
            worker.stop()
        await running

    def ends(self) -> list[tuple[object, ...]]:
        return self.sql("select status, error, cost_cents from generation_jobs order by created_at, mode, id")

    def leases(self) -> list[tuple[object, ...]]:
        return self.sql("select job_id, owner, attempt, note from gjobs.job_leases")

    async def until_leased(self) -> None:
        await until(lambda: bool(self.leases()))


@pytest.fixture
def env(db: Db) -> WorkerEnv:
    return WorkerEnv(db)
