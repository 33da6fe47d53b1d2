"""Job events, time in each status, history observed by polling."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import count
from uuid import UUID

from store.formats import UnknownText
from store.jobs.job import AnyStatus, GenerationJob, in_order

MOST_EVENTS = 200
"""Of a job, the newest."""


class EventKind(StrEnum):
    """The weightiest of what one statement changed of a job."""

    CREATED = "created"
    STATUS = "status"
    RETRY = "retry"
    """It was counted as retried, or an attempt of a worker's failed and another follows."""
    ERROR = "error"
    COST = "cost"
    CHANGED = "changed"
    """Its mode, its owner or its project."""
    OWNER = "owner"
    """Of its lease: another worker works on it, or none."""
    PROGRESS = "progress"
    """A worker's note."""
    DELETED = "deleted"
    ARCHIVED = "archived"
    RESTORED = "restored"
    """From the archive, as it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    id: int
    """Greater than those of the job's events before."""
    at: datetime
    kind: EventKind | UnknownText
    from_status: AnyStatus | None
    """None where it came to be, and where the event tells nothing of the job itself."""
    to_status: AnyStatus | None
    """None where it was deleted, and as above."""
    error: str | None
    """What it is since. Told where the job came to be, or its status, retries or error changed; else None."""
    cost_cents: int
    """What it is since; of a deleted job, what it was."""
    cents_change: int
    retry_count: int | None
    mode: str
    project_id: UUID
    user_id: UUID | None
    """The job's owner. None where the user is gone, or not this reader's to know."""
    actor_user_id: UUID | None
    """Whose claims the statement was made with. None without, and as above."""
    actor_role: str
    application: str
    """As the client called itself: any text."""
    lease_owner: str | None
    """The worker that holds or held the job; None where none does."""
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusSpan:
    """A while in which a job was in one status."""

    status: AnyStatus
    since: datetime
    until: datetime | None
    """None where it is in it still."""
    lasted: timedelta
    """Until now, where it is in it still. Never below zero, whatever the clocks said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobHistory:
    """A job's events, oldest first, and its stays in each status."""

    job_id: UUID
    events: tuple[JobEvent, ...]
    is_cut: bool
    """Whether there are older events than these."""
    spans: tuple[StatusSpan, ...]
    started_at: datetime | None
    """When it first ran; None where it has not, or did so before events were kept."""


def job_history(
    job_id: UUID, newest_first: Sequence[JobEvent], *, most: int, started_at: datetime | None, now: datetime
) -> JobHistory:
    """Of the newest events of a job: one more than `most` where there are older ones."""
    events = tuple(reversed(newest_first[:most]))
    return JobHistory(
        job_id=job_id,
        events=events,
        is_cut=len(newest_first) > most,
        spans=status_spans(events, now=now),
        started_at=started_at,
    )


def status_spans(events: Iterable[JobEvent], *, now: datetime) -> tuple[StatusSpan, ...]:
    """Of a job's events, oldest first. What was before them is not known, and a deleted job is in no status."""
    return tuple(_status_spans(events, now))


def _status_spans(events: Iterable[JobEvent], now: datetime) -> Iterator[StatusSpan]:
    status: AnyStatus | None = None
    since = now
    for event in events:
        if event.from_status is None and event.to_status is None:
            continue
        if event.kind in (EventKind.CREATED, EventKind.RESTORED) or event.to_status != status:
            if status is not None:
                yield _status_span(status, since, event.at, now)
            status, since = event.to_status, event.at
    if status is not None:
        yield _status_span(status, since, None, now)


def _status_span(status: AnyStatus, since: datetime, until: datetime | None, now: datetime) -> StatusSpan:
    end = now if until is None else until
    return StatusSpan(status=status, since=since, until=until, lasted=max(end - since, timedelta()))


def time_in_each(spans: Iterable[StatusSpan]) -> dict[AnyStatus, timedelta]:
    """The sum of a status's stays; those in which the job was not, it has no time of. In the workflow's order."""
    spent: dict[AnyStatus, timedelta] = {}
    for span in spans:
        spent[span.status] = spent.get(span.status, timedelta()) + span.lasted
    return {status: spent[status] for status in in_order(spent)}


OBSERVED = "observed"
"""Stands where a recorded event has the database role that acted."""
MOST_JOBS = 5_000
"""Those that were looked at last."""
MOST_OBSERVED_EVENTS = 50
"""Of a job, the newest."""


class ObservedEvents:
    """Knows nothing of what came and went between two looks, nor who did it. An event's time is that of the look."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[UUID, GenerationJob] = OrderedDict()
        self._events: dict[UUID, list[JobEvent]] = {}
        self._ids = count(1)

    def add_poll(self, jobs: Iterable[GenerationJob], *, at: datetime) -> None:
        for job in jobs:
            before = self._jobs.pop(job.id, None)
            self._jobs[job.id] = job
            if before is not None and (kind := _kind(before, job)):
                events = self._events.setdefault(job.id, [])
                events.append(_event(next(self._ids), kind, before, job, at))
                del events[:-MOST_OBSERVED_EVENTS]
        while len(self._jobs) > MOST_JOBS:
            job_id, _ = self._jobs.popitem(last=False)
            self._events.pop(job_id, None)

    def history(self, job_id: UUID, *, now: datetime) -> JobHistory:
        events = self._events.get(job_id, [])
        return job_history(job_id, events[::-1], most=MOST_OBSERVED_EVENTS, started_at=None, now=now)


def _kind(before: GenerationJob, job: GenerationJob) -> EventKind | None:
    if before.status is not job.status:
        return EventKind.STATUS
    if before.error != job.error:
        return EventKind.ERROR
    if before.cost_cents != job.cost_cents:
        return EventKind.COST
    if (before.mode, before.user_id, before.project_id) != (job.mode, job.user_id, job.project_id):
        return EventKind.CHANGED
    return None


def _event(number: int, kind: EventKind, before: GenerationJob, job: GenerationJob, at: datetime) -> JobEvent:
    return JobEvent(
        id=number,
        at=at,
        kind=kind,
        from_status=before.status,
        to_status=job.status,
        error=job.error if kind in (EventKind.STATUS, EventKind.ERROR) else None,
        cost_cents=job.cost_cents,
        cents_change=job.cost_cents - before.cost_cents,
        retry_count=job.retry_count,
        mode=job.mode,
        project_id=job.project_id,
        user_id=job.user_id,
        actor_user_id=None,
        actor_role=OBSERVED,
        application="",
        lease_owner=None,
        note=None,
    )
