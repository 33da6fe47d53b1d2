"""Job timings and polling cost as text."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from store.doctor.findings import size
from store.statistics.statistics import JobTimings, ModeTimings, Percentiles
from tui.text.clean_text import clean
from tui.text.format import age, count, duration, elapsed, is_far, jobs_count, milliseconds, percent

if TYPE_CHECKING:
    from store.database.load_meter import Load

TITLES = ("MODE", "DONE", "FAILED", "WAIT 50 %", "95 %", "RUN 50 %", "95 %", "OLDEST", "QUEUED")
"""The last title may be left out, because the summary has the total."""


def cells(work: ModeTimings, now: datetime) -> list[str]:
    oldest = work.oldest_queued_at
    return [
        "all" if work.mode is None else clean(work.mode),
        count(work.finished),
        percent(work.failure_rate),
        *_spread(work.waiting),
        *_spread(work.running),
        "-" if oldest is None else _waited(oldest, now),
        count(work.queued),
    ]


def _spread(spread: Percentiles | None) -> tuple[str, str]:
    return ("-", "-") if spread is None else (duration(spread.median), duration(spread.percentile_95))


def _waited(since: datetime, now: datetime) -> str:
    return age(since, now) if is_far(since) else duration(max((now - since).total_seconds(), 0.0))


def span(window: timedelta) -> str:
    hours = window.total_seconds() / 3600
    return f"{hours:g} h" if hours < 48 else f"{hours / 24:g} d"


def summary(monitoring: JobTimings) -> str:
    """Return the sentence below the table."""
    rate = f"{monitoring.per_hour:,.1f}".rstrip("0").rstrip(".")
    capped = " Only a part of the jobs was read, so the numbers are incomplete." if monitoring.is_capped else ""
    finished = jobs_count(monitoring.of_all.finished)
    queued = count(monitoring.of_all.queued)
    return f"Finished in the last {span(monitoring.window)}: {finished}, {rate} an hour. Queued now: {queued}.{capped}"


def load_sentence(load: "Load") -> str:
    """The database time is an upper bound, because it includes the network."""
    queries = "1 query" if load.queries == 1 else f"{count(load.queries)} queries"
    there = (
        f"at most {milliseconds(load.database_time)} of the database's time ({_share(load.database_share)} of a core)"
    )
    here = f"{_share(load.processor_share)} of a core on this machine"
    return (
        f"This dashboard, in the last {_time(load.over)}: {queries}, {there}, and {here}.{_connection_sentence(load)}"
    )


def _connection_sentence(load: "Load") -> str:
    """Return the network traffic and round-trip time, or an empty string if nothing was measured."""
    if load.traffic is None or load.round_trip is None or not load.over:
        return ""
    received, sent = load.traffic.received / load.over, load.traffic.sent / load.over
    return (
        f" It receives {size(round(received * 60))} a minute ({size(round(received * 3600))} an hour)"
        f" and sends {size(round(sent * 60))} a minute. A round trip takes at most {milliseconds(load.round_trip)}."
    )


def pace_sentence(max_staleness: float, *, interval: float, is_woken: bool) -> str:
    """Return a sentence with the longest delay of a change. If the delay exceeds the interval, it gives the reason."""
    now = elapsed(max_staleness)
    looks = (
        f"It refreshes within {now} of a change, because the database reports changes"
        if is_woken
        else f"It refreshes every {now}"
    )
    if max_staleness <= interval:
        return f"{looks}."
    return f"{looks}, not every {elapsed(interval)}, because nothing changes or queries are slow."


def _time(seconds: float) -> str:
    return "minute" if 60 <= seconds < 120 else elapsed(seconds)


def _share(share: float) -> str:
    if 0 < share < 0.001:
        return "less than 0.1 %"
    return f"{share * 100:.1f} %"
