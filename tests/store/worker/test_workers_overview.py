"""The overview of workers and their leased jobs, as the actor sees it."""

from datetime import timedelta
from uuid import UUID

from gjobs.store.users.actor import ActingUser
from tests.store.store_fixtures import ADA, BEN, NOW, altered
from tests.store.worker.conftest import WorkerEnv

ADAS_WORKER, OPERATORS_WORKER = UUID(int=1), UUID(int=2)


def add_workers(env: WorkerEnv) -> None:
    for worker, user in ((ADAS_WORKER, ADA), (OPERATORS_WORKER, None)):
        env.sql(
            "insert into gjobs.workers (id, user_id, name, host, process, concurrency) values (%s, %s, 'w', 'h', 1, 2)",
            (worker, user),
        )


def claim(env: WorkerEnv, worker: UUID, most: int) -> set[UUID]:
    return {row[0] for row in env.sql("select id from gjobs.claim_jobs(%s, null, %s, 60)", (worker, most))}


async def test_actor_sees_their_workers_and_leased_jobs_without_write_privileges(env: WorkerEnv) -> None:
    add_workers(env)
    env.queue(number=3)
    of_ada, of_operator = claim(env, ADAS_WORKER, 1), claim(env, OPERATORS_WORKER, 2)

    overview = await env.operator.get_workers_overview()
    assert {worker.id: worker.held_jobs for worker in overview.workers} == {ADAS_WORKER: 1, OPERATORS_WORKER: 2}
    assert {job.job_id for job in overview.held if job.owner == ADAS_WORKER} == of_ada

    privileges = "insert, update, delete on gjobs.workers, gjobs.job_leases"
    with altered(env.sql, f"revoke {privileges} from authenticated", f"grant {privileges} to authenticated"):
        as_ada = await env.operator.acting_as(ActingUser(id=ADA)).get_workers_overview()
    assert [worker.id for worker in as_ada.workers] == [ADAS_WORKER]
    assert {job.job_id for job in as_ada.held} == of_ada | of_operator

    as_ben = await env.operator.acting_as(ActingUser(id=BEN)).get_workers_overview()
    assert (as_ben.workers, as_ben.held) == ((), ())


async def test_running_leased_jobs_are_listed_in_claim_order_up_to_the_limit(env: WorkerEnv) -> None:
    add_workers(env)
    first, *_ = env.queue(number=3)
    claim(env, OPERATORS_WORKER, 1)
    claim(env, ADAS_WORKER, 2)

    overview = await env.operator.get_workers_overview(limit=2)
    assert (overview.held[0].job_id, len(overview.held), overview.is_cut) == (first, 2, True)
    assert not (await env.operator.get_workers_overview(limit=3)).is_cut

    env.sql("update generation_jobs set status = 'failed'")
    overview = await env.operator.get_workers_overview()
    assert overview.held == ()
    assert {worker.held_jobs for worker in overview.workers} == {0}


async def test_workers_overview_can_be_read_for_another_time(env: WorkerEnv) -> None:
    add_workers(env)
    env.sql("update gjobs.workers set seen_at = %s", (NOW,))
    at = NOW + timedelta(seconds=89)
    overview = await env.operator.get_workers_overview(at=at)
    assert overview.taken_at == at
    assert all(worker.is_alive for worker in overview.workers)
    assert not any(worker.is_alive for worker in (await env.operator.get_workers_overview()).workers)
