"""Which status may become which. Pure; the statements, the screens and the command line all ask here."""

from collections.abc import Mapping
from types import MappingProxyType

from store.model import JobStatus

TRANSITIONS: Mapping[JobStatus, tuple[JobStatus, ...]] = MappingProxyType(
    {
        JobStatus.QUEUED: (JobStatus.RUNNING,),
        JobStatus.RUNNING: (JobStatus.SUCCEEDED, JobStatus.FAILED),
        JobStatus.SUCCEEDED: (),
        JobStatus.FAILED: (),
    }
)


_DONE = {JobStatus.RUNNING: "started", JobStatus.SUCCEEDED: "completed", JobStatus.FAILED: "failed"}


def allowed(current: JobStatus) -> tuple[JobStatus, ...]:
    """What a job in this status may become; empty when it is final."""
    return TRANSITIONS[current]


def sources(target: JobStatus) -> tuple[JobStatus, ...]:
    """The statuses from which a job may become `target`; empty for `queued`, where every job starts."""
    return tuple(status for status, targets in TRANSITIONS.items() if target in targets)


def is_final(status: JobStatus) -> bool:
    return not TRANSITIONS[status]


def why_refused(current: JobStatus, target: JobStatus) -> str:
    """A sentence for people: what the target needs, and what the job is."""
    needed = " or ".join(sources(target))
    if not needed:
        return f"Only a new job is {target}; this one is {current}."
    tail = f"this one is {current}, which is final" if is_final(current) else f"this one is {current}"
    return f"Only a {needed} job can be {_DONE[target]}; {tail}."
