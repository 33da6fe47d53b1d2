"""Queues of jobs under one protocol, each a module for an interpreter that has its library. This one needs only Python.

`python -m MODULE drain URL JOBS BATCH AT_A_TIME` queues so many jobs that do nothing, works until none is left, and
prints the seconds that this took, in a list. `python -m MODULE wake URL JOBS` lets a worker wait, queues one job after
the other, and prints the milliseconds from before each was queued to the beginning of its handler.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

PAUSE = 0.15

"""Seconds in which a worker that has done its job comes to rest again, as it does in a queue where little happens."""

WARM_UP = 5


async def woken(begun: asyncio.Event, queue_one: Callable[[], Awaitable[object]], *, jobs: int) -> list[float]:
    """Milliseconds for each job, from before it is queued until its handler says that it has begun."""
    taken = []
    for number in range(-WARM_UP, jobs):
        await asyncio.sleep(PAUSE)
        begun.clear()
        start = time.perf_counter()
        await queue_one()
        async with asyncio.timeout(30.0):
            await begun.wait()
        if number >= 0:
            taken.append((time.perf_counter() - start) * 1000)
    return taken


class Queue(Protocol):
    async def drain(self, url: str, *, jobs: int, batch: int, at_a_time: int) -> list[float]:
        """The seconds from the worker's start to the durable end of the last job."""

    async def wake(self, url: str, *, jobs: int) -> list[float]:
        """Milliseconds for each job, until its handler began."""


def main(queue: Queue) -> None:
    """Raises ValueError where the arguments are not the protocol's."""
    work: Coroutine[Any, Any, list[float]]
    match sys.argv[1:]:
        case "drain", url, jobs, batch, at_a_time:
            work = queue.drain(url, jobs=int(jobs), batch=int(batch), at_a_time=int(at_a_time))
        case "wake", url, jobs:
            work = queue.wake(url, jobs=int(jobs))
        case arguments:
            raise ValueError(arguments)
    sys.stdout.write(json.dumps(asyncio.run(work)))
