"""A worker outlives what happens to its links: it goes on, begins nothing twice, and hears of new jobs again."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest

from store.database.database import Database
from store.database.listening import StandingBy
from store.database.query import Query
from store.database.wake_ups import IDLE_LOCK, arrives
from store.errors import SignInRefused, Unreachable
from store.leases.lease import Claimed, Ending
from store.store import Store
from store.worker.handlers import Registry, Retry, Work
from store.worker.lease_client import Leases
from store.worker.worker_events import Ended, Happening, Lost, Recovered, Refused, Started, Trouble
from tests.conftest import Conninfo
from tests.store.servers import Proxy, proxied
from tests.store.support import Sql, until
from tests.store.worker.conftest import MakeWorker
from tests.store.worker.test_worker import ends, leases, with_nothing_to_do

Queue = Callable[..., list[UUID]]

SHORTEST_WAIT = 0.1

"""Seconds after a first failure."""


@asynccontextmanager
async def cut_off(database: Conninfo) -> AsyncIterator[tuple[Store, Proxy]]:
    async with proxied(database) as (proxy, through_proxy), Store(Database(through_proxy)) as store:
        yield store, proxy


def told_sessions(sql: Sql) -> set[int]:
    """Those of workers that wait, and are told of the next job."""
    rows = sql(
        "select pid from pg_locks where locktype = 'advisory' and (classid::bigint, objid::bigint) = (%s, %s)"
        " and database = (select oid from pg_database where datname = current_database())",
        IDLE_LOCK,
    )
    return {pid for (pid,) in rows}


async def so_many_end(told: Sequence[Happening], number: int) -> None:
    await until(lambda: sum(isinstance(one, Ended) for one in told) == number)


async def queue_until(is_so: Callable[[], bool], queue: Queue, told: Sequence[Happening]) -> list[UUID]:
    """One job after the other: one that is queued before the worker waits is claimed otherwise."""
    jobs: list[UUID] = []
    while not is_so():
        jobs += queue()
        await so_many_end(told, len(jobs))
    return jobs


async def test_a_worker_that_begins_while_the_link_breaks_waits_for_the_database(
    database: Conninfo, make_worker: MakeWorker, queue: Queue, sql: Sql
) -> None:
    queue()
    async with cut_off(database) as (store, proxy):
        await store.probed.get()
        proxy.go_away()
        worker, told = make_worker(with_nothing_to_do(), store=store)
        running = asyncio.create_task(worker.run(once=True))
        await until(lambda: bool(told))
        proxy.come_back()
        await running
    assert [type(one) for one in told] == [Trouble, Recovered, Started, Ended]
    assert ends(sql) == [("succeeded", None, 250)]


async def test_one_that_is_to_stop_waits_for_none(database: Conninfo, make_worker: MakeWorker) -> None:
    async with cut_off(database) as (store, proxy):
        await store.probed.get()
        proxy.go_away()
        worker, told = make_worker(with_nothing_to_do(), store=store)
        running = asyncio.create_task(worker.run())
        await until(lambda: bool(told))
        worker.stop()
        await running


async def test_it_hears_of_new_jobs_again(
    database: Conninfo, make_worker: MakeWorker, queue: Queue, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.worker.claimer._FIRST_PAUSE", 0.01)
    async with cut_off(database) as (store, proxy):
        worker, told = make_worker(with_nothing_to_do(), store=store)
        running = asyncio.create_task(worker.run())
        await until(lambda: told_sessions(sql) != set())
        cut = told_sessions(sql)
        proxy.go_away()
        proxy.come_back()
        await until(lambda: bool(told_sessions(sql) - cut))
        queue()
        await until(lambda: any(isinstance(one, Ended) for one in told))
        worker.stop()
        await running
    assert ends(sql) == [("succeeded", None, 250)]


async def test_what_goes_out_with_the_news_is_claimed_by_the_session_that_told(
    make_worker: MakeWorker, queue: Queue, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed_so: list[UUID] = []
    answer = StandingBy.answer

    async def noted(self: StandingBy, query: Query[Claimed]) -> list[Claimed]:
        claimed = await answer(self, query)
        claimed_so.extend(one.job.id for one in claimed)
        return claimed

    monkeypatch.setattr(StandingBy, "answer", noted)
    worker, told = make_worker(with_nothing_to_do())
    running = asyncio.create_task(worker.run())
    await until(lambda: worker.is_told)
    (session,) = told_sessions(sql)
    jobs = await queue_until(lambda: bool(claimed_so), queue, told)
    ((statement,),) = sql("select query from pg_stat_activity where pid = %s", [session])
    worker.stop()
    await running
    assert claimed_so == jobs[-1:]
    assert "gjobs.claim_jobs" in statement


async def test_a_claim_over_that_link_whose_answer_is_lost_is_made_once_and_the_link_anew(
    make_worker: MakeWorker, queue: Queue, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.worker.claimer._FIRST_PAUSE", 0.01)
    begun: list[UUID] = []
    answer, is_lost = StandingBy.answer, asyncio.Event()

    async def loses_first(self: StandingBy, query: Query[Any]) -> list[Any]:
        claimed = await answer(self, query)
        if not is_lost.is_set():
            is_lost.set()
            raise Unreachable("The link broke.")
        return claimed

    monkeypatch.setattr(StandingBy, "answer", loses_first)
    worker, told = make_worker(noting(begun))
    running = asyncio.create_task(worker.run())
    await until(lambda: worker.is_told)
    first = told_sessions(sql)
    jobs = await queue_until(is_lost.is_set, queue, told)
    await until(lambda: bool(told_sessions(sql) - first))
    jobs += queue()
    await so_many_end(told, len(jobs))
    worker.stop()
    await running
    assert begun == jobs


async def test_where_it_has_heard_before_one_proof_that_is_late_is_not_the_last(
    database: Conninfo, make_worker: MakeWorker, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([True, False])

    async def second_is_late(*arguments: Any) -> bool:
        return await arrives(*arguments) and next(answers, True)

    monkeypatch.setattr("store.worker.claimer._FIRST_PAUSE", 0.01)
    monkeypatch.setattr("store.worker.claimer.arrives", second_is_late)
    async with cut_off(database) as (store, proxy):
        worker, _ = make_worker(with_nothing_to_do(), store=store)
        running = asyncio.create_task(worker.run())
        await until(lambda: told_sessions(sql) != set())
        cut = told_sessions(sql)
        proxy.go_away()
        proxy.come_back()
        await until(lambda: bool(told_sessions(sql) - cut))
        assert list(answers) == []
        worker.stop()
        await running


async def test_what_was_told_of_progress_is_told_when_the_link_is_back(
    database: Conninfo, make_worker: MakeWorker, queue: Queue, sql: Sql
) -> None:
    registry = Registry()
    told, seen = asyncio.Event(), asyncio.Event()

    @registry.handler("lifestyle")
    async def tells(work: Work) -> None:
        await told.wait()
        work.note("3 of 8")
        await seen.wait()

    queue()
    async with cut_off(database) as (store, proxy):
        worker, happened = make_worker(registry, store=store, lease_seconds=0.6)
        running = asyncio.create_task(worker.run(once=True))
        await until(lambda: bool(leases(sql)))
        proxy.go_away()
        told.set()
        await until(lambda: any(isinstance(one, Trouble) for one in happened))
        proxy.come_back()
        await until(lambda: [row[3] for row in leases(sql)] == ["3 of 8"])
        seen.set()
        await running


async def test_where_the_sign_in_is_refused_it_ends_and_no_job_is_failed_for_it(
    make_worker: MakeWorker, queue: Queue, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(self: Leases, endings: Sequence[Ending]) -> set[UUID]:
        monkeypatch.undo()
        raise SignInRefused("The password is another by now.")

    monkeypatch.setattr(Leases, "end", refused)
    (job,) = queue()
    worker, told = make_worker(with_nothing_to_do())

    with pytest.raises(SignInRefused):
        await worker.run(once=True)

    assert [type(one) for one in told] == [Started]
    assert leases(sql) == [(job, None, 0, None)]
    assert ends(sql) == [("running", None, 250)]


class TestClaims:
    @pytest.mark.parametrize(("lost", "batch"), [(1, 10), (7, 1)], ids=["the only one", "one of several"])
    async def test_what_was_claimed_without_an_answer_is_begun_once(
        self,
        make_worker: MakeWorker,
        queue: Queue,
        sql: Sql,
        monkeypatch: pytest.MonkeyPatch,
        lost: int,
        batch: int,
    ) -> None:
        begun: list[UUID] = []
        jobs = queue(number=20)
        worker, _ = make_worker(noting(begun), batch=batch)
        lose_claim(monkeypatch, lost)

        await worker.run(once=True)

        assert sorted(begun) == sorted(jobs)
        assert ends(sql) == [("succeeded", None, 250)] * 20

    async def test_what_another_of_its_claims_lost_is_done_before_it_ends(
        self, make_worker: MakeWorker, queue: Queue, sql: Sql, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun: list[UUID] = []
        jobs = queue(number=2)
        worker, told = make_worker(noting(begun), batch=1)
        claim, claims, is_lost = Leases.claim, 0, asyncio.Event()

        async def loses_what_comes_beside_the_second(self: Leases, most: int) -> list[Claimed]:
            nonlocal claims
            claims += 1
            if (number := claims) == 2:
                await is_lost.wait()
                await until(lambda: any(isinstance(one, Ended) for one in told))
            claimed = await claim(self, most)
            if number > 2 and claimed and not is_lost.is_set():
                is_lost.set()
                raise Unreachable("The link broke.")
            return claimed

        monkeypatch.setattr(Leases, "claim", loses_what_comes_beside_the_second)

        await worker.run(once=True)

        assert is_lost.is_set()
        assert begun == jobs
        assert ends(sql) == [("succeeded", None, 250)] * 2

    async def test_a_database_that_is_away_is_not_asked_at_once_again_for_a_job_that_was_put_off(
        self, make_worker: MakeWorker, queue: Queue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        registry = Registry()

        @registry.handler("lifestyle")
        async def puts_off(_: Work) -> None:
            raise Retry("busy", after=60)

        queue()
        worker, told = make_worker(registry)
        claim, failed_at = Leases.claim, list[float]()

        async def fails_afterwards(self: Leases, most: int) -> list[Claimed]:
            if not any(isinstance(one, Started) for one in told):
                return await claim(self, most)
            await until(lambda: any(isinstance(one, Ended) for one in told))
            failed_at.append(asyncio.get_running_loop().time())
            raise Unreachable("The link broke.")

        monkeypatch.setattr(Leases, "claim", fails_afterwards)
        running = asyncio.create_task(worker.run())
        await until(lambda: len(failed_at) == 2)
        worker.stop()
        await running

        first, second = failed_at
        assert second - first >= SHORTEST_WAIT

    async def test_nothing_is_claimed_while_it_is_looked_for(
        self, make_worker: MakeWorker, queue: Queue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        registry, begun, is_found = Registry(), list[UUID](), asyncio.Event()

        @registry.handler()
        async def waits(work: Work) -> None:
            begun.append(work.job.id)
            await is_found.wait()

        jobs = queue(number=8)
        worker, _ = make_worker(registry, concurrency=8, batch=1)
        claim, claimed_before = Leases.claim, Leases.claimed_before
        claims, answered, has_failed = 0, 0, asyncio.Event()

        async def third_fails_before_second_brings_all(self: Leases, most: int) -> list[Claimed]:
            nonlocal claims, answered
            claims += 1
            if (number := claims) == 3:
                has_failed.set()
                raise Unreachable("The link broke.")
            if number == 2:
                await has_failed.wait()
            claimed = await claim(self, most)
            answered += 1
            return claimed

        async def after_who_claims_meanwhile(self: Leases) -> list[Claimed]:
            claims_before, answered_before = claims, answered
            for _ in range(20):
                await asyncio.sleep(0)
            if claims > claims_before:
                await until(lambda: answered > answered_before)
            found = await claimed_before(self)
            is_found.set()
            return found

        monkeypatch.setattr(Leases, "claim", third_fails_before_second_brings_all)
        monkeypatch.setattr(Leases, "claimed_before", after_who_claims_meanwhile)

        await worker.run(once=True)

        assert sorted(begun) == sorted(jobs)

    async def test_what_ends_while_it_is_looked_for_is_not_begun_again(
        self, make_worker: MakeWorker, queue: Queue, sql: Sql, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun: list[UUID] = []
        jobs = queue(number=2)
        worker, told = make_worker(noting(begun), concurrency=2, batch=1)
        claim, claimed_before, end = Leases.claim, Leases.claimed_before, Leases.end
        claims, is_found = 0, asyncio.Event()

        async def second_fails(self: Leases, most: int) -> list[Claimed]:
            nonlocal claims
            claims += 1
            if claims == 2:
                raise Unreachable("The link broke.")
            return await claim(self, most)

        async def first_is_found(self: Leases) -> list[Claimed]:
            found = await claimed_before(self)
            is_found.set()
            await until(lambda: any(isinstance(one, Ended) for one in told))
            return found

        async def after_that(self: Leases, endings: Sequence[Ending]) -> set[UUID]:
            await is_found.wait()
            return await end(self, endings)

        monkeypatch.setattr(Leases, "claim", second_fails)
        monkeypatch.setattr(Leases, "claimed_before", first_is_found)
        monkeypatch.setattr(Leases, "end", after_that)

        await worker.run(once=True)

        assert begun == jobs
        assert [one for one in told if isinstance(one, Lost)] == []

    async def test_one_whose_end_is_refused_is_not_begun_again_when_a_claim_is_lost(
        self, make_worker: MakeWorker, queue: Queue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        registry = Registry()

        @registry.handler("lifestyle")
        async def dear(work: Work) -> None:
            work._cost_cents = 2**31

        queue()
        worker, told = make_worker(registry)
        claim, claims = Leases.claim, 0

        async def second_fails(self: Leases, most: int) -> list[Claimed]:
            nonlocal claims
            claims += 1
            if claims == 2:
                await until(lambda: any(isinstance(one, Refused) for one in told))
                raise Unreachable("The link broke.")
            return await claim(self, most)

        monkeypatch.setattr(Leases, "claim", second_fails)

        await worker.run(once=True)

        assert [type(one) for one in told] == [Started, Refused, Trouble, Recovered]

    async def test_a_worker_that_takes_over_its_own_job_stops_what_it_did_of_it(
        self, make_worker: MakeWorker, queue: Queue, sql: Sql
    ) -> None:
        registry = Registry()
        stopped: list[int] = []

        @registry.handler("lifestyle")
        async def long(work: Work) -> None:
            if work.attempt == 2:
                return
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                stopped.append(work.attempt)
                raise

        queue()
        worker, told = make_worker(registry, concurrency=2)
        running = asyncio.create_task(worker.run())
        await until(lambda: bool(leases(sql)))
        sql("update gjobs.job_leases set expires_at = now()")
        queue("of nobody")  # which wakes it
        await until(lambda: any(isinstance(one, Ended) for one in told))
        worker.stop()
        await running

        assert stopped == [1]
        assert [type(one) for one in told] == [Started, Lost, Started, Ended]


def noting(begun: list[UUID]) -> Registry:
    registry = Registry()

    @registry.handler("lifestyle")
    async def note(work: Work) -> None:
        begun.append(work.job.id)

    return registry


def lose_claim(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """It is made, and its answer lost. The first has the number 1."""
    claim, claims = Leases.claim, 0

    async def loses(self: Leases, most: int) -> list[Claimed]:
        nonlocal claims
        claims += 1
        is_lost = claims == number
        claimed = await claim(self, most)
        if is_lost:
            raise Unreachable("The link broke.")
        return claimed

    monkeypatch.setattr(Leases, "claim", loses)
