"""The handlers of the workers. Each takes some milliseconds; some fail temporarily or permanently."""

import asyncio
import time
from random import Random

from gjobs.store.worker.handlers import Backoff, Registry, Retry, Work
from tests.chaos.job_modes import ATTEMPTS, Mode
from tests.chaos.recorder import recorded

registry = Registry(time_out=60, attempts=ATTEMPTS, backoff=Backoff(first=0.05, longest=0.2))


def _seconds(work: Work) -> float:
    return Random(work.job.id.int + work.attempt).uniform(0.001, 0.01)  # noqa: S311


@registry.handler(Mode.STEADY)
async def steady(work: Work) -> None:
    with recorded(work):
        await asyncio.sleep(_seconds(work))
        work.cost_cents = 10 * work.attempt


@registry.handler(Mode.BLOCKING)
def blocking(work: Work) -> None:
    with recorded(work):
        work.note("it blocks")
        time.sleep(_seconds(work))
        work.cost_cents = 20 * work.attempt


@registry.handler(Mode.FLAKY)
async def flaky(work: Work) -> None:
    with recorded(work):
        await asyncio.sleep(_seconds(work))
        work.cost_cents = work.job.cost_cents + 1
        if work.attempt < ATTEMPTS and Random(work.job.id.int + work.attempt).random() < 0.6:  # noqa: S311
            raise Retry("busy")


@registry.handler(Mode.BROKEN)
async def broken(work: Work) -> None:
    with recorded(work):
        await asyncio.sleep(_seconds(work))
        raise ValueError("no such image")
