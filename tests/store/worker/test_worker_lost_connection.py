"""A worker outlives what happens to its links: it goes on, begins nothing twice, and hears of new jobs again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from typing import Any
from uuid import UUID

import pytest

from store.database.database import Database
from store.database.listening import ReadyStatement
from store.database.query import Query
from store.database.wake_ups import IDLE_LOCK, notification_arrives
from store.errors import SignInRefused, Unreachable
from store.leases.lease import ClaimedJob, Ending
from store.store import Store
from store.worker.handlers import Handler, Retry, Work
from store.worker.lease_client import LeaseClient
from store.worker.worker_events import (
    AttemptEnded,
    AttemptStarted,
    DatabaseRecovered,
    DatabaseUnavailable,
    FinishRejected,
    LeaseLost,
    WorkerEvent,
)
from tests.conftest import Conninfo
from tests.store.faulty_servers import Proxy, proxied
from tests.store.store_fixtures import Sql, until
from tests.store.worker.conftest import WorkerEnv, has_ended, registry_of

Claimed = list[ClaimedJob]

Claim = Callable[[], Awaitable[Claimed]]

LOST = Unreachable("The connection was lost.")

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


async def queue_until(is_so: Callable[[], bool], env: WorkerEnv, told: list[WorkerEvent]) -> list[UUID]:
    """One job after the other: one that is queued before the worker waits is claimed otherwise."""
    jobs: list[UUID] = []
    while not is_so():
        jobs += env.queue()
        await until(partial(has_ended, told, len(jobs)))
    return jobs


async def test_worker_that_starts_during_an_outage_waits_for_the_database(database: Conninfo, env: WorkerEnv) -> None:
    env.queue()
    async with cut_off(database) as (store, proxy):
        await store.capability_cache.get()
        proxy.go_away()
        async with env.running(store=store, once=True) as (_, told):
            await until(lambda: bool(told))
            proxy.come_back()
    assert [type(one) for one in told] == [DatabaseUnavailable, DatabaseRecovered, AttemptStarted, AttemptEnded]
    assert env.ends() == [("succeeded", None, 250)]


async def test_stopping_worker_does_not_wait_for_the_database(database: Conninfo, env: WorkerEnv) -> None:
    async with cut_off(database) as (store, proxy):
        await store.capability_cache.get()
        proxy.go_away()
        async with env.running(store=store) as (_, told):
            await until(lambda: bool(told))


async def test_worker_is_notified_of_new_jobs_after_reconnecting(
    database: Conninfo, env: WorkerEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.worker.claimer._FIRST_PAUSE", 0.01)
    async with cut_off(database) as (store, proxy), env.running(store=store) as (_, told):
        await until(lambda: told_sessions(env.sql) != set())
        cut = told_sessions(env.sql)
        proxy.go_away()
        proxy.come_back()
        await until(lambda: bool(told_sessions(env.sql) - cut))
        env.queue()
        await until(lambda: has_ended(told))
    assert env.ends() == [("succeeded", None, 250)]


async def test_new_job_is_claimed_by_the_session_that_was_notified(
    env: WorkerEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed_so: list[UUID] = []
    answer = ReadyStatement.answer

    async def noted(self: ReadyStatement, query: Query[ClaimedJob]) -> list[ClaimedJob]:
        claimed = await answer(self, query)
        claimed_so.extend(one.job.id for one in claimed)
        return claimed

    monkeypatch.setattr(ReadyStatement, "answer", noted)
    async with env.running() as (worker, told):
        await until(lambda: worker.is_notified)
        (session,) = told_sessions(env.sql)
        jobs = await queue_until(lambda: bool(claimed_so), env, told)
        ((statement,),) = env.sql("select query from pg_stat_activity where pid = %s", [session])
    assert claimed_so == jobs[-1:]
    assert "gjobs.claim_jobs" in statement


async def test_notified_claim_with_a_lost_answer_starts_each_job_once(
    env: WorkerEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.worker.claimer._FIRST_PAUSE", 0.01)
    begun: list[UUID] = []
    answer, is_lost = ReadyStatement.answer, asyncio.Event()

    async def loses_first(self: ReadyStatement, query: Query[Any]) -> list[Any]:
        claimed = await answer(self, query)
        if not is_lost.is_set():
            is_lost.set()
            raise LOST
        return claimed

    monkeypatch.setattr(ReadyStatement, "answer", loses_first)
    async with env.running(noting(begun)) as (worker, told):
        await until(lambda: worker.is_notified)
        first = told_sessions(env.sql)
        jobs = await queue_until(is_lost.is_set, env, told)
        await until(lambda: bool(told_sessions(env.sql) - first))
        jobs += env.queue()
        await until(lambda: has_ended(told, len(jobs)))
    assert begun == jobs


async def test_worker_listens_again_after_a_late_proof(
    database: Conninfo, env: WorkerEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([True, False])

    async def second_is_late(*arguments: Any) -> bool:
        return await notification_arrives(*arguments) and next(answers, True)

    monkeypatch.setattr("store.worker.claimer._FIRST_PAUSE", 0.01)
    monkeypatch.setattr("store.worker.claimer.notification_arrives", second_is_late)
    async with cut_off(database) as (store, proxy), env.running(store=store):
        await until(lambda: told_sessions(env.sql) != set())
        cut = told_sessions(env.sql)
        proxy.go_away()
        proxy.come_back()
        await until(lambda: bool(told_sessions(env.sql) - cut))
        assert list(answers) == []


async def test_progress_note_made_during_an_outage_is_saved_after_reconnecting(
    database: Conninfo, env: WorkerEnv
) -> None:
    told, seen = asyncio.Event(), asyncio.Event()

    async def tells(work: Work) -> None:
        await told.wait()
        work.note("3 of 8")
        await seen.wait()

    env.queue()
    async with (
        cut_off(database) as (store, proxy),
        env.running(tells, store=store, lease_seconds=0.6, once=True) as (_, happened),
    ):
        await env.until_leased()
        proxy.go_away()
        told.set()
        await until(lambda: any(isinstance(one, DatabaseUnavailable) for one in happened))
        proxy.come_back()
        await until(lambda: [row[3] for row in env.leases()] == ["3 of 8"])
        seen.set()


async def test_refused_sign_in_ends_the_worker_without_failing_its_job(
    env: WorkerEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(self: LeaseClient, endings: Sequence[Ending]) -> set[UUID]:
        monkeypatch.undo()
        raise SignInRefused("The password is another by now.")

    monkeypatch.setattr(LeaseClient, "end", refused)
    (job,) = env.queue()
    worker, told = env.make_worker()

    with pytest.raises(SignInRefused):
        await worker.run(once=True)

    assert [type(one) for one in told] == [AttemptStarted]
    assert env.leases() == [(job, None, 0, None)]
    assert env.ends() == [("running", None, 250)]


class TestClaims:
    @pytest.mark.parametrize(("lost", "batch"), [(1, 10), (7, 1)], ids=["the only one", "one of several"])
    async def test_jobs_of_a_claim_with_a_lost_answer_start_once(
        self,
        env: WorkerEnv,
        monkeypatch: pytest.MonkeyPatch,
        lost: int,
        batch: int,
    ) -> None:
        begun: list[UUID] = []
        jobs = env.queue(number=20)

        async def loses(number: int, claim: Claim) -> Claimed:
            claimed = await claim()
            if number == lost:
                raise LOST
            return claimed

        replace_claims(monkeypatch, loses)
        await env.run(noting(begun), batch=batch)
        assert sorted(begun) == sorted(jobs)
        assert env.ends() == [("succeeded", None, 250)] * 20

    async def test_worker_runs_the_jobs_of_a_lost_claim_before_it_ends(
        self, env: WorkerEnv, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun: list[UUID] = []
        jobs = env.queue(number=2)
        worker, told = env.make_worker(noting(begun), batch=1)
        is_lost = asyncio.Event()

        async def loses_what_comes_beside_the_second(number: int, claim: Claim) -> Claimed:
            if number == 2:
                await is_lost.wait()
                await until(lambda: has_ended(told))
            claimed = await claim()
            if number > 2 and claimed and not is_lost.is_set():
                is_lost.set()
                raise LOST
            return claimed

        replace_claims(monkeypatch, loses_what_comes_beside_the_second)
        await worker.run(once=True)
        assert is_lost.is_set()
        assert begun == jobs
        assert env.ends() == [("succeeded", None, 250)] * 2

    async def test_failed_claim_is_not_repeated_at_once_for_a_rescheduled_job(
        self, env: WorkerEnv, monkeypatch: pytest.MonkeyPatch
    ) -> None:

        async def puts_off(_: Work) -> None:
            raise Retry("busy", after=60)

        env.queue()
        worker, told = env.make_worker(puts_off)
        failed_at: list[float] = []

        async def fails_afterwards(_: int, claim: Claim) -> Claimed:
            if not any(isinstance(one, AttemptStarted) for one in told):
                return await claim()
            await until(lambda: has_ended(told))
            failed_at.append(asyncio.get_running_loop().time())
            raise LOST

        replace_claims(monkeypatch, fails_afterwards)
        running = asyncio.create_task(worker.run())
        await until(lambda: len(failed_at) == 2)
        worker.stop()
        await running

        first, second = failed_at
        assert second - first >= SHORTEST_WAIT

    async def test_worker_claims_nothing_while_it_recovers_held_leases(
        self, env: WorkerEnv, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun, is_found = list[UUID](), asyncio.Event()

        async def waits(work: Work) -> None:
            begun.append(work.job.id)
            await is_found.wait()

        jobs = env.queue(number=8)
        held_jobs = LeaseClient.held_jobs
        claims, answered, has_failed = 0, 0, asyncio.Event()

        async def third_fails_before_second_brings_all(number: int, claim: Claim) -> Claimed:
            nonlocal claims, answered
            claims = number
            if number == 3:
                has_failed.set()
                raise LOST
            if number == 2:
                await has_failed.wait()
            claimed = await claim()
            answered += 1
            return claimed

        async def after_who_claims_meanwhile(self: LeaseClient) -> list[ClaimedJob]:
            claims_before, answered_before = claims, answered
            for _ in range(20):
                await asyncio.sleep(0)
            if claims > claims_before:
                await until(lambda: answered > answered_before)
            found = await held_jobs(self)
            is_found.set()
            return found

        replace_claims(monkeypatch, third_fails_before_second_brings_all)
        monkeypatch.setattr(LeaseClient, "held_jobs", after_who_claims_meanwhile)
        await env.run(waits, concurrency=8, batch=1)
        assert sorted(begun) == sorted(jobs)

    async def test_job_that_ends_during_lease_recovery_is_not_started_again(
        self, env: WorkerEnv, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun: list[UUID] = []
        jobs = env.queue(number=2)
        worker, told = env.make_worker(noting(begun), concurrency=2, batch=1)
        held_jobs, end = LeaseClient.held_jobs, LeaseClient.end
        is_found = asyncio.Event()

        async def second_fails(number: int, claim: Claim) -> Claimed:
            if number == 2:
                raise LOST
            return await claim()

        async def first_is_found(self: LeaseClient) -> list[ClaimedJob]:
            found = await held_jobs(self)
            is_found.set()
            await until(lambda: has_ended(told))
            return found

        async def after_that(self: LeaseClient, endings: Sequence[Ending]) -> set[UUID]:
            await is_found.wait()
            return await end(self, endings)

        replace_claims(monkeypatch, second_fails)
        monkeypatch.setattr(LeaseClient, "held_jobs", first_is_found)
        monkeypatch.setattr(LeaseClient, "end", after_that)
        await worker.run(once=True)
        assert begun == jobs
        assert [one for one in told if isinstance(one, LeaseLost)] == []

    async def test_job_with_a_rejected_finish_is_not_restarted_after_a_lost_claim(
        self, env: WorkerEnv, monkeypatch: pytest.MonkeyPatch
    ) -> None:

        async def dear(work: Work) -> None:
            work._cost_cents = 2**31

        env.queue()
        worker, told = env.make_worker(dear)

        async def second_fails(number: int, claim: Claim) -> Claimed:
            if number == 2:
                await until(lambda: any(isinstance(one, FinishRejected) for one in told))
                raise LOST
            return await claim()

        replace_claims(monkeypatch, second_fails)
        await worker.run(once=True)
        assert [type(one) for one in told] == [AttemptStarted, FinishRejected, DatabaseUnavailable, DatabaseRecovered]

    async def test_worker_that_takes_over_its_own_job_stops_the_earlier_attempt(self, env: WorkerEnv) -> None:
        stopped: list[int] = []

        async def long(work: Work) -> None:
            if work.attempt == 2:
                return
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                stopped.append(work.attempt)
                raise

        env.queue()
        async with env.running(registry_of(long, "lifestyle"), concurrency=2) as (_, told):
            await env.until_leased()
            env.sql("update gjobs.job_leases set expires_at = now()")
            env.queue("of nobody")  # which wakes it
            await until(lambda: has_ended(told))

        assert stopped == [1]
        assert [type(one) for one in told] == [AttemptStarted, LeaseLost, AttemptStarted, AttemptEnded]


def noting(begun: list[UUID]) -> Handler:
    async def note(work: Work) -> None:
        begun.append(work.job.id)

    return note


def replace_claims(monkeypatch: pytest.MonkeyPatch, replacement: Callable[[int, Claim], Awaitable[Claimed]]) -> None:
    """It is called with the number of each claim, from 1, and with what makes the claim."""
    claim, numbers = LeaseClient.claim, count(1)

    async def replaced(self: LeaseClient, most: int) -> Claimed:
        return await replacement(next(numbers), partial(claim, self, most))

    monkeypatch.setattr(LeaseClient, "claim", replaced)
