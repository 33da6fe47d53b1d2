"""A common protocol for job queues, each in a module that runs in an interpreter with the queue's library. This
module needs only the standard library.

`python -m MODULE drain URL JOBS BATCH AT_A_TIME` queues jobs that do nothing and runs them all. It prints a list with
the seconds that this took.

`python -m MODULE wake URL JOBS` starts a worker and queues one job after the other. It prints the milliseconds from
before each was queued to the start of its handler.

`python -m MODULE wake_far URL JOBS WORKER_URL` does the same with a distant worker, which connects to another address.
It measures each job's milliseconds from the end of queuing to the start of its handler.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

WARM_UP = 5


PAUSE, FAR_PAUSE = 0.15, 1.2
"""Seconds until a worker is idle again after a job."""


async def woken(
    begun: asyncio.Event, queue_one: Callable[[], Awaitable[object]], *, jobs: int, is_far: bool
) -> list[float]:
    """Return for each job the milliseconds until its handler starts.

    The time starts before the job is queued. For a distant worker, the time starts once the job is queued.
    """
    taken = []
    for number in range(-WARM_UP, jobs):
        await asyncio.sleep(FAR_PAUSE if is_far else PAUSE)
        begun.clear()
        start = time.perf_counter()
        await queue_one()
        if is_far:
            start = time.perf_counter()
        async with asyncio.timeout(30.0):
            await begun.wait()
        if number >= 0:
            taken.append((time.perf_counter() - start) * 1000)
    return taken


class Queue(Protocol):
    async def drain(self, url: str, *, jobs: int, batch: int, at_a_time: int) -> list[float]:
        """Return the seconds from the start of the worker to the durable end of the last job."""

    async def wake(self, url: str, *, jobs: int, far_url: str | None) -> list[float]:
        """Return for each job the milliseconds until its handler starts. The worker uses `far_url`, if given."""


def main(queue: Queue) -> None:
    """Run a command of the protocol. Raise ValueError for other arguments."""
    work: Coroutine[Any, Any, list[float]]
    match sys.argv[1:]:
        case "drain", url, jobs, batch, at_a_time:
            work = queue.drain(url, jobs=int(jobs), batch=int(batch), at_a_time=int(at_a_time))
        case "wake", url, jobs:
            work = queue.wake(url, jobs=int(jobs), far_url=None)
        case "wake_far", url, jobs, far_url:
            work = queue.wake(url, jobs=int(jobs), far_url=far_url)
        case arguments:
            raise ValueError(arguments)
    sys.stdout.write(json.dumps(asyncio.run(work)))
