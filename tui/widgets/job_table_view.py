"""What of the rows is looked at, pointed at and marked; every change is a new value. Pure.

The cursor is a job's id, never a place. It changes by a move and by nothing else, except that it is put on the first
row that ever appears and is taken away when its job leaves the rows: then nothing is pointed at until the next move.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from store.model import GenerationJob
from tui.widgets.row_window import RowWindow
from tui.words.format import is_infinite


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTableView:
    rows: RowWindow = field(default_factory=RowWindow)
    cursor: UUID | None = None
    place: int | None = None
    """Where the cursor's row is; without a cursor where the next move starts. None until the first row appears."""
    top: int = 0
    """The place of the first row in sight."""
    height: int = 1
    """How many rows fit in sight."""
    marks: frozenset[UUID] = frozenset()
    unseen: frozenset[UUID] = frozenset()
    """The jobs that arrived above and were not in sight since."""
    newest: datetime | None = None
    """When the newest job of all that were ever here was created."""

    @property
    def cursor_job(self) -> GenerationJob | None:
        place = None if self.cursor is None else self.rows.find(self.cursor)
        return None if place is None else self.rows.at(place)

    @property
    def jobs_in_sight(self) -> tuple[GenerationJob, ...]:
        return self.rows.jobs[self.top : self.top + self.height]

    @property
    def furthest_top(self) -> int:
        return max(0, len(self.rows) - self.height)

    def is_in_sight(self, place: int) -> bool:
        return self.top <= place < self.top + self.height

    def showing(self, jobs: Iterable[GenerationJob]) -> "JobTableView":
        """Other rows, or the same ones elsewhere.

        The cursor's row keeps its line on the screen, out of sight the top row does. At the very top the view stays
        there as long as the cursor remains in sight, so that new jobs come into view.
        """
        rows = RowWindow(jobs=tuple(jobs))
        if self.place is None:
            return self._first(rows)
        place = self.rows.place_in(rows, self.place)
        shown = replace(
            self,
            rows=rows,
            cursor=self.cursor if self.cursor is not None and self.cursor in rows else None,
            place=place,
            marks=self.marks & rows.ids,
            unseen=self.unseen | self._arrived(rows),
            newest=_newest(self.newest, rows),
        )
        return shown.scrolled_to(self._anchored_top(rows, place))

    def _first(self, rows: RowWindow) -> "JobTableView":
        if not rows.jobs:
            return replace(self, rows=rows)
        return replace(self, rows=rows, cursor=rows.jobs[0].id, place=0, top=0, newest=_newest(None, rows))

    def _anchored_top(self, rows: RowWindow, place: int) -> int:
        """The top that keeps the anchor, the cursor's row or else the top one, on its line."""
        before = self.place if self.place is not None and self.is_in_sight(self.place) else self.top
        after = place if before == self.place else self.rows.place_in(rows, before)
        if self.top == 0 and after < self.height:
            return 0
        return after - (before - self.top)

    def _arrived(self, rows: RowWindow) -> frozenset[UUID]:
        """Those that were created after all that were ever here; a filter that lets old ones back in brings no news."""
        newest = self.newest
        return frozenset(
            job.id for job in rows.jobs if newest is not None and job.created_at > newest and job.id not in self.rows
        )

    def scrolled_to(self, top: int) -> "JobTableView":
        """As far as there are rows. The cursor stays on its job, be it out of sight."""
        top = max(0, min(top, self.furthest_top))
        places = ((job_id, self.rows.find(job_id)) for job_id in self.unseen)
        unseen = frozenset(job_id for job_id, place in places if place is not None and place < top)
        return replace(self, top=top, unseen=unseen)

    def resized(self, height: int) -> "JobTableView":
        """The cursor stays in sight if it was."""
        resized = replace(self, height=max(1, height))
        if self.place is not None and self.is_in_sight(self.place):
            return resized.revealed(self.place)
        return resized.scrolled_to(self.top)

    def moved_by(self, rows: int) -> "JobTableView":
        """So many rows down; without a cursor to the row where it was lost."""
        if self.cursor is None:
            return self._moved_to_place(self.place or 0)
        return self._moved_to_place((self.place or 0) + rows)

    def paged(self, pages: int) -> "JobTableView":
        """So many pages down, the cursor on the same line of the screen where possible."""
        if self.cursor is None:
            return self.moved_by(0)
        rows = pages * max(1, self.height - 1)
        return self.scrolled_to(self.top + rows).moved_by(rows)

    def moved_to_first(self) -> "JobTableView":
        return self._moved_to_place(0)

    def moved_to_last(self) -> "JobTableView":
        return self._moved_to_place(len(self.rows) - 1)

    def moved_to(self, job_id: UUID) -> "JobTableView":
        """Unchanged if there is no such row."""
        place = self.rows.find(job_id)
        return self if place is None else self._moved_to_place(place)

    def _moved_to_place(self, place: int) -> "JobTableView":
        place = self.rows.clamp(place)
        job = self.rows.at(place)
        if job is None:
            return self
        return replace(self, cursor=job.id, place=place).revealed(place)

    def revealed(self, place: int) -> "JobTableView":
        """Scrolled no further than it takes to see the row."""
        return self.scrolled_to(min(max(self.top, place - self.height + 1), place))

    def toggled(self, job_id: UUID) -> "JobTableView":
        """Marked if it was not, and the reverse. Unchanged if there is no such row."""
        return replace(self, marks=self.marks ^ {job_id}) if job_id in self.rows else self

    def all_marked(self) -> "JobTableView":
        return replace(self, marks=self.rows.ids)

    def unmarked(self) -> "JobTableView":
        return replace(self, marks=frozenset())

    def forgotten(self) -> "JobTableView":
        """As if nothing had been shown yet."""
        return JobTableView(height=self.height)


def _newest(newest: datetime | None, rows: RowWindow) -> datetime | None:
    known = [] if newest is None else [newest]
    return max((*known, *(job.created_at for job in rows.jobs if not is_infinite(job.created_at))), default=None)
