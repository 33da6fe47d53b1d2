"""Changes between two counts of the same jobs, and their animation."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from gjobs.store.jobs.job import JobStatus
from gjobs.store.statistics.totals import Precision
from gjobs.tui.dashboard.statistics.state_machine import Drawing
from gjobs.tui.text.format import count
from gjobs.tui.text.status_text import status_style

if TYPE_CHECKING:
    from gjobs.store.statistics.totals import Totals

FRAMES = 10
FRAME_SECONDS = 0.1
LONGEST_TRANSACTION = timedelta(seconds=30)
"""A row has the time at which its transaction began. Other sessions see the row only after the commit, which may be
up to this much later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanges:
    """What changed between two counts."""

    changed: frozenset[JobStatus]
    moved: Mapping[JobStatus, int]
    """How many jobs moved along the arrow to each state."""


def state_changes(
    before: "Totals | None", after: "Totals", *, created_at: Iterable[datetime] = ()
) -> StateChanges | None:
    """Return the changes, or None if there are none. Only exact counts of the same query and actor are compared.

    `created_at` has the times of listed jobs. A restored or imported job is subtracted from the moves to each state,
    so a real move may be hidden. A deleted job may hide one, too.
    """
    if before is None or before is after or (before.query, before.actor) != (after.query, after.actor):
        return None
    if not before.precision is after.precision is Precision.EXACT:
        return None
    grown = {status: after.counts[status].number - before.counts[status].number for status in JobStatus}
    changed = frozenset(status for status, number in grown.items() if number)
    ended = {status: max(grown[status], 0) for status in (JobStatus.SUCCEEDED, JobStatus.FAILED)}
    moved = {JobStatus.RUNNING: grown[JobStatus.RUNNING] + sum(ended.values()), **ended}
    new = sum(before.taken_at - LONGEST_TRANSACTION < at <= after.taken_at for at in created_at)
    restored = max(sum(grown.values()) - max(grown[JobStatus.QUEUED], new), 0)
    return (
        StateChanges(
            changed=changed, moved={to: number - restored for to, number in moved.items() if number > restored}
        )
        if changed
        else None
    )


def draw_changes(drawing: Drawing, changes: StateChanges, *, frame: int) -> None:
    """Highlight the changed counts. Draw the numbers of moved jobs on their way along the arrows, if they fit."""
    for status in changes.changed & drawing.numbers.keys():
        drawing.canvas.restyle(drawing.numbers[status], f"bold reverse {status_style(status)}")
    for status in changes.moved.keys() & drawing.arrows.keys():
        way, words = drawing.arrows[status], f"+{count(changes.moved[status])}"
        room = way.width - len(words)
        if room >= 0:
            drawing.canvas.write(way.x + room * frame // FRAMES, way.y, words, f"bold {status_style(status)}")
