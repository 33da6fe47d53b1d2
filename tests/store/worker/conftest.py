"""A worker on a migrated database, and what it tells of itself."""

from collections.abc import Callable
from random import Random
from typing import Any
from uuid import UUID

import pytest

from store.store import Store
from store.worker.handlers import Registry
from store.worker.worker import Worker
from store.worker.worker_events import WorkerEvent, WorkerRegistered
from tests.store.support import ADA, MakeProject, Sql

Made = tuple[Worker, list[WorkerEvent]]

MakeWorker = Callable[..., Made]


@pytest.fixture
def project(sql: Sql, make_project: MakeProject) -> UUID:
    return make_project()


@pytest.fixture
def make_worker(operator: Store) -> MakeWorker:
    def make(registry: Registry, *, store: Store = operator, **settings: Any) -> Made:
        told: list[WorkerEvent] = []

        def report(worker_event: WorkerEvent) -> None:
            """That it has arrived, each of them tells."""
            if not isinstance(worker_event, WorkerRegistered):
                told.append(worker_event)

        worker = Worker(store, registry, report=report, random=Random(0), **settings)  # noqa: S311
        return worker, told

    return make


@pytest.fixture
def queue(sql: Sql, project: UUID) -> Callable[..., list[UUID]]:
    """So many queued jobs of a mode, oldest first."""

    def make(mode: str = "lifestyle", number: int = 1) -> list[UUID]:
        rows = sql(
            "insert into generation_jobs (user_id, project_id, mode, cost_cents, created_at)"
            " select %s, %s, %s, 250, '2026-01-01Z'::timestamptz + make_interval(secs => n)"
            " from generate_series(1, %s) n returning id",
            (ADA, project, mode, number),
        )
        return [row[0] for row in rows]

    return make
