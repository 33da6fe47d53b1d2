"""The numbers of jobs in the databases. A quick run uses one small database."""

from tests.benchmarks.harness import Effort

QUICK = 1_000


def few(effort: Effort) -> int:
    return effort.choose(10_000, quick=QUICK)


def many(effort: Effort) -> int:
    return effort.choose(1_000_000, quick=QUICK)


def growing(effort: Effort) -> tuple[int, ...]:
    return (QUICK,) if effort.quick else (10_000, 100_000, 1_000_000, 10_000_000)
