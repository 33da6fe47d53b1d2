"""Who works, and on what: as far as the actor sees."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from store.store import Store
from store.users.actor import ActingUser
from tests.store.support import ADA, BEN, NOW, Sql

HERS, THEIRS = UUID(int=1), UUID(int=2)

"""One acts as Ada, one as the operator."""


def add_workers(sql: Sql) -> None:
    for worker, user in ((HERS, ADA), (THEIRS, None)):
        sql(
            "insert into gjobs.workers (id, user_id, name, host, process, concurrency) values (%s, %s, 'w', 'h', 1, 2)",
            (worker, user),
        )


def claim(sql: Sql, worker: UUID, most: int) -> set[UUID]:
    return {row[0] for row in sql("select id from gjobs.claim_jobs(%s, null, %s, 60)", (worker, most))}


async def test_actor_sees_their_workers_and_their_leased_jobs(
    operator: Store, queue: Callable[..., list[UUID]], sql: Sql
) -> None:
    add_workers(sql)
    queue(number=3)
    hers, theirs = claim(sql, HERS, 1), claim(sql, THEIRS, 2)

    all_of_it = await operator.get_workers_overview()
    assert {worker.id: worker.held_jobs for worker in all_of_it.workers} == {HERS: 1, THEIRS: 2}
    assert {job.job_id for job in all_of_it.held if job.owner == HERS} == hers

    as_ada = await operator.acting_as(ActingUser(id=ADA)).get_workers_overview()
    assert [worker.id for worker in as_ada.workers] == [HERS]
    assert {job.job_id for job in as_ada.held} == hers | theirs

    as_ben = await operator.acting_as(ActingUser(id=BEN)).get_workers_overview()
    assert (as_ben.workers, as_ben.held) == ((), ())


async def test_leased_jobs_are_listed_in_claim_order_up_to_the_limit(
    operator: Store, queue: Callable[..., list[UUID]], sql: Sql
) -> None:
    add_workers(sql)
    first, *_ = queue(number=3)
    claim(sql, THEIRS, 1)
    claim(sql, HERS, 2)

    seen = await operator.get_workers_overview(limit=2)

    assert (seen.held[0].job_id, len(seen.held), seen.is_cut) == (first, 2, True)
    assert not (await operator.get_workers_overview(limit=3)).is_cut


async def test_job_that_no_longer_runs_is_not_listed_as_leased(
    operator: Store, queue: Callable[..., list[UUID]], sql: Sql
) -> None:
    add_workers(sql)
    queue(number=1)
    claim(sql, THEIRS, 1)
    sql("update generation_jobs set status = 'failed'")
    seen = await operator.get_workers_overview()
    assert seen.held == ()
    assert {worker.held_jobs for worker in seen.workers} == {0}


async def test_workers_overview_can_be_read_for_another_time(operator: Store, sql: Sql) -> None:
    add_workers(sql)
    sql("update gjobs.workers set seen_at = %s", (NOW,))
    at = NOW + timedelta(seconds=89)
    seen = await operator.get_workers_overview(at=at)
    assert seen.taken_at == at
    assert all(worker.is_alive for worker in seen.workers)
    assert not any(worker.is_alive for worker in (await operator.get_workers_overview()).workers)


async def test_workers_overview_needs_no_write_privileges(operator: Store, sql: Sql) -> None:
    """A replica, or a login that may write nothing."""
    add_workers(sql)
    writing = "insert, update, delete on gjobs.workers, gjobs.job_leases"
    sql(f"revoke {writing} from authenticated")
    try:
        assert len((await operator.acting_as(ActingUser(id=ADA)).get_workers_overview()).workers) == 1
    finally:
        sql(f"grant {writing} to authenticated")
