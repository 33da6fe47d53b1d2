"""Simulated handlers end jobs of any mode, with costs, and now and then with a failure or another attempt."""

from collections.abc import Callable
from random import Random
from uuid import UUID

from store.sample.simulation import simulated
from tests.store.support import Sql
from tests.store.worker.conftest import MakeWorker


async def test_simulated_jobs_end_with_a_cost_or_an_error(
    make_worker: MakeWorker, queue: Callable[..., list[UUID]], sql: Sql
) -> None:
    queue("lifestyle", 30)
    queue("of another app", 30)
    worker, _ = make_worker(simulated(Random(1), pace=10_000), concurrency=20)  # noqa: S311

    await worker.run(once=True)

    ends = dict(sql("select status, count(*) from generation_jobs group by status"))
    # Those that are to be tried again wait, running.
    assert set(ends) == {"succeeded", "failed", "running"}
    assert ends["succeeded"] > 3 * ends["failed"]
    assert sql("select count(*) from generation_jobs where status = 'succeeded' and cost_cents = 250") == [(0,)]
    assert sql("select distinct left(error, 17) from generation_jobs where status = 'failed'") == [
        ("GenerationError: ",)
    ]
    assert sql("select distinct note from gjobs.job_leases where owner is null") == [
        ("The image service is busy: 503",)
    ]


async def test_simulated_worker_leaves_manually_started_jobs_alone(
    make_worker: MakeWorker, queue: Callable[..., list[UUID]], sql: Sql
) -> None:
    by_hand, _ = queue("lifestyle", 2)
    sql("update generation_jobs set status = 'running' where id = %s", (by_hand,))
    worker, _ = make_worker(simulated(Random(0), pace=10_000))  # noqa: S311

    await worker.run(once=True)

    assert sql("select id from generation_jobs where status = 'running'") == [(by_hand,)]
