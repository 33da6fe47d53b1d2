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


async def test_each_sees_their_workers_and_what_is_held_of_theirs(
    operator: Store, queue: Callable[..., list[UUID]], sql: Sql
) -> None:
    add_workers(sql)
    queue(number=3)
    hers, theirs = claim(sql, HERS, 1), claim(sql, THEIRS, 2)

    all_of_it = await operator.get_workforce()
    assert {worker.id: worker.held_jobs for worker in all_of_it.workers} == {HERS: 1, THEIRS: 2}
    assert {job.job_id for job in all_of_it.held if job.owner == HERS} == hers

    as_ada = await operator.acting_as(ActingUser(id=ADA)).get_workforce()
    assert [worker.id for worker in as_ada.workers] == [HERS]
    assert {job.job_id for job in as_ada.held} == hers | theirs

    as_ben = await operator.acting_as(ActingUser(id=BEN)).get_workforce()
    assert (as_ben.workers, as_ben.held) == ((), ())


async def test_those_claimed_first_come_first_and_more_are_known_of(
    operator: Store, queue: Callable[..., list[UUID]], sql: Sql
) -> None:
    add_workers(sql)
    first, *_ = queue(number=3)
    claim(sql, THEIRS, 1)
    claim(sql, HERS, 2)

    seen = await operator.get_workforce(limit=2)

    assert (seen.held[0].job_id, len(seen.held), seen.is_cut) == (first, 2, True)
    assert not (await operator.get_workforce(limit=3)).is_cut


async def test_a_job_that_runs_no_longer_is_held_by_nobody(
    operator: Store, queue: Callable[..., list[UUID]], sql: Sql
) -> None:
    add_workers(sql)
    queue(number=1)
    claim(sql, THEIRS, 1)
    sql("update generation_jobs set status = 'failed'")
    seen = await operator.get_workforce()
    assert seen.held == ()
    assert {worker.held_jobs for worker in seen.workers} == {0}


async def test_it_may_be_asked_as_if_at_another_time(operator: Store, sql: Sql) -> None:
    add_workers(sql)
    sql("update gjobs.workers set seen_at = %s", (NOW,))
    at = NOW + timedelta(seconds=89)
    seen = await operator.get_workforce(at=at)
    assert seen.taken_at == at
    assert all(worker.is_alive for worker in seen.workers)
    assert not any(worker.is_alive for worker in (await operator.get_workforce()).workers)


async def test_who_may_only_read_sees_them_too(operator: Store, sql: Sql) -> None:
    """A replica, or a login that may write nothing."""
    add_workers(sql)
    writing = "insert, update, delete on gjobs.workers, gjobs.job_leases"
    sql(f"revoke {writing} from authenticated")
    try:
        assert len((await operator.acting_as(ActingUser(id=ADA)).get_workforce()).workers) == 1
    finally:
        sql(f"grant {writing} to authenticated")
