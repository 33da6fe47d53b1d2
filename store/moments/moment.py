"""A moment in the past: its limits, jobs with values that were not recorded, and how a moment is typed."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

from gjobs.store.errors import BeforeLog, InvalidValue
from gjobs.store.jobs.job import GenerationJob, ListedJob, plain_job
from gjobs.store.jobs.job_results import log_start_words
from gjobs.store.values import formats
from gjobs.store.values.data_classes import dataclass

WRITES_OFF = "Writes are off, because an earlier moment is shown."

MOST_LISTED = 5_000
"""How many of the newest jobs are searched for a filter, a non-default order or a later page."""
MOST_CHANGES = 50_000
"""The most events read after a moment."""
FEW_CHANGES = 5_000
"""If there are at most this many events after the moment, a list reads all of them at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastJob(ListedJob):
    """A job as it was, of which some values were not recorded."""

    unrecorded: tuple[str, ...] = ()
    """The names of these fields. Their values are the best known ones, not those of the moment."""


PastField = Literal[
    "user_id", "mode", "error", "input_asset_id", "created_at", "updated_at", "completed_at", "retry_count"
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
    taken_at: datetime
    """The server's time."""
    searched_since: datetime
    """After this time there are at most MOST_CHANGES events. It is the moment if `is_whole`."""

    @property
    def is_whole(self) -> bool:
        """Whether all events after the moment can be read."""
        return self.count <= MOST_CHANGES


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
