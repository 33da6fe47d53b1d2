"""The load and the pace of the dashboard as text."""

from enum import Enum
from typing import TYPE_CHECKING

from gjobs.store.doctor.findings import size
from gjobs.tui.text.format import count, elapsed, milliseconds, refresh_interval

if TYPE_CHECKING:
    from gjobs.store.database.load_meter import Load


class PaceCause(Enum):
    """Why the dashboard refreshes less often than at its interval."""

    FAILED = "the last query failed"
    PAUSED = "refreshing is paused"
    EXPENSIVE = "this list is expensive"
    SLOW = "the network or the database is slow"
    UNCHANGED = "nothing changes"


def load_title(load: "Load") -> str:
    if load.includes_start:
        return f"Load in the first {elapsed(load.over)}"
    return f"Load in the last {'minute' if load.over < 120 else elapsed(load.over)}"


def load_lines(load: "Load") -> list[tuple[str, str]]:
    """Return names and values. Bytes come first, because hosts bill them. They are missing on a local connection."""
    lines = []
    if load.traffic is not None:
        lines += [("Received", _bytes(load, load.traffic.received)), ("Sent", _bytes(load, load.traffic.sent))]
    if load.round_trip is not None:
        # The fastest answer includes work of the server.
        lines.append(("Round trip", f"at most {milliseconds(load.round_trip)}"))
    return [
        *lines,
        ("Queries", count(load.queries)),
        ("Waiting", f"{milliseconds(load.database_time)} for the network and the database"),
        ("Processor", f"{_share(load.processor_share)} of a core of this machine"),
    ]


def load_summary(load: "Load") -> str:
    """Return the load in one line."""
    return f"{load_title(load)}: {', '.join(f'{name} {value}' for name, value in load_lines(load))}"


def _bytes(load: "Load", number: int) -> str:
    """Return bytes as a rate. The start reads more than a later minute, so it has no rate."""
    if load.includes_start:
        return f"{size(number)} since the start"
    rate = number / load.over
    return f"{size(round(rate * 60))} a minute, {size(round(rate * 3600))} an hour"


def pace_words(max_staleness: float, *, interval: float, is_woken: bool, cause: PaceCause) -> str:
    """Return when the dashboard refreshes. `cause` is used only if the dashboard refreshes less often than its
    interval says.
    """
    if cause is PaceCause.FAILED:
        return f"again after a successful retry, because {cause.value}"
    if cause is PaceCause.PAUSED:
        return f"only on request, because {cause.value}"
    now, wished = refresh_interval(max_staleness), refresh_interval(interval)
    start, after = ("within", " of a change") if is_woken else ("every", "")
    if max_staleness > interval and now != wished:
        return f"{start} {now}{after}, not {start} {wished}, because {cause.value}"
    return f"{start} {now}{after}{', because the database reports changes' if is_woken else ''}"


def _share(share: float) -> str:
    if 0 < share < 0.001:
        return "less than 0.1 %"
    return f"{share * 100:.1f} %"
