"""Simulated handlers end jobs of any mode, with costs, and now and then with a failure."""

from collections.abc import Callable
from random import Random
from uuid import UUID

from store.worker.simulated import simulated
from tests.store.support import Sql
from tests.store.worker.conftest import MakeWorker


async def test_jobs_end_with_a_cost(make_worker: MakeWorker, queue: Callable[..., list[UUID]], sql: Sql) -> None:
    queue("lifestyle", 20)
    queue("of another app", 20)
    worker, _ = make_worker(simulated(Random(1), pace=10_000), concurrency=20)  # noqa: S311

    await worker.run(once=True)

    ends = dict(sql("select status, count(*) from generation_jobs group by status"))
    # Those that are to be tried again wait, running.
    assert set(ends) == {"succeeded", "failed", "running"}
    assert ends["succeeded"] > ends["failed"]
    assert sql("select count(*) from generation_jobs where status = 'succeeded' and cost_cents = 250") == [(0,)]
