"""Results of store calls: pages, outcomes of changes, retry links, events, times in each status, past moments."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum, StrEnum, auto
from itertools import count
from typing import Generic, Literal, Self, TypeVar, assert_never
from uuid import UUID

from gjobs.store.errors import BeforeLog, InvalidValue, TransitionRefused
from gjobs.store.jobs.job import AnyStatus, GenerationJob, JobStatus, ListedJob, in_order, plain_job, why_refused
from gjobs.store.validation import no_jobs
from gjobs.store.values import formats
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
            raise no_jobs((job_id,))
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


WRITES_OFF = "Writes are off, because an earlier moment is shown."

MOST_LISTED = 5_000
"""How many of the newest jobs are searched for a filter, a non-default order or a later page."""
MOST_CHANGES = 50_000
"""The most events read after a moment."""
MOST_GONE = 2_000
"""As in `gjobs.jobs_at`: the deleted jobs of a list after more than FEW_CHANGES events."""
FEW_CHANGES = 5_000
"""If there are at most this many events after the moment, a list reads all of them at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastJob(ListedJob):
    """A job as it was, of which some values were not recorded."""

    unrecorded: tuple[str, ...] = ()
    """The names of these fields. Their values are the best known ones, not those of the moment."""


PastField = Literal[
    "user_id",
    "project_id",
    "status",
    "mode",
    "error",
    "cost_cents",
    "input_asset_id",
    "created_at",
    "updated_at",
    "completed_at",
    "retry_count",
]
"""The fields that `gjobs.jobs_at` may name as not recorded."""

TIME_FIELDS: Mapping[str, frozenset[PastField]] = {
    "wait": frozenset({"created_at"}),
    "run": frozenset({"completed_at"}),
    "total": frozenset({"created_at", "completed_at"}),
}
"""The fields that must be recorded for each time of a job to be known."""


def job_row(job: GenerationJob) -> Mapping[str, str | int | float | Sequence[str] | None]:
    """Return the values of a job. A job of an earlier moment also names those that were not recorded."""
    if not isinstance(job, PastJob):
        return plain_job(job)
    unknown = {f"{name}_seconds": None for name in ("wait", "run") if TIME_FIELDS[name] & {*job.unrecorded}}
    return {**plain_job(job), **unknown, "unrecorded": job.unrecorded}


@dataclass(frozen=True, slots=True, kw_only=True)
class LaterEvents:
    """What the log has after a moment."""

    began_at: datetime
    """How far back the log reaches."""
    count: int
    """The number of events, at most one more than MOST_CHANGES."""
    gone: int
    """How many of them deleted or archived a job."""
    taken_at: datetime
    """The server's time."""
    searched_since: datetime
    """After this time there are at most MOST_CHANGES events. It is the moment if `is_whole`."""

    @property
    def is_whole(self) -> bool:
        """Whether all events after the moment can be read."""
        return self.count <= MOST_CHANGES

    @property
    def lists_all_gone(self) -> bool:
        """Whether a list finds all jobs that are gone by now."""
        return self.is_whole and (self.count <= FEW_CHANGES or self.gone <= MOST_GONE)


def parse_moment(text: str, *, now: datetime) -> datetime:
    """Parse a time, or a duration before now such as `2h`. A time without a zone is in UTC. Raises InvalidValue."""
    words = text.strip()
    try:
        if (seconds := formats.parse_duration(words)) is not None:
            return now.astimezone(UTC).replace(microsecond=0) - timedelta(seconds=seconds)
        time = datetime.fromisoformat(words.removesuffix(" UTC"))
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidValue(
            "at",
            f"{formats.quote_typed(text)} is not a time.",
            hint="Use 2026-01-31, 2026-01-31T12:00 or 2026-01-31T12:00+01:00, or how long ago: 2h.",
        ) from None


def check_moment(moment: datetime, found: LaterEvents) -> None:
    """Raise InvalidValue if nothing is recorded about the moment."""
    if moment > found.taken_at:
        raise InvalidValue("at", "This moment is in the future.", hint="Use an earlier time.")
    check_log(moment, found.began_at)


def check_log(moment: datetime, log_begins_at: datetime) -> None:
    """Raise BeforeLog if the log does not reach back to the moment."""
    if moment < log_begins_at:
        raise BeforeLog(log_start_words(log_begins_at), log_begins_at)
