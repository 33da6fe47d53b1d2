"""Waste as text: table cells, and the sentences below the table."""

from collections.abc import Iterator, Mapping
from datetime import date
from uuid import UUID

from store.error_groups.error_group import NO_TEXT
from store.formats import money
from store.statistics.waste import Waste, WasteKey, WasteRow
from tui.text.clean_text import clean
from tui.text.format import count, percent

TITLES: Mapping[WasteKey, str] = {
    WasteKey.MODE: "MODE",
    WasteKey.PROJECT: "PROJECT",
    WasteKey.USER: "USER",
    WasteKey.GROUP: "ERROR",
    WasteKey.DAY: "DAY",
}
NUMBERS = ("FAILED", "COST", "RETRIES", "COST", "WASTE", "ALL JOBS", "SHARE")
RETRIES = "(retries)"
UNKNOWN = "-"


def name(row: WasteRow, by: WasteKey, names: Mapping[UUID, str]) -> str:
    """Return the row's first cell. `names` are of projects or users."""
    match row.key:
        case UUID():
            return clean(names.get(row.key, str(row.key)))
        case date():
            return row.key.isoformat()
        case None:
            return UNKNOWN
        case "" if by is WasteKey.GROUP:
            return RETRIES
    if by is not WasteKey.GROUP:
        return clean(row.key)
    return row.key if row.fingerprint is None else f"{row.key} {clean(row.fingerprint) or NO_TEXT}"


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


def sentences(waste: Waste) -> Iterator[str]:
    """Return what the numbers cover, if that is not every job."""
    if waste.read_limit is not None:
        yield f"Only the newest {count(waste.read_limit)} jobs were read. 'gjobs migrate up' makes the numbers exact."
    if waste.days is not None:
        yield f"Jobs created in the last {waste.days} days, in UTC."
    if waste.has_more:
        yield f"These are the {count(len(waste.rows))} rows with the most waste. The total includes the others."
