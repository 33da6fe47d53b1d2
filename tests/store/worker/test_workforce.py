"""Who works, and on what: as far as the actor sees."""

from datetime import timedelta
from uuid import UUID

from store.users.actor import ActingUser
from tests.store.support import ADA, BEN, NOW, altered
from tests.store.worker.conftest import WorkerEnv

HERS, THEIRS = UUID(int=1), UUID(int=2)

"""One acts as Ada, one as the operator."""


def add_workers(env: WorkerEnv) -> None:
    for worker, user in ((HERS, ADA), (THEIRS, None)):
        env.sql(
            "insert into gjobs.workers (id, user_id, name, host, process, concurrency) values (%s, %s, 'w', 'h', 1, 2)",
            (worker, user),
        )


def claim(env: WorkerEnv, worker: UUID, most: int) -> set[UUID]:
    return {row[0] for row in env.sql("select id from gjobs.claim_jobs(%s, null, %s, 60)", (worker, most))}


async def test_actor_sees_their_workers_and_their_leased_jobs(env: WorkerEnv) -> None:
    add_workers(env)
    env.queue(number=3)
    hers, theirs = claim(env, HERS, 1), claim(env, THEIRS, 2)

    all_of_it = await env.operator.get_workers_overview()
    assert {worker.id: worker.held_jobs for worker in all_of_it.workers} == {HERS: 1, THEIRS: 2}
    assert {job.job_id for job in all_of_it.held if job.owner == HERS} == hers

    as_ada = await env.operator.acting_as(ActingUser(id=ADA)).get_workers_overview()
    assert [worker.id for worker in as_ada.workers] == [HERS]
    assert {job.job_id for job in as_ada.held} == hers | theirs

    as_ben = await env.operator.acting_as(ActingUser(id=BEN)).get_workers_overview()
    assert (as_ben.workers, as_ben.held) == ((), ())


async def test_leased_jobs_are_listed_in_claim_order_up_to_the_limit(env: WorkerEnv) -> None:
    add_workers(env)
    first, *_ = env.queue(number=3)
    claim(env, THEIRS, 1)
    claim(env, HERS, 2)

    seen = await env.operator.get_workers_overview(limit=2)

    assert (seen.held[0].job_id, len(seen.held), seen.is_cut) == (first, 2, True)
    assert not (await env.operator.get_workers_overview(limit=3)).is_cut


async def test_job_that_no_longer_runs_is_not_listed_as_leased(env: WorkerEnv) -> None:
    add_workers(env)
    env.queue(number=1)
    claim(env, THEIRS, 1)
    env.sql("update generation_jobs set status = 'failed'")
    seen = await env.operator.get_workers_overview()
    assert seen.held == ()
    assert {worker.held_jobs for worker in seen.workers} == {0}


async def test_workers_overview_can_be_read_for_another_time(env: WorkerEnv) -> None:
    add_workers(env)
    env.sql("update gjobs.workers set seen_at = %s", (NOW,))
    at = NOW + timedelta(seconds=89)
    seen = await env.operator.get_workers_overview(at=at)
    assert seen.taken_at == at
    assert all(worker.is_alive for worker in seen.workers)
    assert not any(worker.is_alive for worker in (await env.operator.get_workers_overview()).workers)


async def test_workers_overview_needs_no_write_privileges(env: WorkerEnv) -> None:
    add_workers(env)
    writing = "insert, update, delete on gjobs.workers, gjobs.job_leases"
    with altered(env.sql, f"revoke {writing} from authenticated", f"grant {writing} to authenticated"):
        assert len((await env.operator.acting_as(ActingUser(id=ADA)).get_workers_overview()).workers) == 1
