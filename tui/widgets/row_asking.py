"""What was asked for and did not arrive yet, so that rows are asked for once. Pure."""

from dataclasses import dataclass, replace

from store.listing.query import WindowQuery
from tui.widgets.job_table_view import JobTableView
from tui.widgets.row_wish import RowWish, rows_here


@dataclass(frozen=True, slots=True, kw_only=True)
class RowAsking:
    asked: RowWish | None = None
    """None where nothing is waited for."""
    answered: RowWish | None = None
    """What the rows at hand were asked for by; None where these are the whole list."""

    def arrived(self, query: WindowQuery | None) -> "RowAsking":
        """Rows by another query than before either are what was asked for, or somebody asked for others since."""
        answer = None if query is None else RowWish.answered_by(query)
        is_old = answer is not None and answer == self.answered and answer != self.asked
        return RowAsking(asked=self.asked if is_old else None, answered=answer)

    def following(self, view: JobTableView) -> "RowAsking":
        """Asks for what a view wishes; for something else than was asked for, only where that will not do any more."""
        wish = view.wish
        if self.asked is not None and view.goal is None:
            if self.asked.spans(view.rows, top=view.top, height=view.height):
                return self
            wish = wish or rows_here(view.rows, top=view.top, height=view.height)
        return self if wish is None or wish == self.asked else replace(self, asked=wish)
