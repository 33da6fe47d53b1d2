"""GenerationJob, JobStatus and the allowed transitions, and what jobs belong to: Project, Asset, User."""

from collections.abc import Iterable, Mapping
from dataclasses import field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from gjobs.store.values.data_classes import by_member, dataclass
from gjobs.store.values.formats import PlainRow, UnknownText, close_names, column_names, is_far, plain_row


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    id: UUID
    user_id: UUID
    name: str
    created_at: datetime
    updated_at: datetime
    job_count: int
    """Jobs that the actor sees."""
    total_cost_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    id: UUID
    user_id: UUID
    project_id: UUID
    kind: str
    mode: str
    mime_type: str | None
    width: int | None
    height: int | None
    storage_path: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    id: UUID
    email: str | None
    created_at: datetime | None
    job_count: int
    last_job_at: datetime | None
    """When the newest job was created. None without jobs."""


class UnknownStatus(UnknownText):
    """A status outside the workflow: any text that the app stores. It has no transitions."""

    __slots__ = ()
    order = 1_000_000
    """Sorts after the workflow."""
    allowed: "tuple[JobStatus, ...]" = ()
    is_final = False
    """The app may still change such a job."""


class JobStatus(StrEnum):
    """A status of the workflow, in workflow order. TRANSITIONS has the statuses that follow."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"

    @property
    def order(self) -> int:
        """The position in the workflow, from 0."""
        return list(JobStatus).index(self)

    @property
    def allowed(self) -> "tuple[JobStatus, ...]":
        """The statuses that a job may change to; empty if the status is final."""
        return TRANSITIONS[self]

    @property
    def sources(self) -> "tuple[JobStatus, ...]":
        """The statuses from which a job may change to this one; empty for `queued`, where every job starts."""
        return tuple(status for status, targets in TRANSITIONS.items() if self in targets)

    @property
    def is_final(self) -> bool:
        return not self.allowed


AnyStatus = JobStatus | UnknownStatus
"""Any status that the database may hold."""

_STATUSES = {status.value: status for status in JobStatus}


def parse_status(text: str) -> AnyStatus:
    return _STATUSES.get(text) or UnknownStatus(text)


def status_or_none(text: str | None) -> AnyStatus | None:
    return None if text is None else parse_status(text)


def near_status(text: str) -> str | None:
    """Return the workflow status nearest to an unknown one, or None."""
    return next(iter(close_names(text, list(JobStatus))), None)


def in_order(statuses: Iterable[AnyStatus]) -> list[AnyStatus]:
    """Return each status once, in workflow order. Unknown statuses follow by name."""
    return sorted(set(statuses), key=status_order)


def status_order(status: AnyStatus) -> tuple[int, str]:
    return status.order, status.value


TRANSITIONS: Mapping[JobStatus, tuple[JobStatus, ...]] = by_member(
    JobStatus,
    {
        JobStatus.QUEUED: (JobStatus.RUNNING,),
        JobStatus.RUNNING: (JobStatus.SUCCEEDED, JobStatus.FAILED),
        JobStatus.SUCCEEDED: (),
        JobStatus.FAILED: (),
    },
)
LIVE_STATUSES = tuple(status for status in JobStatus if not status.is_final)
FINAL_STATUSES = tuple(status for status in JobStatus if status.is_final)
WORKFLOW = " to ".join((*LIVE_STATUSES, " or ".join(FINAL_STATUSES)))
"""Text that users read."""

_DONE = by_member(
    JobStatus,
    {
        JobStatus.QUEUED: "queued",
        JobStatus.RUNNING: "started",
        JobStatus.SUCCEEDED: "completed",
        JobStatus.FAILED: "failed",
    },
)


def sql_literals(statuses: Iterable[JobStatus], *, cast: str = "") -> str:
    """Return `'succeeded', 'failed'`, for SQL that must exactly match the SQL of an index or check."""
    return ", ".join(f"'{status}'{cast}" for status in statuses)


def why_refused(current: AnyStatus, target: JobStatus) -> str:
    """Return a sentence that names the statuses needed and the current status."""
    needed = " or ".join(target.sources)
    if not needed:
        return f"Only a new job is {target}; this one is {current}."
    tail = f"this one {'has already' if current.is_final else 'is'} {current}"
    if isinstance(current, UnknownStatus):
        tail += ", a status outside the workflow"
    return f"Only a {needed} job can be {_DONE[target]}; {tail}."


USUAL_MODES = ("main_white", "lifestyle", "feature_callout", "packaging")
"""The app's modes. The column accepts any text."""

DEFAULT_COST_CENTS = 100
"""The cost that the app suggests for a new job."""

STUCK_AFTER = timedelta(minutes=30)
"""A running job is stuck if it was not updated for this long. The view `stuck_jobs` in the specification agrees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationJob:
    """A row of `generation_jobs`."""

    id: UUID
    user_id: UUID
    project_id: UUID
    status: AnyStatus
    mode: str
    input_asset_id: UUID | None
    error: str | None
    """Plain text, or the app's JSON object as text."""
    cost_cents: int
    """May be negative: the column has no check."""
    created_at: datetime
    updated_at: datetime
    """The start of the transaction that last wrote the row."""
    retry_count: int | None = None
    """None if the database is not migrated: it then does not count retries."""
    completed_at: datetime | None = None
    """The start of the transaction that ended the job. None if the job has not ended or the time was not recorded."""
    started_at: datetime | None = field(default=None, metadata={"is_column": False})
    """When the job first ran, as gjobs recorded it. None if the job has not run, or if its start was not recorded or
    can't be read.
    """

    @property
    def ended_at(self) -> datetime:
        """When a finished job ended: if that was not recorded, the last update."""
        return self.completed_at or self.updated_at


ERROR_CHARACTERS = 400
"""The characters that a list keeps of an error. A line shows fewer."""

TRACEBACK = "Traceback (most recent call last):"
"""The first line of a Python traceback. Its exception is at the end, so a list keeps the end."""


def cut_error(error: str) -> str:
    """Return what a list keeps of an error. An ellipsis marks what is missing inside a traceback."""
    if len(error) <= ERROR_CHARACTERS:
        return error
    if not error.startswith(TRACEBACK):
        return error[:ERROR_CHARACTERS]
    start = f"{TRACEBACK}\n…"
    return start + error[len(start) - ERROR_CHARACTERS :]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedJob(GenerationJob):
    """A job in a list. A long error is cut."""

    is_error_cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTimes:
    """How long a job waited and ran. None for a time that is unknown or has not begun."""

    wait: timedelta | None
    """From the creation to the first start. Up to now for a queued job that never ran."""
    run: timedelta | None
    """From the first start to the end, or to now. It includes the pauses between attempts."""
    total: timedelta | None
    """From the creation to the end, or to now. None for a queued job."""


def job_times(job: GenerationJob, now: datetime | None) -> JobTimes:
    """Return the times of a job. `now` is the server's time. Without it, times that have not ended are None."""
    is_queued = job.status is JobStatus.QUEUED
    # An unknown status does not show whether the job has ended.
    has_begun = not is_queued and not isinstance(job.status, UnknownStatus)
    end = job.ended_at if job.status.is_final else now if has_begun else None
    run = _between(job.started_at, end)
    wait = _between(job.created_at, job.started_at or (now if is_queued else None))
    return JobTimes(
        # A job may start and end in one transaction. Its end, the begin of the transaction, is then before its start.
        wait=None if wait is None else max(wait, timedelta()),
        run=None if run is None else max(run, timedelta()),
        total=_between(job.created_at, end),
    )


def _between(start: datetime | None, end: datetime | None) -> timedelta | None:
    return None if start is None or end is None or is_far(start) or is_far(end) else end - start


JOB_KEYS = (*column_names(GenerationJob), "wait_seconds", "run_seconds")


def plain_job(job: GenerationJob) -> PlainRow:
    """Return the values of JOB_KEYS, for documents: the columns, and the wait and the run once they have ended."""
    times = job_times(job, None)
    return {
        **plain_row(job, GenerationJob),
        "wait_seconds": None if times.wait is None else times.wait.total_seconds(),
        "run_seconds": None if times.run is None else times.run.total_seconds(),
    }
