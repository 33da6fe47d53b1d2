"""A handler that blocks the event loop for longer than a lease loses neither its own job nor the others'."""

import asyncio
import time

import pytest

from store.worker.handlers import Registry, Work
from store.worker.lease_client import LeaseClient
from store.worker.worker_events import AttemptEnded, AttemptStarted, EventLoopBlocked, LeaseLost
from tests.store.worker.conftest import WorkerEnv
from tui.text.worker_text import worker_words

LEASE = 1.0


async def test_blocked_event_loop_loses_no_job_of_its_worker(env: WorkerEnv) -> None:
    registry, other_ends = Registry(), asyncio.Event()

    @registry.handler("a other")
    async def other(_: Work) -> None:
        await other_ends.wait()

    @registry.handler("b blocks")
    async def blocks(_: Work) -> None:
        time.sleep(3 * LEASE)  # noqa: ASYNC251
        other_ends.set()

    env.queue("a other")
    env.queue("b blocks")
    worker, told = env.make_worker(registry, lease_seconds=LEASE)
    await worker.run(once=True)

    assert env.ends() == [("succeeded", None, 250)] * 2
    kinds = [type(one) for one in told]
    assert kinds.count(AttemptStarted) == kinds.count(AttemptEnded) == 2
    assert LeaseLost not in kinds
    blocked = next(one for one in told if isinstance(one, EventLoopBlocked))
    assert "gets a thread" in worker_words(blocked)


async def test_other_worker_takes_nothing_over_while_the_event_loop_is_blocked(env: WorkerEnv) -> None:
    registry = Registry()
    seen: list[object] = []

    @registry.handler()
    async def blocks(_: Work) -> None:
        ends_at = time.monotonic() + 3 * LEASE
        while time.monotonic() < ends_at:
            seen.extend(env.sql("select expires_at > clock_timestamp() from gjobs.job_leases"))
            time.sleep(0.05)  # noqa: ASYNC251

    env.queue()
    worker, _ = env.make_worker(registry, lease_seconds=LEASE)
    await worker.run(once=True)
    assert set(seen) == {(True,)}


async def test_job_that_blocks_beyond_its_time_out_is_given_up(env: WorkerEnv) -> None:
    """Else a worker that hangs would keep its jobs for ever."""
    registry = Registry(time_out=0.5)
    last: list[object] = []

    @registry.handler()
    async def blocks(work: Work) -> None:
        if work.attempt == 1:
            time.sleep(3 * LEASE)  # noqa: ASYNC251
            last.extend(env.sql("select expires_at > clock_timestamp() from gjobs.job_leases"))

    env.queue()
    worker, _ = env.make_worker(registry, lease_seconds=LEASE)
    await worker.run(once=True)
    assert last == [(False,)]


async def test_guard_opens_no_connection_while_the_event_loop_goes_on(
    env: WorkerEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[LeaseClient] = []
    monkeypatch.setattr(LeaseClient, "for_another_loop", opened.append)
    registry = Registry()

    @registry.handler()
    async def waits(_: Work) -> None:
        await asyncio.sleep(4.0)

    env.queue()
    worker, _ = env.make_worker(registry, lease_seconds=6.0)
    await worker.run(once=True)
    assert opened == []
    assert env.ends() == [("succeeded", None, 250)]
