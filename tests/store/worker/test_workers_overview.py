"""The overview of workers and their leased jobs, as the actor sees it."""

from datetime import timedelta
from uuid import UUID

from gjobs.store.users.actor import ActingUser
from tests.store.store_fixtures import ADA, BEN, NOW
from tests.store.worker.conftest import WorkerEnv

FIRST, SECOND = UUID(int=1), UUID(int=2)


def add_workers(env: WorkerEnv) -> None:
    env.sql(
        "insert into gjobs.workers (id, name, host, process, concurrency) select unnest(%s::uuid[]), 'w', 'h', 1, 2",
        ([FIRST, SECOND],),
    )


def claim(env: WorkerEnv, worker: UUID, most: int) -> set[UUID]:
    return {row[0] for row in env.sql("select id from gjobs.claim_jobs(%s, null, %s, 60)", (worker, most))}


async def test_operator_sees_workers_and_users_see_only_the_leases_of_their_jobs(env: WorkerEnv) -> None:
    add_workers(env)
    env.queue(number=3)
    of_first, of_second = claim(env, FIRST, 1), claim(env, SECOND, 2)

    overview = await env.operator.get_workers_overview()
    assert {worker.id: worker.held_jobs for worker in overview.workers} == {FIRST: 1, SECOND: 2}
    assert {job.job_id for job in overview.held if job.owner == FIRST} == of_first

    as_ada = await env.operator.acting_as(ActingUser(id=ADA)).get_workers_overview()
    assert as_ada.workers == ()
    assert {job.job_id for job in as_ada.held} == of_first | of_second

    as_ben = await env.operator.acting_as(ActingUser(id=BEN)).get_workers_overview()
    assert (as_ben.workers, as_ben.held) == ((), ())


async def test_running_leased_jobs_are_listed_in_claim_order_up_to_the_limit(env: WorkerEnv) -> None:
    add_workers(env)
    first, *_ = env.queue(number=3)
    claim(env, SECOND, 1)
    claim(env, FIRST, 2)

    overview = await env.operator.get_workers_overview(limit=2)
    assert (overview.held[0].job_id, len(overview.held), overview.is_cut) == (first, 2, True)
    assert not (await env.operator.get_workers_overview(limit=3)).is_cut

    env.sql("update generation_jobs set status = 'failed'")
    overview = await env.operator.get_workers_overview()
    assert overview.held == ()
    assert {worker.held_jobs for worker in overview.workers} == {0}


async def test_worker_that_let_a_lease_expire_is_not_alive(env: WorkerEnv) -> None:
    add_workers(env)
    env.queue(number=3)
    (lost,), _ = claim(env, FIRST, 1), claim(env, SECOND, 2)
    env.sql("update gjobs.job_leases set expires_at = now() - interval '1 second' where job_id = %s", (lost,))
    seen = {worker.id: worker for worker in (await env.operator.get_workers_overview()).workers}
    assert [(seen[one].held_jobs, seen[one].expired_jobs, seen[one].is_alive) for one in (FIRST, SECOND)] == [
        (1, 1, False),
        (2, 0, True),
    ]


async def test_workers_overview_can_be_read_for_another_time(env: WorkerEnv) -> None:
    add_workers(env)
    env.sql("update gjobs.workers set seen_at = %s", (NOW,))
    at = NOW + timedelta(seconds=89)
    overview = await env.operator.get_workers_overview(at=at)
    assert overview.taken_at == at
    assert all(worker.is_alive for worker in overview.workers)
    assert not any(worker.is_alive for worker in (await env.operator.get_workers_overview()).workers)
