"""The decisions of the simulated customers."""

from collections import Counter
from itertools import islice
from random import Random

from gjobs.store.jobs.job import USUAL_MODES
from gjobs.store.sample.sample_data import OUTAGE_MESSAGE
from gjobs.store.sample.simulation import JobPlan, plan_jobs


def plans(seed: int, count: int = 600) -> list[JobPlan]:
    return list(islice(plan_jobs(Random(seed)), count))  # noqa: S311


def test_same_seed_plans_the_same_jobs() -> None:
    assert plans(1) == plans(1) != plans(2)


def test_plans_have_bursts_retries_and_modes_that_fail_for_a_while() -> None:
    made = plans(0)
    assert any(plan.burst >= 4 for plan in made)
    assert any(plan.is_retried for plan in made)
    assert {plan.mode for plan in made} == set(USUAL_MODES)
    runs = Counter[str]()
    longest = 0
    for plan in made:
        runs[plan.mode] = runs[plan.mode] + 1 if plan.error == OUTAGE_MESSAGE else 0
        longest = max(longest, runs[plan.mode])
    assert longest >= 4
    assert 0.5 < sum(plan.error is None for plan in made) / len(made) < 0.95
