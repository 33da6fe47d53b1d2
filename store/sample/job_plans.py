"""The decisions of the simulated customers and models: which jobs arrive, and how they end."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from gjobs.store.jobs.job import USUAL_MODES
from gjobs.store.sample import catalog

SHARE_WITH_IMAGE = 0.85
FAILURE_CHANCE = 1 / 8
RETRY_CHANCE = 1 / 10
BURST_CHANCE, BURST_SIZES = 1 / 25, (4, 9)
OUTAGE_CHANCE, OUTAGE_SIZES = 1 / 30, (4, 8)
"""An outage is a number of jobs of one mode that all fail."""
OUTAGE_MESSAGE = "The image service answered 503 Service Unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPlan:
    """A job that arrives, and how its attempt ends. A share from 0 to 1 chooses an item of a list."""

    project_share: float
    image_share: float | None
    """None for a job without an input image."""
    mode: str
    cost_cents: int
    final_cost_cents: int
    seconds: float
    """From start to end."""
    is_retried: bool
    """Whether its first attempt finds the image service busy."""
    error: str | None
    """None for a job that succeeds."""
    burst: int = 0
    """How many jobs of the same customer follow at once."""


def plan_job(random: Random, mode: str, *, error: str | None = None, burst: int = 0) -> JobPlan:
    """Decide about one job. With `error`, it fails."""
    failure = catalog.choose_failure(random)
    fails = random.random() < FAILURE_CHANCE
    has_image = random.random() < SHARE_WITH_IMAGE
    image_share, seconds = random.random(), catalog.choose_seconds(random, mode)
    return JobPlan(
        project_share=random.random(),
        image_share=image_share if has_image else None,
        mode=mode,
        cost_cents=catalog.choose_cost_cents(random, mode),
        final_cost_cents=catalog.choose_cost_cents(random, mode),
        seconds=seconds if error or not fails else failure[1],
        is_retried=random.random() < RETRY_CHANCE,
        error=error or (failure[0] if fails else None),
        burst=burst,
    )


def plan_jobs(random: Random) -> Iterator[JobPlan]:
    """Yield the jobs of all customers in their order, with bursts and outages. The same seed gives the same jobs."""
    failing_mode, failures_left = "", 0
    while True:
        if not failures_left and random.random() < OUTAGE_CHANCE:
            failing_mode, failures_left = random.choice(USUAL_MODES), random.randint(*OUTAGE_SIZES)
        burst = random.randint(*BURST_SIZES) if random.random() < BURST_CHANCE else 0
        mode = catalog.choose_mode(random)
        is_failing = failures_left > 0 and mode == failing_mode
        failures_left -= is_failing
        yield plan_job(random, mode, error=OUTAGE_MESSAGE if is_failing else None, burst=burst)
