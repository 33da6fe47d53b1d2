"""How well the work goes, as cells of a table. Pure."""

from datetime import datetime, timedelta

from store.monitoring.model import Monitoring, Spread, Work
from tui.words.format import DAY, HOUR, MINUTE, count, percent
from tui.words.job_names import jobs_count
from tui.words.text import clean

TITLES = ("MODE", "DONE", "FAILED", "WAIT 50 %", "95 %", "RUN 50 %", "95 %", "OLDEST", "QUEUED")
"""The last one may be left out: the summary says how many there are in all."""


def cells(work: Work, now: datetime) -> list[str]:
    oldest = work.oldest_queued_at
    return [
        "all" if work.mode is None else clean(work.mode),
        count(work.finished),
        percent(work.failure_rate),
        *_spread(work.waiting),
        *_spread(work.running),
        "-" if oldest is None else seconds(max((now - oldest).total_seconds(), 0.0)),
        count(work.queued),
    ]


def _spread(spread: Spread | None) -> tuple[str, str]:
    return ("-", "-") if spread is None else (seconds(spread.median), seconds(spread.percentile_95))


def seconds(number: float) -> str:
    """Two digits that matter, in at most seven cells: `12 ms`, `1.4 s`, `49 s`, `1.1 min`, `5 h`."""
    if number < 1:
        return f"{round(number * 1000)} ms"
    for unit, size, most in (("s", 1, MINUTE), ("min", MINUTE, HOUR), ("h", HOUR, 2 * DAY)):
        if number < most:
            return _in_unit(number / size, unit)
    return _in_unit(number / DAY, "d")


def _in_unit(number: float, unit: str) -> str:
    return f"{number:.1f} {unit}" if number < 9.95 else f"{number:,.0f} {unit}"


def span(window: timedelta) -> str:
    hours = window.total_seconds() / 3600
    return f"{hours:g} h" if hours < 48 else f"{hours / 24:g} d"


def summary(monitoring: Monitoring) -> str:
    """A sentence below the table."""
    rate = f"{monitoring.per_hour:,.1f}".rstrip("0").rstrip(".")
    capped = " Only so many were looked at: there are more." if monitoring.is_capped else ""
    finished = jobs_count(monitoring.of_all.finished)
    queued = count(monitoring.of_all.queued)
    return f"Finished in the last {span(monitoring.window)}: {finished}, {rate} an hour. Queued now: {queued}.{capped}"
