"""How an earlier moment, and values that were not recorded, are written."""

from datetime import datetime, tzinfo

from gjobs.store.jobs.job import GenerationJob
from gjobs.store.moments.moment import PastJob
from gjobs.tui.text.format import local_time

UNRECORDED = "?"
"""Marks a value that was not recorded."""

_NAMES = {
    "user_id": "owner",
    "input_asset_id": "input asset",
    "created_at": "creation time",
    "updated_at": "update time",
    "completed_at": "completion time",
    "retry_count": "retry count",
}
_SHOWN = (*("user_id", "mode", "error", "input_asset_id", "created_at", "updated_at", "completed_at", "retry_count"),)
"""The fields whose values are sometimes not recorded, in the order of the details."""


def moment_words(moment: datetime, zone: tzinfo | None, *, is_exact: bool = False) -> str:
    """Return the moment with the abbreviation of its zone. If `zone` is None, this machine's zone is used.

    `is_exact` adds the fraction of the second, because several events can be in one second.
    """
    fraction = f".{moment:%f}" if is_exact and moment.microsecond else ""
    return f"{local_time(moment, zone)}{fraction} {moment.astimezone(zone):%Z}"


def is_unrecorded(job: GenerationJob, *names: str) -> bool:
    """Return whether one of these fields was not recorded."""
    return isinstance(job, PastJob) and not set(names).isdisjoint(job.unrecorded)


def mark(job: GenerationJob, name: str, text: str, *, empty: str = "") -> str:
    """Return the text of a field, or `empty`. Mark a value that was not recorded: an empty one does not mean that the
    field was empty.
    """
    return f"{UNRECORDED} {text}".rstrip() if is_unrecorded(job, name) else text or empty


def unrecorded_names(job: GenerationJob) -> str:
    """Return the fields that were not recorded, as shown. Empty if there are none."""
    unrecorded = job.unrecorded if isinstance(job, PastJob) else ()
    return ", ".join(_NAMES.get(name, name) for name in _SHOWN if name in unrecorded)


def unrecorded_words(job: GenerationJob) -> str:
    """Return two sentences on the fields that were not recorded. Empty if there are none."""
    names = unrecorded_names(job)
    return f"Not recorded for this moment: {names}. The values shown may be of another time." if names else ""
