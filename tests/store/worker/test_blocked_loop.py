"""A handler may block the event loop for longer than a lease. Its worker then loses no job."""

import asyncio
import time
from functools import partial
from operator import itemgetter
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from gjobs.store.database.query import Query, TimeLimits
from gjobs.store.leases.lease import ClaimedJob, Rescheduled
from gjobs.store.leases.lease_client import LeaseClient
from gjobs.store.users.actor import OPERATOR
from gjobs.store.worker import attempt
from gjobs.store.worker.attempt import InFlightJobs
from gjobs.store.worker.handlers import Backoff, Registry, Work
from gjobs.store.worker.worker_events import (
    AttemptEnded,
    AttemptStarted,
    DatabaseUnavailable,
    EventLoopBlocked,
    LeaseLost,
)
from gjobs.tui.text.worker_text import worker_words
from tests.store.store_fixtures import until
from tests.store.worker.conftest import SUCCEEDED, WorkerEnv, kinds, of_kind, until_reported

LEASE = 1.0


async def test_blocked_event_loop_loses_no_job_of_its_worker(env: WorkerEnv) -> None:
    """This includes a job claimed by a query whose answer the event loop has not yet received."""
    registry, is_unblocked = Registry(), asyncio.Event()
    seen: list[object] = []

    @registry.handler("a waits")
    async def waits(_: Work) -> None:
        await is_unblocked.wait()

    @registry.handler("b blocks")
    async def blocks(_: Work) -> None:
        env.queue("c is never started")
        env.sql("select from gjobs.claim_jobs(%s, null, 1, %s)", (worker.id, LEASE))
        ends_at = time.monotonic() + 2 * LEASE
        while time.monotonic() < ends_at:
            seen.extend(env.sql("select count(*), bool_and(expires_at > clock_timestamp()) from gjobs.job_leases"))
            time.sleep(0.05)  # noqa: ASYNC251
        is_unblocked.set()

    env.queue("a waits")
    env.queue("b blocks")
    worker, events = env.make_worker(registry, lease_seconds=LEASE, concurrency=2)
    await asyncio.wait_for(worker.run(once=True), 30)

    assert set(seen) == {(3, True)}
    assert env.outcomes() == [SUCCEEDED, SUCCEEDED, ("running", None, 250)]
    assert len(of_kind(events, AttemptStarted)) == len(of_kind(events, AttemptEnded)) == 2
    assert of_kind(events, LeaseLost) == []
    assert "it runs in a thread" in worker_words(of_kind(events, EventLoopBlocked)[0])


async def test_blocking_job_times_out_and_fails_no_other_job(env: WorkerEnv) -> None:
    """A job's time-out doesn't count the time in which other handlers block. Here the handler of the job blocks the
    loop in each attempt, first before another step and then in its last step.
    """
    registry = Registry(time_out=0.8, attempts=2, backoff=Backoff(first=0.01))

    @registry.handler("a waits", "c waits")
    async def waits(_: Work) -> None:
        await asyncio.sleep(0.4)

    @registry.handler("b blocks")
    async def blocks(work: Work) -> None:
        time.sleep(1.5 * LEASE)  # noqa: ASYNC251
        if work.attempt == 1:
            await asyncio.sleep(30)

    for mode in ("a waits", "b blocks", "c waits"):
        env.queue(mode)
    async with env.running(registry, lease_seconds=LEASE) as (_, events):
        await until_reported(events, number=4)

    failed = ("failed", "Given up after 2 attempts: Timed out after 0.8 s", 250)
    assert env.outcomes() == [SUCCEEDED, failed, SUCCEEDED]
    started = [(event.claimed.job.mode, event.claimed.attempt) for event in of_kind(events, AttemptStarted)]
    assert sorted(started) == [("a waits", 1), ("b blocks", 1), ("b blocks", 2), ("c waits", 1)]
    rescheduled = [event for event in of_kind(events, AttemptEnded) if isinstance(event.ending, Rescheduled)]
    assert [event.claimed.job.mode for event in rescheduled] == ["b blocks"]
    assert not {LeaseLost, DatabaseUnavailable} & set(kinds(events))


async def test_answer_that_waits_while_the_event_loop_is_blocked_is_read(env: WorkerEnv) -> None:
    query = Query(text("select n from generate_series(1, 1) n, pg_sleep(n * 0.3)"), itemgetter(0))
    read = partial(env.operator.database.read, OPERATOR, query, limits=TimeLimits(statement=0.6, answer=0.2))
    assert await read() == [1]
    reading = asyncio.create_task(read())
    await asyncio.sleep(0.1)
    time.sleep(1.2)  # noqa: ASYNC251
    assert await reading == [1]


async def test_hung_event_loop_loses_its_jobs(env: WorkerEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a worker that hangs would keep its jobs forever. Only the job that blocks loses an attempt."""
    monkeypatch.setattr(attempt, "HUNG_SECONDS", 0.0)
    registry = Registry(time_out=0.5, attempts=2)
    leases: list[object] = []

    @registry.handler("a waits")
    async def waits(_: Work) -> None:
        await asyncio.sleep(0.1)

    @registry.handler("b blocks")
    async def blocks(work: Work) -> None:
        if work.attempt == 1:
            time.sleep(3 * LEASE)  # noqa: ASYNC251
            rows = "select j.mode, l.owner is null, l.attempt, l.expires_at > clock_timestamp()"
            leases.extend(
                env.sql(f"{rows} from gjobs.job_leases l join generation_jobs j on j.id = l.job_id order by 1")
            )

    env.queue("a waits")
    env.queue("b blocks")
    await env.run(registry, lease_seconds=LEASE)
    assert leases == [("a waits", True, 0, False), ("b blocks", False, 1, False)]
    assert env.outcomes()[0] == SUCCEEDED


async def test_guard_opens_no_connection_while_the_loop_runs(env: WorkerEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[LeaseClient] = []
    monkeypatch.setattr(LeaseClient, "for_another_loop", opened.append)

    async def waits(_: Work) -> None:
        await asyncio.sleep(1.3)

    env.queue()
    await env.run(waits, lease_seconds=3.0)
    assert opened == []
    assert env.outcomes() == [SUCCEEDED]


async def test_renewal_sent_before_a_second_claim_of_the_attempt_stops_no_job(
    env: WorkerEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer says that the worker doesn't hold the released job, but the worker has claimed it again since then."""
    claims: list[str] = []
    begin, renew = InFlightJobs.begin, LeaseClient.renew
    is_answered = asyncio.Event()

    def note_claim(jobs: InFlightJobs, claimed: ClaimedJob) -> None:
        begin(jobs, claimed)
        claims.append(claimed.job.mode)

    async def answer_late(leases: LeaseClient, *asked: Any) -> set[UUID]:
        if not is_answered.is_set():
            env.sql("update gjobs.job_leases set owner = null, attempt = attempt - 1, expires_at = now()")
        still_held = await renew(leases, *asked)
        await until(lambda: len(claims) == 2)
        is_answered.set()
        return still_held

    monkeypatch.setattr(InFlightJobs, "begin", note_claim)
    monkeypatch.setattr(LeaseClient, "renew", answer_late)

    async def waits(_: Work) -> None:
        await is_answered.wait()
        await asyncio.sleep(0.01)

    env.queue()
    async with env.running(waits, lease_seconds=LEASE, concurrency=2) as (_, events):
        await until(lambda: bool({AttemptEnded, LeaseLost} & set(kinds(events))))
    assert kinds(events) == [AttemptStarted, AttemptEnded]
    assert env.outcomes() == [SUCCEEDED]
