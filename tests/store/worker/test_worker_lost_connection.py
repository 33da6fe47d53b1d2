"""A worker survives lost connections: it goes on, starts no job twice, and listens for new jobs again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from typing import Any
from uuid import UUID

import pytest

from gjobs.store.database.database import Database
from gjobs.store.database.wake_ups import IDLE_LOCK, notification_arrives
from gjobs.store.errors import SignInRefused, Unreachable
from gjobs.store.leases.lease import ClaimedJob, Ending
from gjobs.store.leases.lease_client import LeaseClient
from gjobs.store.store import Store
from gjobs.store.worker.handlers import Handler, Retry, Work
from gjobs.store.worker.worker_events import (
    AttemptEnded,
    AttemptStarted,
    DatabaseRecovered,
    DatabaseUnavailable,
    FinishRejected,
    LeaseLost,
)
from tests.conftest import Conninfo
from tests.store.faulty_servers import Proxy, proxied, recovering
from tests.store.store_fixtures import Sql, until
from tests.store.worker.conftest import SUCCEEDED, WorkerEnv, kinds, of_kind, registry_of, until_reported

Claim = Callable[[], Awaitable[list[ClaimedJob]]]

LOST = Unreachable("The connection was lost.")

SHORTEST_WAIT = 0.1
"""Seconds that a worker waits at least after a first failure."""


@pytest.fixture
def quick_reconnect(monkeypatch: pytest.MonkeyPatch) -> None:
    """Listen again almost at once after a lost connection."""
    monkeypatch.setattr("gjobs.store.worker.worker._FIRST_PAUSE", 0.01)


@asynccontextmanager
async def store_through_proxy(database: Conninfo) -> AsyncIterator[tuple[Store, Proxy]]:
    async with proxied(database) as (proxy, through_proxy), Store(Database(through_proxy)) as store:
        yield store, proxy


def listening_sessions(sql: Sql) -> set[int]:
    """Return the sessions of idle workers that are notified of the next job."""
    rows = sql(
        "select pid from pg_locks where locktype = 'advisory' and (classid::bigint, objid::bigint) = (%s, %s)"
        " and database = (select oid from pg_database where datname = current_database())",
        IDLE_LOCK,
    )
    return {pid for (pid,) in rows}


async def test_worker_that_starts_during_an_outage_waits_for_the_database_until_it_is_stopped(
    database: Conninfo, env: WorkerEnv
) -> None:
    env.queue()
    async with store_through_proxy(database) as (store, proxy):
        await store.capability_cache.get()
        proxy.go_away()
        async with env.running(store=store) as (worker, events):
            await until_reported(events, DatabaseUnavailable)
            worker.stop()
        async with env.running(store=store, once=True) as (_, events):
            await until_reported(events, DatabaseUnavailable)
            proxy.come_back()
    assert kinds(events) == [DatabaseUnavailable, DatabaseRecovered, AttemptStarted, AttemptEnded]
    assert env.outcomes() == [SUCCEEDED]


@pytest.mark.usefixtures("quick_reconnect")
@pytest.mark.parametrize("is_late", [False, True])
async def test_worker_is_notified_of_new_jobs_after_reconnecting(
    database: Conninfo, env: WorkerEnv, monkeypatch: pytest.MonkeyPatch, is_late: bool
) -> None:
    """The notification that proves the second connection may be late. Then the worker opens a third one."""
    proofs = iter([True, not is_late])

    async def prove(*arguments: Any) -> bool:
        return await notification_arrives(*arguments) and next(proofs, True)

    monkeypatch.setattr("gjobs.store.worker.worker.notification_arrives", prove)
    async with store_through_proxy(database) as (store, proxy), env.running(store=store) as (_, events):
        await until(lambda: listening_sessions(env.sql) != set())
        cut = listening_sessions(env.sql)
        proxy.go_away()
        proxy.come_back()
        await until(lambda: bool(listening_sessions(env.sql) - cut))
        env.queue()
        await until_reported(events)
    assert env.outcomes() == [SUCCEEDED]
    assert list(proofs) == []


async def test_progress_note_of_an_outage_is_saved_after_reconnecting(database: Conninfo, env: WorkerEnv) -> None:
    is_down, is_saved = asyncio.Event(), asyncio.Event()

    async def report_progress(work: Work) -> None:
        await is_down.wait()
        work.note("3 of 8")
        await is_saved.wait()

    env.queue()
    async with (
        store_through_proxy(database) as (store, proxy),
        env.running(report_progress, store=store, lease_seconds=0.6, once=True) as (_, events),
    ):
        await env.until_leased()
        proxy.go_away()
        is_down.set()
        await until_reported(events, DatabaseUnavailable)
        proxy.come_back()
        await until(lambda: [row[3] for row in env.leases()] == ["3 of 8"])
        is_saved.set()


async def test_refused_sign_in_ends_the_worker_but_no_job(env: WorkerEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(self: LeaseClient, endings: Sequence[Ending]) -> set[UUID]:
        monkeypatch.undo()
        raise SignInRefused("The password has changed.")

    monkeypatch.setattr(LeaseClient, "end", refused)
    (job,) = env.queue()
    worker, events = env.make_worker()

    with pytest.raises(SignInRefused):
        await worker.run(once=True)

    assert kinds(events) == [AttemptStarted]
    assert env.leases() == [(job, None, 0, None)]
    assert env.outcomes() == [("running", None, 250)]


async def test_worker_that_ended_with_an_error_claims_nothing(env: WorkerEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(*_: object) -> set[UUID]:
        raise SignInRefused("The password has changed.")

    monkeypatch.setattr(LeaseClient, "renew", refused)
    env.queue()
    worker, _ = env.make_worker(lease_seconds=0.1)
    worker.set_paused(True)
    with pytest.raises(SignInRefused):
        await worker.run()
    assert await worker.claim_one() is None
    assert env.outcomes() == [("queued", None, 250)]


class TestClaims:
    @pytest.mark.parametrize(("lost", "batch"), [(1, 10), (7, 1)], ids=["the only one", "one of several"])
    async def test_jobs_of_a_claim_with_a_lost_answer_start_once(
        self, env: WorkerEnv, monkeypatch: pytest.MonkeyPatch, lost: int, batch: int
    ) -> None:
        started: list[UUID] = []
        jobs = env.queue(number=20)

        async def lose_answer(number: int, claim: Claim) -> list[ClaimedJob]:
            claimed = await claim()
            if number == lost:
                raise LOST
            return claimed

        replace_claims(monkeypatch, lose_answer)
        await env.run(recording(started), batch=batch)
        assert sorted(started) == sorted(jobs)
        assert env.outcomes() == [SUCCEEDED] * 20

    async def test_paused_worker_runs_the_jobs_of_a_lost_claim_and_can_claim_the_next_one(
        self, env: WorkerEnv, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        started: list[UUID] = []
        jobs = env.queue(number=3)

        async def lose_first_two_answers(number: int, claim: Claim) -> list[ClaimedJob]:
            worker.set_paused(True)
            claimed = await claim()
            if number <= 2:
                raise LOST
            return claimed

        replace_claims(monkeypatch, lose_first_two_answers)
        async with env.running(recording(started), batch=1) as (worker, events):
            await until_reported(events)
            with pytest.raises(Unreachable):
                await worker.claim_one()
            await until_reported(events, number=2)
            claimed = await worker.claim_one()
            assert claimed is not None
            assert claimed.id == jobs[2]
        assert started == jobs

    async def test_worker_runs_a_lost_claim_before_it_ends(
        self, env: WorkerEnv, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        started: list[UUID] = []
        jobs = env.queue(number=2)
        worker, events = env.make_worker(recording(started), batch=1)
        is_lost = asyncio.Event()

        async def lose_answer_during_the_second_claim(number: int, claim: Claim) -> list[ClaimedJob]:
            if number == 2:
                await is_lost.wait()
                await until_reported(events)
            claimed = await claim()
            if number > 2 and claimed and not is_lost.is_set():
                is_lost.set()
                raise LOST
            return claimed

        replace_claims(monkeypatch, lose_answer_during_the_second_claim)
        await worker.run(once=True)
        assert is_lost.is_set()
        assert started == jobs
        assert env.outcomes() == [SUCCEEDED] * 2

    async def test_failed_claim_is_not_repeated_at_once_for_a_rescheduled_job(
        self, env: WorkerEnv, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def busy(_: Work) -> None:
            raise Retry("busy", after=60)

        failed_at: list[float] = []

        async def fail_after_the_attempt(_: int, claim: Claim) -> list[ClaimedJob]:
            if not of_kind(events, AttemptStarted):
                return await claim()
            await until_reported(events)
            failed_at.append(asyncio.get_running_loop().time())
            raise LOST

        replace_claims(monkeypatch, fail_after_the_attempt)
        env.queue()
        async with env.running(busy) as (_, events):
            await until(lambda: len(failed_at) >= 2)

        first, second, *_ = failed_at
        assert second - first >= SHORTEST_WAIT

    async def test_worker_claims_nothing_while_recovering(
        self, env: WorkerEnv, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The second claim is answered with all jobs, after the third claim has failed."""
        started, is_recovered = list[UUID](), asyncio.Event()

        async def wait_for_recovery(work: Work) -> None:
            started.append(work.job.id)
            await is_recovered.wait()

        jobs = env.queue(number=8)
        held_jobs = LeaseClient.held_jobs
        claims, answered, has_failed = 0, 0, asyncio.Event()

        async def fail_third_before_second(number: int, claim: Claim) -> list[ClaimedJob]:
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

        async def read_after_any_new_claim(self: LeaseClient) -> list[ClaimedJob]:
            claims_before, answered_before = claims, answered
            for _ in range(20):
                await asyncio.sleep(0)
            if claims > claims_before:
                await until(lambda: answered > answered_before)
            held = await held_jobs(self)
            is_recovered.set()
            return held

        replace_claims(monkeypatch, fail_third_before_second)
        monkeypatch.setattr(LeaseClient, "held_jobs", read_after_any_new_claim)
        await env.run(wait_for_recovery, concurrency=8, batch=1)
        assert sorted(started) == sorted(jobs)

    async def test_job_that_ends_during_lease_recovery_is_not_started_again(
        self, env: WorkerEnv, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        started: list[UUID] = []
        jobs = env.queue(number=2)
        worker, events = env.make_worker(recording(started), concurrency=2, batch=1)
        held_jobs, end = LeaseClient.held_jobs, LeaseClient.end
        is_read = asyncio.Event()

        async def fail_second(number: int, claim: Claim) -> list[ClaimedJob]:
            if number == 2:
                raise LOST
            return await claim()

        async def answer_after_the_job_has_ended(self: LeaseClient) -> list[ClaimedJob]:
            held = await held_jobs(self)
            is_read.set()
            await until_reported(events)
            return held

        async def end_after_the_read(self: LeaseClient, endings: Sequence[Ending]) -> set[UUID]:
            await is_read.wait()
            return await end(self, endings)

        replace_claims(monkeypatch, fail_second)
        monkeypatch.setattr(LeaseClient, "held_jobs", answer_after_the_job_has_ended)
        monkeypatch.setattr(LeaseClient, "end", end_after_the_read)
        await worker.run(once=True)
        assert started == jobs
        assert of_kind(events, LeaseLost) == []

    async def test_job_with_a_rejected_finish_is_not_restarted_after_a_lost_claim(
        self, env: WorkerEnv, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def set_invalid_cost(work: Work) -> None:
            work._cost_cents = 2**31

        env.queue()
        worker, events = env.make_worker(set_invalid_cost)

        async def fail_second(number: int, claim: Claim) -> list[ClaimedJob]:
            if number == 2:
                await until_reported(events, FinishRejected)
                raise LOST
            return await claim()

        replace_claims(monkeypatch, fail_second)
        await worker.run(once=True)
        assert kinds(events) == [AttemptStarted, FinishRejected, DatabaseUnavailable, DatabaseRecovered]

    async def test_end_that_is_refused_before_a_lost_claim_is_made_again_is_saved_after_it(
        self, env: WorkerEnv, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        started: list[UUID] = []
        end, numbers = LeaseClient.end, count(1)

        async def claim_again_after_the_answer(self: LeaseClient, endings: Sequence[Ending]) -> set[UUID]:
            if next(numbers) > 1:
                return await end(self, endings)
            env.sql("delete from gjobs.job_leases")
            env.sql("update generation_jobs set status = 'queued'")
            ended = await end(self, endings)
            env.queue()  # wakes the worker
            await until(lambda: len(started) > 1)
            return ended

        monkeypatch.setattr(LeaseClient, "end", claim_again_after_the_answer)
        env.queue()
        async with env.running(recording(started)) as (_, events):
            await until_reported(events, number=2)
        assert len(set(started)) == len(started) == 2
        assert env.outcomes() == [SUCCEEDED] * 2
        assert of_kind(events, LeaseLost) == []

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
        async with env.running(registry_of(long, "lifestyle"), concurrency=2) as (_, events):
            await env.until_leased()
            env.sql("update gjobs.job_leases set expires_at = now()")
            env.queue("without a handler")  # wakes the worker
            await until_reported(events)

        assert stopped == [1]
        assert kinds(events) == [AttemptStarted, LeaseLost, AttemptStarted, AttemptEnded]


def recording(started: list[UUID]) -> Handler:
    async def record(work: Work) -> None:
        started.append(work.job.id)

    return record


def replace_claims(
    monkeypatch: pytest.MonkeyPatch, replacement: Callable[[int, Claim], Awaitable[list[ClaimedJob]]]
) -> None:
    """Call the replacement with the number of each claim, from 1, and with a function that makes the claim."""
    claim, numbers = LeaseClient.claim, count(1)

    async def replaced(self: LeaseClient, most: int) -> list[ClaimedJob]:
        return await replacement(next(numbers), partial(claim, self, most))

    monkeypatch.setattr(LeaseClient, "claim", replaced)


async def test_worker_survives_a_server_in_crash_recovery(env: WorkerEnv, database: Conninfo) -> None:
    async with recovering(database) as (server, conninfo), Store(Database(conninfo)) as store:
        server.become_ready()
        async with env.running(store=store) as (worker, events):
            await until(lambda: worker.is_notified)
            server.crash()
            env.queue()
            await until(lambda: server.refusals > 2)
            server.become_ready()
            await until_reported(events)
    assert env.outcomes() == [SUCCEEDED]
    assert {DatabaseUnavailable, DatabaseRecovered} <= set(kinds(events))
