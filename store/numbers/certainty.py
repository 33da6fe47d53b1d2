"""How many there are, and how sure that is. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from store.model import JobStatus

if TYPE_CHECKING:
    from store.model import JobStatistics


class Certainty(StrEnum):
    EXACT = "exact"
    ESTIMATED = "estimated"
    """By the planner's statistics: may be wrong in both directions."""
    CAPPED = "capped"
    """There are at least so many: counting stopped there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """How many there are, or are taken to be."""

    number: int
    certainty: Certainty = Certainty.EXACT


def exact_counts(statistics: "JobStatistics") -> Mapping[JobStatus, Counted]:
    return {status: Counted(number=statistics.count(status)) for status in JobStatus}
