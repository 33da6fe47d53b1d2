"""Handlers that only look busy: plausible durations, costs and failures, for any mode."""

import asyncio
from random import Random

from store.model import USUAL_MODES
from store.sample import modes
from store.worker.registry import Registry
from store.worker.retrying import Retry
from store.worker.work import Work

FAILURE_CHANCE = 1 / 8
RETRY_CHANCE = 1 / 10
STEPS = 4
"""So many notes tell of the progress."""


class GenerationError(Exception):
    """What a job fails with."""


def simulated(random: Random, *, pace: float = 1.0) -> Registry:
    """`pace` is how many simulated seconds pass in one."""
    registry = Registry()

    @registry.handler()
    async def pretend(work: Work) -> None:
        mode = work.job.mode if work.job.mode in USUAL_MODES else random.choice(USUAL_MODES)
        if random.random() < RETRY_CHANCE:
            await asyncio.sleep(random.uniform(0.5, 2.0) / pace)
            raise Retry("The image service is busy: 503")
        fails = random.random() < FAILURE_CHANCE
        message, seconds = modes.choose_failure(random) if fails else ("", modes.choose_seconds(random, mode))
        for step in range(STEPS):
            work.note(f"step {step + 1} of {STEPS}")
            await asyncio.sleep(seconds / STEPS / pace)
        work.cost_cents = modes.choose_cost_cents(random, mode)
        if fails:
            raise GenerationError(message)

    return registry
