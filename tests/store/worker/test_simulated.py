"""Simulated handlers end jobs of any mode, with costs, and now and then with a failure or another attempt."""

from random import Random

from store.sample.simulation import simulated
from tests.store.worker.conftest import WorkerEnv


async def test_simulated_jobs_end_with_a_cost_or_an_error(env: WorkerEnv) -> None:
    env.queue("lifestyle", 30)
    env.queue("of another app", 30)
    await env.run(simulated(Random(1), pace=10_000), concurrency=20)  # noqa: S311
    ends = dict(env.sql("select status, count(*) from generation_jobs group by status"))
    # Those that are to be tried again wait, running.
    assert set(ends) == {"succeeded", "failed", "running"}
    assert ends["succeeded"] > 3 * ends["failed"]
    assert env.sql("select count(*) from generation_jobs where status = 'succeeded' and cost_cents = 250") == [(0,)]
    errors = env.sql("select distinct left(error, 17) from generation_jobs where status = 'failed'")
    assert errors == [("GenerationError: ",)]
    notes = env.sql("select distinct note from gjobs.job_leases where owner is null")
    assert notes == [("The image service is busy: 503",)]


async def test_simulated_worker_leaves_manually_started_jobs_alone(env: WorkerEnv) -> None:
    by_hand, _ = env.queue("lifestyle", 2)
    env.sql("update generation_jobs set status = 'running' where id = %s", (by_hand,))
    await env.run(simulated(Random(0), pace=10_000))  # noqa: S311
    assert env.sql("select id from generation_jobs where status = 'running'") == [(by_hand,)]
