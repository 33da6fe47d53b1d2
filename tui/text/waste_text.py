"""Waste as text: table cells, and the sentences below the table."""

from collections.abc import Iterator, Mapping

from gjobs.store.error_groups.error_group import NO_TEXT
from gjobs.store.formats import money
from gjobs.store.member_table import by_member
from gjobs.store.statistics.waste import MOST_NAMING_FAILURES, Waste, WasteKey, WasteRow
from gjobs.tui.text.clean_text import clean, shorten
from gjobs.tui.text.format import count, percent

TITLES: Mapping[WasteKey, str] = by_member(
    WasteKey,
    {
        WasteKey.MODE: "MODE",
        WasteKey.PROJECT: "PROJECT",
        WasteKey.USER: "USER",
        WasteKey.GROUP: "ERROR",
        WasteKey.DAY: "DAY",
    },
)
NUMBERS = ("FAILED", "FAILED COST", "RETRIES", "RETRY COST", "WASTE", "ALL JOBS", "SHARE")
RETRIES = "(retries)"
UNKNOWN = "-"
TOTAL = "total"
_NAME_CELLS = 80
"""The longest name in a table that is printed. A longer one would move the numbers far away."""


def name(row: WasteRow, by: WasteKey, *, has_group_id: bool) -> str:
    """Return the row's first cell. A group has its id, its fingerprint or both."""
    if row.key is None:
        return UNKNOWN
    if by is WasteKey.GROUP:
        if row.key == "":
            return RETRIES
        error = None if row.name is None else clean(row.name) or NO_TEXT
        return error if error and not has_group_id else " ".join(filter(None, (str(row.key), error)))
    return clean(row.name or str(row.key))


def numbers(row: WasteRow) -> list[str]:
    return [
        count(row.failed_count),
        money(row.failed_cents),
        count(row.retry_count),
        money(row.retry_cents),
        money(row.waste_cents),
        UNKNOWN if row.all_cents is None else money(row.all_cents),
        percent(row.share),
    ]


def printed_name(row: WasteRow, by: WasteKey) -> str:
    """Return the row's first cell in a printed table. For a group, it includes the id."""
    return shorten(name(row, by, has_group_id=True), _NAME_CELLS)


def headline(waste: Waste) -> str:
    total = waste.total
    costs = "all costs" if waste.read_limit is None else f"the costs of the newest {count(waste.read_limit)} jobs"
    of_all = "" if total.share is None else f", {percent(total.share)} of {costs}"
    return f"{money(total.waste_cents)} wasted{of_all}"


def sentences(waste: Waste) -> Iterator[str]:
    """Return what the numbers cover, if that is not every job."""
    if waste.read_limit is not None:
        yield f"Only the newest {count(waste.read_limit)} jobs were read. {waste.limited_because or ''}".rstrip()
    if waste.days is not None:
        yield f"Jobs created in the last {waste.days} days, in UTC."
    if waste.unnamed_groups:
        groups = f"{count(waste.unnamed_groups)} {'group has' if waste.unnamed_groups == 1 else 'groups have'}"
        yield f"{groups} only an id, because none of the newest {count(MOST_NAMING_FAILURES)} failures belongs to it."
    if waste.has_more:
        yield f"These are the {count(len(waste.rows))} rows with the most waste. The total includes the others."
