"""A worker that is asked to applies the retention policies that are due, beside its work."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import UUID

import pytest

from store.database.database import Database
from store.errors import NoPrivilege, SchemaMissing
from store.retention.retention import RetentionAction
from store.retention.retention_policies import set_policy
from store.store import Store
from store.worker.worker import RetentionRunner
from store.worker.worker_events import AttemptEnded, RetentionApplied, RetentionFailed
from tests.conftest import Conninfo
from tests.store.servers import proxied
from tests.store.support import Sql, until
from tests.store.worker.conftest import MakeWorker
from tests.store.worker.test_worker import with_nothing_to_do

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def no_policies(sql: Sql) -> Iterator[None]:
    """One of all other projects belongs to nobody who goes."""
    yield
    sql("delete from gjobs.retention_policies")


@pytest.fixture
def old_jobs(sql: Sql, queue: Callable[..., list[UUID]]) -> list[UUID]:
    """They have ended."""
    jobs = queue(number=120)
    sql("update generation_jobs set status = 'running'")
    sql("update generation_jobs set status = 'succeeded'")
    return jobs


async def keep_for_a_day(operator: Store) -> None:
    await set_policy(operator, project_id=None, older_than=DAY, action=RetentionAction.ARCHIVE)


async def test_worker_applies_retention_policies_beside_its_work(
    operator: Store, make_worker: MakeWorker, old_jobs: list[UUID], queue: Callable[..., list[UUID]], sql: Sql
) -> None:
    await keep_for_a_day(operator)
    young = queue("packaging")
    sql("update generation_jobs set created_at = now() where id = %s", young)
    worker, told = make_worker(with_nothing_to_do(), applies_retention=True)

    await worker.run(once=True)

    assert sql("select id, status from generation_jobs") == [(young[0], "succeeded")]
    assert sql("select count(*) from gjobs.archived_jobs") == [(len(old_jobs),)]
    assert [one.progress.done for one in told if isinstance(one, RetentionApplied)] == [len(old_jobs)]
    assert len([one for one in told if isinstance(one, AttemptEnded)]) == 1


async def test_worker_applies_no_retention_policy_unless_enabled(
    operator: Store, make_worker: MakeWorker, old_jobs: list[UUID], sql: Sql
) -> None:
    await keep_for_a_day(operator)
    worker, _ = make_worker(with_nothing_to_do())
    await worker.run(once=True)
    assert sql("select count(*) from generation_jobs") == [(len(old_jobs),)]


async def test_only_one_of_several_workers_applies_a_policy(
    operator: Store, make_worker: MakeWorker, old_jobs: list[UUID], sql: Sql
) -> None:
    await keep_for_a_day(operator)
    made = [make_worker(with_nothing_to_do(), applies_retention=True) for _ in range(3)]

    await asyncio.gather(*(worker.run(once=True) for worker, _ in made))

    tidied = [one for _, told in made for one in told if isinstance(one, RetentionApplied)]
    assert [one.progress.done for one in tidied] == [len(old_jobs)]


async def test_worker_checks_for_due_policies_repeatedly(
    operator: Store, make_worker: MakeWorker, old_jobs: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.worker.worker.RETENTION_CHECK_SECONDS", 0.01)
    worker, told = make_worker(with_nothing_to_do(), applies_retention=True)
    running = asyncio.create_task(worker.run())
    await until(lambda: worker.is_notified)
    await keep_for_a_day(operator)
    await until(lambda: any(isinstance(one, RetentionApplied) for one in told))
    worker.stop()
    await running


async def test_retention_stops_between_two_batches(operator: Store, old_jobs: list[UUID], sql: Sql) -> None:
    await keep_for_a_day(operator)
    stopping, told = asyncio.Event(), list[object]()
    stopping.set()
    await RetentionRunner(operator, told.append, stopping).run(once=False)
    ((left,),) = sql("select count(*) from generation_jobs")
    assert 0 < left < len(old_jobs)
    assert [one.progress.done for one in told if isinstance(one, RetentionApplied)] == [len(old_jobs) - left]


async def test_failed_retention_is_reported_and_the_work_continues(
    operator: Store, make_worker: MakeWorker, old_jobs: list[UUID], queue: Callable[..., list[UUID]], sql: Sql
) -> None:
    await keep_for_a_day(operator)
    queue("packaging")
    worker, told = make_worker(with_nothing_to_do(), applies_retention=True)
    await operator.capability_cache.get()
    sql("alter table gjobs.archived_jobs rename to away")
    try:
        await worker.run(once=True)
    finally:
        sql("alter table gjobs.away rename to archived_jobs")
    assert len([one for one in told if isinstance(one, RetentionFailed)]) == 1
    assert sql("select status from generation_jobs where mode = 'packaging'") == [("succeeded",)]


async def test_retention_that_is_cancelled_during_a_commit_ends(
    operator: Store, database: Conninfo, old_jobs: list[UUID]
) -> None:
    await keep_for_a_day(operator)
    told = list[object]()
    committing, cut = asyncio.Event(), asyncio.Event()

    async def withhold(client: asyncio.StreamWriter) -> None:
        committing.set()
        await cut.wait()
        client.close()

    async with proxied(database) as (proxy, through_proxy), Store(Database(through_proxy)) as store:
        await store.capability_cache.get()
        proxy.instead_of_commit_answer = withhold
        tidying = asyncio.create_task(RetentionRunner(store, told.append, asyncio.Event()).run(once=False))
        await committing.wait()
        tidying.cancel()
        asyncio.get_running_loop().call_later(0.01, cut.set)  # the driver waits for an answer first
        async with asyncio.timeout(60):
            with pytest.raises(asyncio.CancelledError):
                await tidying
    assert [type(one) for one in told] == [RetentionFailed]


class TestItSaysAtOnceWhatItCannotDo:
    def test_worker_acting_as_a_user_may_not_apply_retention(self, ada: Store, make_worker: MakeWorker) -> None:
        with pytest.raises(NoPrivilege, match="Only the operator applies"):
            make_worker(with_nothing_to_do(), store=ada, applies_retention=True)

    async def test_worker_refuses_to_apply_retention_without_an_archive(
        self, database: Conninfo, make_worker: MakeWorker, sql: Sql
    ) -> None:
        sql("alter table gjobs.archived_jobs rename to away")
        try:
            async with Store(Database(database)) as store:
                worker, _ = make_worker(with_nothing_to_do(), store=store, applies_retention=True)
                with pytest.raises(SchemaMissing, match="keeps no archive"):
                    await worker.run(once=True)
        finally:
            sql("alter table gjobs.away rename to archived_jobs")
