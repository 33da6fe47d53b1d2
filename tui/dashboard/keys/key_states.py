"""Which keys work for the selected jobs."""

from collections.abc import Sequence
from enum import Enum, auto

from store.jobs.job import GenerationJob, JobStatus
from tui.text.status_text import STATUS_ACTIONS, JobAction


class KeyState(Enum):
    USABLE = auto()
    REFUSED = auto()
    """The key explains why it does nothing now. Its hint is grey."""
    HIDDEN = auto()
    """The key writes, and the session is read-only."""


class KeyStates:
    """A screen that knows which of its keys work."""

    def key_states(self, binding_ids: Sequence[str]) -> list[KeyState]:
        raise NotImplementedError


_READING = frozenset({"job.copy_id", "job.copy_json"})
_WITHOUT_JOBS = frozenset({"job.new", "job.undo"})


def job_key_state(binding_id: str, jobs: Sequence[GenerationJob], *, read_only: bool) -> KeyState:
    """Return the state of a key. `jobs` are those that it would act on."""
    group, _, name = binding_id.partition(".")
    is_write = group == "job" and binding_id not in _READING
    if read_only and is_write:
        return KeyState.HIDDEN
    if group not in ("job", "jobs") or binding_id in _WITHOUT_JOBS:
        return KeyState.USABLE
    return KeyState.USABLE if any(_permits(name, job) for job in jobs) else KeyState.REFUSED


def _permits(name: str, job: GenerationJob) -> bool:
    if name == JobAction.RETRY:
        return job.status is JobStatus.FAILED
    target = STATUS_ACTIONS.get(JobAction(name)) if name in set(JobAction) else None
    return target is None or job.status in target.sources
