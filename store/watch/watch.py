"""Transitions and their batches, cursors, and the differences between two polls."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, Self
from uuid import UUID

from gjobs.store.errors import InvalidValue
from gjobs.store.jobs.job import AnyStatus, GenerationJob


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """A position between two recorded transitions. Those before it have been reported, those after it have not."""

    transaction_id: int
    event_id: int

    def __str__(self) -> str:
        return f"{self.transaction_id},{self.event_id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a cursor. Raises InvalidValue."""
        transaction_id, _, event_id = text.strip().partition(",")
        if not (_is_number(transaction_id) and _is_number(event_id)):
            raise InvalidValue(
                "cursor", f"{text!r} is not a cursor.", hint="Use a cursor from the JSON output of a watch."
            )
        return cls(int(transaction_id), int(event_id))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A job was created or deleted, or its status changed."""

    job_id: UUID
    from_status: AnyStatus | None
    """None if the job was created."""
    to_status: AnyStatus | None
    """None if the job was deleted."""
    at: datetime
    """When it happened. For an observed transition, when it was observed."""
    mode: str
    cost_cents: int
    """Cost after the transition."""
    error: str | None
    user_id: UUID | None
    """None for a deleted user."""
    project_id: UUID
    cursor: Cursor | None
    """Position right after the transition; None if it was observed."""

    @property
    def key(self) -> str:
        """A unique key, which is the same each time this transition is reported."""
        if self.cursor is not None:
            return f"{self.job_id}-{self.cursor.event_id}"
        return f"{self.job_id}-{self.to_status or 'deleted'}-{self.at.timestamp():.6f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBack:
    """An open transaction. Its transitions may precede those that have been committed since it started."""

    process_id: int | None
    """None if the process can't be seen, or if the transaction is a prepared one."""
    application: str | None
    since: datetime | None
    """When the transaction started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitionBatch:
    """All transitions since the last batch, in order."""

    transitions: tuple[Transition, ...]
    has_more: bool = False
    """Whether more can be read immediately."""
    held_back: HeldBack | None = None
    """The transaction that has delayed later transitions for some time; None if there is none."""
    cursor: Cursor | None = None
    """Position after this batch, where another watch can continue; None if nothing is recorded."""


class Watch(Protocol):
    async def read(self) -> TransitionBatch:
        """Return all transitions since the last batch. After a StoreError, the next call reads the same batch."""


LATE = timedelta(minutes=1)
"""A job's creation time is when its transaction begins, but it becomes visible at the commit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsAtPoll:
    """Jobs at the time of a poll: live jobs, the newest jobs, and missing jobs that were queried by id."""

    at: datetime
    jobs: Mapping[UUID, GenerationJob]


def transitions_between(former: JobsAtPoll, poll: JobsAtPoll, asked: Iterable[UUID]) -> tuple[Transition, ...]:
    """Return the transitions between two polls, in the order in which the jobs were changed.

    `asked` are jobs of the former poll that were queried by id. If one is missing now, it was deleted. Jobs that appear
    and disappear between two polls are not seen. A status that begins and ends between two polls is not seen either.
    """
    changed = [
        _transition(job, from_status=before.status if before else None, to_status=job.status, at=poll.at)
        for job in sorted(poll.jobs.values(), key=lambda job: (job.updated_at, job.id))
        if ((before := former.jobs.get(job.id)) is None and _is_new(job, former))
        or (before is not None and before.status is not job.status)
    ]
    gone = [former.jobs[job_id] for job_id in asked if job_id not in poll.jobs]
    return (*changed, *(_transition(job, from_status=job.status, to_status=None, at=poll.at) for job in gone))


def _is_new(job: GenerationJob, former: JobsAtPoll) -> bool:
    """Return whether the job is new. An old job can become visible only because other jobs have gone."""
    return job.created_at >= former.at - LATE


def _transition(
    job: GenerationJob, *, from_status: AnyStatus | None, to_status: AnyStatus | None, at: datetime
) -> Transition:
    return Transition(
        job_id=job.id,
        from_status=from_status,
        to_status=to_status,
        at=at,
        mode=job.mode,
        cost_cents=job.cost_cents,
        error=job.error,
        user_id=job.user_id,
        project_id=job.project_id,
        cursor=None,
    )
