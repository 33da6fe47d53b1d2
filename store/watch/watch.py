"""Transition, Cursor, HeldBack, Batch; differences between two polls."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, Self
from uuid import UUID

from store.errors import InvalidValue
from store.jobs.job import AnyStatus, GenerationJob


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """A place between two recorded transitions: those before it have been told, those after it have not."""

    transaction_id: int
    event_id: int

    def __str__(self) -> str:
        return f"{self.transaction_id},{self.event_id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises InvalidValue."""
        transaction_id, _, event_id = text.strip().partition(",")
        if not (_is_number(transaction_id) and _is_number(event_id)):
            raise InvalidValue(
                "cursor", f"{text!r} is no place in a watch.", hint="It is what the JSON of a watch has as cursor."
            )
        return cls(int(transaction_id), int(event_id))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A job came to be, changed its status, or was deleted."""

    job_id: UUID
    from_status: AnyStatus | None
    """None where it came to be."""
    to_status: AnyStatus | None
    """None where it was deleted."""
    at: datetime
    """When it happened; of an observed one, when that was seen."""
    mode: str
    cost_cents: int
    """Afterwards."""
    error: str | None
    user_id: UUID | None
    """None of a user who is deleted."""
    project_id: UUID
    cursor: Cursor | None
    """Right after it; None where it was observed."""

    @property
    def key(self) -> str:
        """The same whenever it is told, and of no other one."""
        if self.cursor is not None:
            return f"{self.job_id}-{self.cursor.event_id}"
        return f"{self.job_id}-{self.to_status or 'deleted'}-{self.at.timestamp():.6f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBack:
    """A transaction that is still open: it may have something to tell that comes before what is committed since."""

    process_id: int | None
    """None where it cannot be seen, or is a prepared transaction."""
    application: str | None
    since: datetime | None
    """When it began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitionBatch:
    """What happened since the last one, in order."""

    transitions: tuple[Transition, ...]
    has_more: bool = False
    """There is more to be read at once."""
    held_back: HeldBack | None = None
    """What keeps back what has been recorded since; None where nothing does for long."""
    cursor: Cursor | None = None
    """Behind it, from where another watch can go on; None where nothing is recorded."""


class Watch(Protocol):
    async def read(self) -> TransitionBatch:
        """What happened since the last batch. Where it raises a StoreError, the next one begins at the same place."""


LATE = timedelta(minutes=1)
"""A job is created when its transaction begins, and seen when that is committed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsAtPoll:
    """The jobs as they were at a time: those that may still move, the newest, and those that were asked for."""

    at: datetime
    jobs: Mapping[UUID, GenerationJob]


def transitions_between(former: JobsAtPoll, poll: JobsAtPoll, asked: Iterable[UUID]) -> tuple[Transition, ...]:
    """In the order in which the jobs were changed.

    `asked` are jobs of the former look that were looked for: one that is not there now was deleted. What comes and goes
    between two looks is not seen, nor is a step between two others.
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
    """Else it comes into sight only because others are gone."""
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
