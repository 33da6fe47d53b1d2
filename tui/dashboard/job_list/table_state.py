"""Cursor, marks, scroll position and pending moves."""

from collections.abc import Iterable, Mapping, Set
from dataclasses import field, replace
from datetime import datetime
from uuid import UUID

from gjobs.store.far_times import is_far
from gjobs.store.job_list.list_query import NEWEST_FIRST, End, ListOrder, RowWindowQuery
from gjobs.store.jobs.job import GenerationJob
from gjobs.store.statistics.totals import Count
from gjobs.store.value_class import dataclass
from gjobs.tui.dashboard.job_list.loaded_rows import LoadedRows, RowRequest, Step, needed_rows, rows_here
from gjobs.tui.dashboard.statistics.count_text import Position

Move = Step | End

_MOST_WAITING = 10
"""Limit of waiting keys, so that a held key does not keep moving after its release."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableState:
    """The state of a job table, without its drawing."""

    rows: LoadedRows = field(default_factory=LoadedRows)
    cursor: UUID | None = None
    place: int | None = None
    """Place of the cursor's row. Without a cursor, the next move starts here. None until a row is loaded."""
    top: int = 0
    """Place of the first visible row."""
    height: int = 1
    """Number of rows that fit on screen."""
    marked: Mapping[UUID, GenerationJob] = field(default_factory=dict)
    """Marked jobs as last loaded, in the order of marking."""
    unseen: frozenset[UUID] = frozenset()
    """Jobs that arrived above and have not been visible since."""
    newest: datetime | None = None
    """Creation time of the newest job ever loaded."""
    waiting: tuple[Move, ...] = ()
    """Moves to make, in this order, once their rows are loaded."""

    @property
    def cursor_job(self) -> GenerationJob | None:
        return None if self.cursor is None else self.rows.get(self.cursor)

    @property
    def marks(self) -> frozenset[UUID]:
        return frozenset(self.marked)

    @property
    def visible_jobs(self) -> tuple[GenerationJob, ...]:
        return self.rows.between(self.top, self.top + self.height)

    @property
    def max_top(self) -> int:
        return max(self.rows.first_place, self.rows.end - self.height)

    def is_visible(self, place: int) -> bool:
        return self.top <= place < self.top + self.height

    @property
    def position(self) -> Position | None:
        """Position of the cursor's row, or of the first visible row if the cursor is out of sight."""
        if not self.rows:
            return None
        seen = self.place if self.cursor is not None and self.place is not None else self.top
        number = (seen if self.is_visible(seen) else self.top) + 1
        return Position(number=number, is_exact=self.rows.is_place_exact, length=self.rows.known_length)

    @property
    def goal(self) -> End | None:
        """The end of the list that the next waiting move needs."""
        return self.waiting[0] if self.waiting and isinstance(self.waiting[0], End) else None

    @property
    def request(self) -> RowRequest | None:
        """The rows to load next; None if the loaded rows are enough."""
        return needed_rows(self.rows, top=self.top, height=self.height, goal=self.goal)

    # Rows

    def showing(
        self,
        jobs: Iterable[GenerationJob],
        *,
        has_before: bool = False,
        has_after: bool = False,
        follows_start: bool = True,
        order: ListOrder = NEWEST_FIRST,
    ) -> "TableState":
        """Show other rows of the list, or newer versions of the same rows.

        The cursor's row keeps its line on screen. If the cursor is out of sight, the top row keeps its line. A view at
        the start of the list stays there while the cursor is visible, so new jobs appear. Then make the waiting moves.
        """
        rows = self.rows.followed_by(
            jobs,
            has_before=has_before,
            has_after=has_after,
            follows_start=follows_start,
            order=order,
            near=self._anchor,
        )
        if self.place is None:
            return self._first(rows)
        if rows == self.rows:
            return self
        cursor = self.cursor if self.cursor is not None and self.cursor in rows else None
        left = self.rows.missing_from(rows) if rows.detects_removals else frozenset[UUID]()
        here = {job.id: job for job in rows.jobs if job.id in self.marked}
        shown = replace(
            self,
            rows=rows,
            cursor=cursor,
            place=self.rows.position_in(rows, self.place),
            marked={known: here.get(known, job) for known, job in self.marked.items() if known not in left},
            unseen=(self.unseen - left) | self._arrived(rows),
            newest=_newest(self.newest, rows),
        )
        return shown.scrolled_to(self._anchored_top(rows)).with_pending_moves_applied()

    def with_cursor_replaced(self) -> "TableState":
        """Put the cursor on the row that replaces its lost job, or on the last row."""
        return self if self.cursor is not None or self.place is None else self.moved_to_place(self.place)

    def is_missing(self, job_id: UUID, later: "TableState") -> bool:
        """Return whether a job loaded here is surely missing from the rows of `later`."""
        return job_id in self.rows.missing_from(later.rows)

    def _first(self, rows: LoadedRows) -> "TableState":
        if not rows.jobs:
            return replace(self, rows=rows)
        place = rows.first_place
        return replace(self, rows=rows, cursor=rows.jobs[0].id, place=place, top=place, newest=_newest(None, rows))

    @property
    def _anchor(self) -> int:
        """Place of the row that keeps its line: the cursor's row, or else the top row."""
        return self.place if self.place is not None and self.is_visible(self.place) else self.top

    def _anchored_top(self, rows: LoadedRows) -> int:
        before = self._anchor
        after = self.rows.position_in(rows, before)
        if self.top == 0 and after < self.height:
            return 0
        return after - (before - self.top)

    def _arrived(self, rows: LoadedRows) -> frozenset[UUID]:
        """Return the new jobs. Old jobs that a filter shows again are not new."""
        if self.newest is None:
            return frozenset()
        arrived = rows.missing_from(self.rows)
        return frozenset(job.id for job in rows.jobs if job.id in arrived and job.created_at > self.newest)

    def counted(self, length: Count | None) -> "TableState":
        """Set the length of the whole list. The visible rows stay where they are on screen."""
        rows = self.rows.counted(length)
        shift = rows.first_place - self.rows.first_place
        place = None if self.place is None else self.place + shift
        return replace(self, rows=rows, place=place, top=self.top + shift)

    # Scroll and size

    def scrolled_to(self, top: int) -> "TableState":
        """Scroll within the loaded rows. The cursor stays on its job, even out of sight."""
        top = max(self.rows.first_place, min(top, self.max_top))
        return replace(self, top=top, unseen=frozenset(job for job in self.unseen if self._is_above(job, top)))

    def _is_above(self, job_id: UUID, top: int) -> bool:
        place = self.rows.find(job_id)
        return self.rows.has_before if place is None else place < top

    def resized(self, height: int) -> "TableState":
        """Set the height. A visible cursor stays visible."""
        resized = replace(self, height=max(1, height))
        if self.place is not None and self.is_visible(self.place):
            return resized.revealed(self.place)
        return resized.scrolled_to(self.top)

    def revealed(self, place: int) -> "TableState":
        """Scroll just enough to show the row."""
        return self.scrolled_to(min(max(self.top, place - self.height + 1), place))

    # Moves

    def moved_by(self, rows: int) -> "TableState":
        """Move down by rows. Without a cursor, go to the row where it was lost, or to the first visible one."""
        return self.moved(Step(rows=rows))

    def paged(self, pages: int) -> "TableState":
        """Move down by pages. The cursor keeps its line on screen if possible."""
        return self.moved(Step(pages=pages))

    def moved_to_first(self) -> "TableState":
        """Go to the first row of the whole list."""
        return self.without_pending_moves().moved(End.FIRST)

    def moved_to_last(self) -> "TableState":
        return self.without_pending_moves().moved(End.LAST)

    def moved_to(self, job_id: UUID) -> "TableState":
        """Go to the job. Return the same state if it is not loaded."""
        place = self.rows.find(job_id)
        return self if place is None else self.without_pending_moves().moved_to_place(place)

    def without_pending_moves(self) -> "TableState":
        """Drop the waiting moves."""
        return replace(self, waiting=()) if self.waiting else self

    def moved(self, move: Move) -> "TableState":
        """Make the move, or append it to the waiting moves."""
        if not self.rows:
            return self
        applied = None if self.waiting else self.applied(move)
        return applied or replace(self, waiting=(*self.waiting, move)[:_MOST_WAITING])

    def with_pending_moves_applied(self) -> "TableState":
        """Make as many waiting moves as the loaded rows allow."""
        view = self if self.rows else self.without_pending_moves()
        while view.waiting:
            move, *rest = view.waiting
            applied = view.applied(move)
            if applied is None:
                return view
            view = replace(applied, waiting=tuple(rest))
        return view

    def applied(self, move: Move) -> "TableState | None":
        """Make the move. Return None if it needs rows that are not loaded."""
        match move:
            case End.FIRST:
                return None if self.rows.has_before else self.moved_to_place(0)
            case End.LAST:
                return None if self.rows.has_after else self.moved_to_place(self.rows.end - 1)
            case Step(rows=rows, pages=pages):
                return self._stepped(rows, pages)

    def _stepped(self, rows: int, pages: int) -> "TableState | None":
        if self.cursor is None or self.place is None:
            return self.moved_to_place(self._anchor)
        scroll = pages * max(1, self.height - 1)
        place, top = self.place + rows + scroll, self.top + scroll
        first, last = (min(place, top), max(place, top + self.height - 1)) if scroll else (place, place)
        is_beyond_first = self.rows.has_before and first < self.rows.first_place
        is_beyond_last = self.rows.has_after and last >= self.rows.end
        if is_beyond_first or is_beyond_last:
            return None
        return (self.scrolled_to(top) if scroll else self).moved_to_place(place)

    def moved_to_place(self, place: int) -> "TableState":
        place = self.rows.clamp(place)
        job = self.rows.at(place)
        if job is None:
            return self
        return replace(self, cursor=job.id, place=place).revealed(place)

    # Marks

    def toggled(self, job_id: UUID) -> "TableState":
        """Mark or unmark the job. Return the same state if it is not loaded."""
        job = self.rows.get(job_id)
        if job is None:
            return self
        rest = {identifier: other for identifier, other in self.marked.items() if identifier != job_id}
        return replace(self, marked=rest if job_id in self.marked else {**rest, job_id: job})

    def all_marked(self) -> "TableState":
        """Mark all loaded jobs, and keep earlier marks."""
        return replace(self, marked={**self.marked, **{job.id: job for job in self.rows.jobs}})

    def unmarked(self, job_ids: Set[UUID]) -> "TableState":
        return replace(self, marked={known: job for known, job in self.marked.items() if known not in job_ids})

    def forgotten(self) -> "TableState":
        """Return the state as before any row was loaded."""
        return TableState(height=self.height)


def _newest(newest: datetime | None, rows: LoadedRows) -> datetime | None:
    known = [] if newest is None else [newest]
    return max((*known, *(job.created_at for job in rows.jobs if not is_far(job.created_at))), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingRows:
    """Which rows were requested, and which were answered."""

    asked: RowRequest | None = None
    """The request that is waiting for an answer; None if there is none."""
    answered: RowRequest | None = None
    """The request that the loaded rows answered; None if they are the whole list."""

    def arrived(self, query: RowWindowQuery | None) -> "PendingRows":
        """Return the state after rows arrived. An old answer does not fulfil the pending request."""
        answer = None if query is None else RowRequest.answered_by(query)
        is_old = answer is not None and answer == self.answered and answer != self.asked
        return PendingRows(asked=self.asked if is_old else None, answered=answer)

    def following(self, view: TableState) -> "PendingRows":
        """Request what the view needs. Keep a pending request while it is still useful."""
        request = view.request
        if self.asked is not None and view.goal is None:
            if self.asked.spans(view.rows, top=view.top, height=view.height):
                return self
            request = request or rows_here(view.rows, top=view.top, height=view.height)
        return self if request is None or request == self.asked else replace(self, asked=request)
