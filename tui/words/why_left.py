"""Why a job among several was left as it is: phrases that can be counted. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never
from uuid import UUID

from store.errors import StoreError
from store.model import (
    AlreadyRepeated,
    Applied,
    Deleted,
    DeletionOutcome,
    JobStatus,
    Missing,
    Moved,
    Refused,
    Repeated,
    RetryOutcome,
    TransitionOutcome,
)
from store.transitions import is_final
from tui.words.text import clean


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyLeft:
    one: str
    """After a job's name."""
    many: str
    """After a number."""


FINISHED = WhyLeft(one="had already finished", many="had already finished")
REPEATED = WhyLeft(one="is repeated by another job by now", many="are repeated by other jobs by now")
GONE_OR_HIDDEN = WhyLeft(one="is gone or hidden", many="are gone or hidden")
GONE = WhyLeft(one="is gone", many="are gone")
LEFT = WhyLeft(one="was left", many="were left")
UNKNOWN = WhyLeft(one="may or may not have been changed", many="may or may not have been changed")


def hidden_from(eyes: str) -> WhyLeft:
    return WhyLeft(one=f"is hidden from {eyes}", many=f"are hidden from {eyes}")


MissingWhys = Mapping[UUID, WhyLeft]
"""Of the jobs that were not found, where somebody could tell."""


def of_missing(missing: Missing, known: MissingWhys) -> WhyLeft:
    return known.get(missing.job_id, GONE_OR_HIDDEN)


def of_transition(outcome: TransitionOutcome, known: MissingWhys) -> WhyLeft | None:
    match outcome:
        case Applied():
            return None
        case Refused(current=current):
            return FINISHED if is_final(current) else _is(current, "")
        case Missing():
            return of_missing(outcome, known)
    assert_never(outcome)


def of_retry(outcome: RetryOutcome, known: MissingWhys) -> WhyLeft | None:
    match outcome:
        case Repeated():
            return None
        case AlreadyRepeated():
            return REPEATED
        case Refused(current=current):
            return _is(current, "")
        case Missing():
            return of_missing(outcome, known)
    assert_never(outcome)


def of_deletion(outcome: DeletionOutcome, known: MissingWhys) -> WhyLeft | None:
    match outcome:
        case Deleted():
            return None
        case Moved(job=job):
            return _is(job.status, " by now")
        case Missing():
            return of_missing(outcome, known)
    assert_never(outcome)


def refused_by(error: StoreError) -> WhyLeft:
    reason = clean(error.message.rstrip("."), limit=200)
    return WhyLeft(one=f"was refused ({reason})", many=f"were refused ({reason})")


def _is(status: JobStatus, when: str) -> WhyLeft:
    return WhyLeft(one=f"is {status}{when}", many=f"are {status}{when}")
