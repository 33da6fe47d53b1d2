"""What stands above the list of jobs, or in place of its rows. Pure."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.cells import cell_len

from store import filters
from store.filters.model import JobFilter
from store.finding.id_prefix import id_range
from store.listing.query import ListOrder, OrderColumn
from tui.words.eyes import eyes_name
from tui.words.format import count
from tui.words.lens_words import verdict
from tui.words.position import Position, position_words
from tui.words.text import clean, clean_cell, shorten

if TYPE_CHECKING:
    from store.listing.model import Listing

_ORDERS: Mapping[tuple[OrderColumn, bool], str] = {
    (OrderColumn.CREATED, True): "newest first",
    (OrderColumn.CREATED, False): "oldest first",
    (OrderColumn.UPDATED, True): "last updated first",
    (OrderColumn.UPDATED, False): "first updated first",
    (OrderColumn.COST, True): "dearest first",
    (OrderColumn.COST, False): "cheapest first",
    (OrderColumn.TOTAL, True): "slowest first",
    (OrderColumn.TOTAL, False): "quickest first",
}


_FOUND_WIDTHS = (40, 24, 12, 0)
"""Cells of what is looked for, tried until the rest is not cut."""


def job_list_title(
    listing: "Listing | None", position: Position | None, *, view: str | None = None, width: int | None = None
) -> str:
    """Of a list that is at hand as a whole how long it is, of a longer one where in it one is.

    `view` is the name of the view that is in force, if any. In so many cells the order goes first, then what is looked
    for, which stands below as it was typed, then the kind; None: in any number.
    """
    if listing is None:
        return "Jobs"
    listed = listing.query.window.listed
    kind = "Jobs" if listed.status is None else f"{listed.status.capitalize()} jobs"
    seen = verdict(listing.lens) if listing.lens else ""
    rows = _rows(listing, position)
    order = f", {_order(listed.order)}"
    titles = [
        _joined(kind, _found(listed.job_filter, view, cells), rows, seen) + end
        for end, least in ((order, 24), ("", 0))
        for cells in _FOUND_WIDTHS
        if cells >= least
    ]
    titles.append(_joined(rows, seen))
    return next((title for title in titles if width is None or cell_len(title) <= width), titles[-1])


def _joined(*parts: str) -> str:
    return " · ".join(filter(None, parts))


def _found(job_filter: JobFilter, view: str | None, cells: int) -> str:
    if not job_filter or not cells:
        return ""
    kind, text = ("with", filters.printed(job_filter)) if view is None else ("view", view)
    return f"{kind} {shorten(clean_cell(text, cells), cells)}"


def _order(order: ListOrder) -> str:
    return _ORDERS[order.column, order.descending]


def _rows(listing: "Listing", position: Position | None) -> str:
    window = listing.window
    if position and (window.has_before or window.has_after):
        return position_words(position)
    # The lens' verdict counts the whole list.
    return "" if listing.lens else count(len(window.jobs))


def why_empty(
    listing: "Listing", needle: str, *, clear: str = "esc", new_job: str = "n", new_project: str = "P"
) -> str:
    """What stands in place of rows, with what to do about it: by which keys. `needle` is what is typed to find."""
    listed = listing.query.window.listed
    if listed.job_filter:
        further = "" if id_range(needle.strip()) is None else " Enter looks for that id everywhere."
        return f"No job matches.{further} Press {clear} to show all jobs again."
    if listing.lens is not None:
        return f"Nothing to see here, for {clean(eyes_name(listing.lens.user), limit=60)} or for the operator."
    if not listing.projects:
        return f"No projects found. Press {new_project} to create one first."
    if listed.status is not None:
        return f"No {listed.status} jobs."
    return f"Press {new_job} to create your first generation job."
