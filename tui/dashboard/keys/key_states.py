"""Which keys work for the selected jobs."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from typing import assert_never

from textual import actions
from textual.binding import Binding

from gjobs.store.jobs.job import AnyStatus, JobStatus
from gjobs.tui.dashboard.keys.bindings import APP_BINDINGS, DASHBOARD_BINDINGS
from gjobs.tui.text.status_text import STATUS_ACTIONS, JobAction


class KeyState(Enum):
    USABLE = auto()
    REFUSED = auto()
    """The key explains why it does nothing now. Its hint is grey."""
    HIDDEN = auto()
    """The key writes, and the session is read-only. Or the key works only in the present, but an earlier moment is
    shown.
    """


PRESENT_ONLY = frozenset(
    {
        *("visibility", "isolation", "timings", "workers", "errors", "case"),
        *("exact", "budgets", "archive", "clean_up", "export"),
    }
)
"""Actions that show or use the present state of the database. They are refused while an earlier moment is shown."""


@cache
def present_only_keys() -> frozenset[str]:
    """Return the ids of the bindings of these actions."""

    def is_present_only(binding: Binding) -> bool:
        _, name, parameters = actions.parse(binding.action)
        return not PRESENT_ONLY.isdisjoint((name, *parameters))

    bindings = (one for one in (*APP_BINDINGS, *DASHBOARD_BINDINGS) if isinstance(one, Binding))
    return frozenset(one.id for one in bindings if one.id and is_present_only(one))


class KeyStates:
    """A screen that knows which of its keys work."""

    def key_states(self, binding_ids: Sequence[str]) -> list[KeyState]:
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What decides which keys work for the selected jobs. Without a status, no job is selected."""

    statuses: Set[AnyStatus] = frozenset()
    hidden: int = 0
    """How many of the jobs the acting user does not see. If there are any, no key may change the jobs."""


NO_SELECTION = Selection()

_READING = frozenset({"job.copy_id", "job.copy_json", "job.case"})
_WITHOUT_JOBS = frozenset({"job.new", "job.undo", "job.case"})


def job_key_state(binding_id: str, selection: Selection, *, read_only: bool) -> KeyState:
    """Return the state of a key that would act on the selection."""
    group, _, name = binding_id.partition(".")
    is_write = (group == "job" and binding_id not in _READING) or binding_id == "project.new"
    if read_only and is_write:
        return KeyState.HIDDEN
    if group not in ("job", "jobs") or binding_id in _WITHOUT_JOBS:
        return KeyState.USABLE
    is_permitted = not (is_write and selection.hidden) and any(_permits(name, one) for one in selection.statuses)
    return KeyState.USABLE if is_permitted else KeyState.REFUSED


def _permits(name: str, status: AnyStatus) -> bool:
    if name not in set(JobAction):
        return True
    match action := JobAction(name):
        case JobAction.RETRY:
            return status is JobStatus.FAILED
        case JobAction.START | JobAction.COMPLETE | JobAction.FAIL:
            return status in STATUS_ACTIONS[action].sources
        case JobAction.CREATE | JobAction.DELETE:
            return True
    assert_never(action)
