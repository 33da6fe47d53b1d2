"""Results of store calls: pages, outcomes of changes, retry links, events and times in each status."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum, StrEnum, auto
from itertools import count
from typing import Generic, Self, TypeVar, assert_never
from uuid import UUID

from gjobs.store.errors import RowMissing, TransitionRefused
from gjobs.store.jobs.job import AnyStatus, GenerationJob, JobStatus, in_order, why_refused
from gjobs.store.values.data_classes import dataclass
from gjobs.store.values.formats import UnknownText


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """This call made the transition; `job` is the row after it."""

    job: GenerationJob


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Nothing was changed. The job is `current` and may change to `allowed`; none if it is final."""

    current: AnyStatus
    allowed: tuple[JobStatus, ...]
    job: GenerationJob


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Nothing was changed. The job does not exist, or this actor does not see it."""

    job_id: UUID


TransitionOutcome = Applied | Refused | Missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """A new queued job repeats the failed one; `job` is the new job."""

    job: GenerationJob
    repeats: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyRetried:
    """Nothing was changed. Another job repeats this one already."""

    job_id: UUID
    repeated_by: UUID


RetryOutcome = Retried | AlreadyRetried | Refused | Missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """This call deleted the job; `job` is the whole row before it."""

    job: GenerationJob


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Nothing was deleted. The job has another status than expected."""

    job: GenerationJob


DeletionOutcome = Deleted | Moved | Missing

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageKey:
    """The end of a page: the last row's values, where the next page starts. Newest first."""

    created_at: datetime
    id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """Some rows of a longer list. Iterating yields the items."""

    items: tuple[T, ...]
    next_key: PageKey | None
    """None on the last page."""
    cautions: tuple[str, ...] = ()
    """Sentences on what may be missing."""

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True, slots=True, kw_only=True)
class CappedCount:
    """A count that stops at a limit, so that it stays cheap."""

    number: int
    is_more: bool = False
    """Whether there are more than `number`."""

    @classmethod
    def of(cls, counted: int, most: int) -> Self:
        """Build the count from a number that was counted up to `most` plus one."""
        return cls(number=min(counted, most), is_more=counted > most)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryLinks:
    repeats: UUID | None
    """The failed job that this job repeats, even if deleted since. None if this job is not a retry."""
    repeated_by: tuple[UUID, ...]
    """The jobs that repeat this one, oldest first, without deleted or hidden ones."""


NO_LINKS = RetryLinks(repeats=None, repeated_by=())


def applied_job(outcome: TransitionOutcome, new_status: JobStatus) -> GenerationJob:
    """Return the job after the transition to `new_status`. Raises TransitionRefused or RowMissing."""
    match outcome:
        case Applied(job=job):
            return job
        case Refused(current=current, allowed=allowed, job=job):
            raise TransitionRefused(job.id, current, allowed, why_refused(current, new_status))
        case Missing(job_id=job_id):
            raise RowMissing(f"Job {job_id} not found, or hidden from this user. Nothing was changed.", (job_id,))
    assert_never(outcome)


TIMES_USUAL = 3
"""A job is stuck after this multiple of its mode's usual duration without an update."""
AT_LEAST = timedelta(minutes=5)
"""A job is never stuck sooner."""
COMPARED_JOBS = 5_000
"""The usual duration comes from this many of the latest finished jobs. It is the 95th percentile for each mode."""
FEWEST = 20
"""The fewest jobs of a mode from which a usual duration is learned."""


class LeaseState(Enum):
    UNKNOWN = auto()
    """The database keeps no leases."""
    NONE = auto()
    LIVE = auto()
    """A worker holds the job, or the job waits for its next attempt."""
    EXPIRED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class StuckVerdict:
    """Whether a running job is stuck, and the numbers behind it."""

    untouched: timedelta
    after: timedelta
    """The job is stuck after this time, unless a worker holds it."""
    usual: timedelta | None
    """The usual duration of the job's mode. None if none has been learned."""
    lease: LeaseState

    @property
    def is_stuck(self) -> bool:
        return self.lease is not LeaseState.LIVE and self.untouched > self.after


MOST_EVENTS = 200
"""The most events returned of a job, newest first."""


class EventKind(StrEnum):
    """The most important change that one statement made to a job."""

    CREATED = "created"
    STATUS = "status"
    RETRY = "retry"
    """The retry count changed, or a worker's attempt failed and another one follows."""
    ERROR = "error"
    COST = "cost"
    CHANGED = "changed"
    """The mode, owner or project changed."""
    OWNER = "owner"
    """The lease changed its owner: another worker holds the job, or none does."""
    PROGRESS = "progress"
    """A worker's progress note."""
    DELETED = "deleted"
    ARCHIVED = "archived"
    RESTORED = "restored"
    """Restored from the archive unchanged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    id: int
    """Greater than the ids of the job's earlier events."""
    at: datetime
    kind: EventKind | UnknownText
    from_status: AnyStatus | None
    """None if the job was created, or if the event does not concern the job's row."""
    to_status: AnyStatus | None
    """None if the job was deleted, or if the event does not concern the job's row."""
    error: str | None
    """The error after the event. None unless the job was created, or its status, retries or error changed."""
    cost_cents: int
    """The cost after the event, or the last cost of a deleted job."""
    cents_change: int
    retry_count: int | None
    mode: str
    project_id: UUID
    user_id: UUID | None
    """The job's owner. None if the user was deleted or is hidden from the reader."""
    actor_user_id: UUID | None
    """The user in the claims of the statement. None without claims, or if the user is hidden from the reader."""
    actor_role: str
    application: str
    """The client's application name: any text."""
    lease_owner: str | None
    """The worker that holds or held the job, or None."""
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusSpan:
    """A period in which a job had one status."""

    status: AnyStatus
    since: datetime
    until: datetime | None
    """None if the period has not ended."""
    lasted: timedelta
    """The duration, up to now if the period has not ended. Never negative, even if clocks disagree."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobHistory:
    """A job's events, oldest first, and its status periods."""

    job_id: UUID
    events: tuple[JobEvent, ...]
    is_cut: bool
    """Whether there are older events."""
    spans: tuple[StatusSpan, ...]
    started_at: datetime | None
    """When the job first ran. None if it has not, or if events were not kept yet."""
    log_begins_at: datetime | None
    """How far back the log reaches. None for observed events."""

    @property
    def lacks_beginning(self) -> bool:
        """Whether the log does not show how the job was created."""
        return not (self.is_cut or (self.events and self.events[0].kind is EventKind.CREATED))


def log_start_words(log_begins_at: datetime) -> str:
    """Return a sentence on how far back the log reaches. The second is rounded up, so that its moment is known."""
    second = (log_begins_at + timedelta(microseconds=999_999)).astimezone(UTC)
    return f"The log of this database reaches back to {second:%Y-%m-%d %H:%M:%S} UTC."


def job_history(
    job_id: UUID,
    newest_first: Sequence[JobEvent],
    *,
    most: int,
    started_at: datetime | None,
    log_begins_at: datetime | None,
    now: datetime,
) -> JobHistory:
    """Build the history from a job's newest events. `newest_first` has more than `most` if older events exist."""
    events = tuple(reversed(newest_first[:most]))
    return JobHistory(
        job_id=job_id,
        events=events,
        is_cut=len(newest_first) > most,
        spans=tuple(status_spans(events, now=now)),
        started_at=started_at,
        log_begins_at=log_begins_at,
    )


def status_spans(events: Iterable[JobEvent], *, now: datetime) -> Iterator[StatusSpan]:
    """Yield the status periods from events, oldest first. A deleted job has no status."""
    status: AnyStatus | None = None
    since = now

    def span(until: datetime | None) -> Iterator[StatusSpan]:
        if status is not None:
            lasted = max((until or now) - since, timedelta())
            yield StatusSpan(status=status, since=since, until=until, lasted=lasted)

    for event in events:
        if event.from_status is None and event.to_status is None:
            continue
        if event.kind in (EventKind.CREATED, EventKind.RESTORED) or event.to_status != status:
            yield from span(event.at)
            status, since = event.to_status, event.at
    yield from span(None)


def time_in_each(spans: Iterable[StatusSpan]) -> dict[AnyStatus, timedelta]:
    """Return the total time in each status, in workflow order. Time while the job was deleted does not count."""
    spent: dict[AnyStatus, timedelta] = {}
    for span in spans:
        spent[span.status] = spent.get(span.status, timedelta()) + span.lasted
    return {status: spent[status] for status in in_order(spent)}


OBSERVED = "observed"
"""Replaces the database role in observed events, where it is unknown."""
MOST_JOBS = 5_000
"""The most jobs remembered; the least recently polled are dropped."""
MOST_OBSERVED_EVENTS = 50
"""The most events remembered of a job, newest first."""


class ObservedEvents:
    """Derives events from polled jobs.

    It misses changes that were undone between two polls, and does not know who made a change. An event's time is the
    time of its poll.
    """

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
        return job_history(
            job_id, events[::-1], most=MOST_OBSERVED_EVENTS, started_at=None, log_begins_at=None, now=now
        )


def _kind(before: GenerationJob, job: GenerationJob) -> EventKind | None:
    if before.status != job.status:
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
