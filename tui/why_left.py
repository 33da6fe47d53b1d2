"""Why a job among several was left as it is: phrases that can be counted. Pure."""

from dataclasses import dataclass
from typing import assert_never

from store.errors import StoreError
from store.model import Applied, Deleted, DeletionOutcome, JobStatus, Missing, Moved, Refused, TransitionOutcome
from store.transitions import is_final
from tui.text import clean


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyLeft:
    one: str
    """After a job's name."""
    many: str
    """After a number."""


FINISHED = WhyLeft(one="had already finished", many="had already finished")
GONE = WhyLeft(one="is gone or hidden", many="are gone or hidden")
LEFT = WhyLeft(one="was left", many="were left")
UNKNOWN = WhyLeft(one="may or may not have been changed", many="may or may not have been changed")


def of_transition(outcome: TransitionOutcome) -> WhyLeft | None:
    match outcome:
        case Applied():
            return None
        case Refused(current=current):
            return FINISHED if is_final(current) else _is(current, "")
        case Missing():
            return GONE
    assert_never(outcome)


def of_deletion(outcome: DeletionOutcome) -> WhyLeft | None:
    match outcome:
        case Deleted():
            return None
        case Moved(job=job):
            return _is(job.status, " by now")
        case Missing():
            return GONE
    assert_never(outcome)


def refused_by(error: StoreError) -> WhyLeft:
    reason = clean(error.message.rstrip("."), limit=200)
    return WhyLeft(one=f"was refused ({reason})", many=f"were refused ({reason})")


def _is(status: JobStatus, when: str) -> WhyLeft:
    return WhyLeft(one=f"is {status}{when}", many=f"are {status}{when}")
