"""Which rows the table should have at hand, so that moves seldom wait for them. Pure."""

from dataclasses import dataclass
from uuid import UUID

from store.listing.query import End, WindowQuery
from tui.widgets.row_window import RowWindow


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A move by rows or pages, down where positive."""

    rows: int = 0
    pages: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RowWish:
    """So many rows before a job's row, and so many from it on; or those at an end of the list."""

    anchor: UUID | End
    before: int
    after: int

    @classmethod
    def answered_by(cls, query: WindowQuery) -> "RowWish":
        """The wish that rows of such a query fulfil."""
        anchor = query.anchor if isinstance(query.anchor, End) else query.anchor.id
        return cls(anchor=anchor, before=query.before, after=query.after)

    def spans(self, rows: RowWindow, *, top: int, height: int) -> bool:
        """Whether it holds the rows in sight, which are among `rows`, for all that these tell."""
        match self.anchor:
            case End.FIRST:
                place = 0 if rows.is_place_exact else None
            case End.LAST:
                place = None if rows.has_after else rows.end
            case job_id:
                place = rows.find(job_id)
        return place is not None and place - self.before <= top and top + height <= place + self.after


def spare_rows(height: int) -> int:
    """How many rows out of sight are wished for in one direction, and twice as many in the one of the last moves."""
    return max(200, 3 * height + 50)


def rows_here(rows: RowWindow, *, top: int, height: int) -> RowWish | None:
    """Those around the rows in sight, whatever is at hand. None without rows."""
    anchor, spare = rows.at(top), spare_rows(height)
    return None if anchor is None else RowWish(anchor=anchor.id, before=spare, after=2 * spare)


def wished(rows: RowWindow, *, top: int, height: int, goal: End | None = None) -> RowWish | None:
    """None while enough rows are at hand before and after those in sight. A goal is an end that is to be at hand.

    It never holds more than three times `spare_rows`, and rows that were just fetched always will do.
    """
    spare = spare_rows(height)
    from_start = RowWish(anchor=End.FIRST, before=0, after=3 * spare)
    if goal is End.LAST and rows.has_after:
        return RowWish(anchor=End.LAST, before=3 * spare, after=0)
    if goal is End.FIRST and rows.has_before:
        return from_start
    near = height * 3 // 2 + 25
    is_near_first = top - rows.first_place < near
    is_near_last = rows.end - (top + height) < near
    if is_near_first and rows.has_before:
        if rows.is_place_exact and top < 2 * spare:
            return from_start
        is_near_both = is_near_last and rows.has_after
        anchor = rows.at(top)
        before = spare if is_near_both else 2 * spare
        return None if anchor is None else RowWish(anchor=anchor.id, before=before, after=3 * spare - before)
    if is_near_first and not rows.follows_start:
        return from_start
    return rows_here(rows, top=top, height=height) if is_near_last and rows.has_after else None
