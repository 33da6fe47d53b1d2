"""How well the work goes, as cells of a table. Pure."""

from datetime import datetime

from store.monitoring.model import Monitoring, Spread, Work
from tui.words.format import age, count, duration, percent
from tui.words.text import clean

TITLES = ("MODE", "FINISHED", "FAILED", "WAIT 50 %", "95 %", "RUN 50 %", "95 %", "QUEUED", "OLDEST")


def cells(work: Work, now: datetime) -> list[str]:
    return [
        "all" if work.mode is None else clean(work.mode),
        count(work.finished),
        percent(work.failure_rate),
        *_spread(work.waiting),
        *_spread(work.running),
        count(work.queued),
        "-" if work.oldest_queued_at is None else age(work.oldest_queued_at, now),
    ]


def _spread(spread: Spread | None) -> tuple[str, str]:
    return ("-", "-") if spread is None else (seconds(spread.median), seconds(spread.percentile_95))


def seconds(number: float) -> str:
    """Short times to a digit or two that matter."""
    if number < 1:
        return f"{round(number * 1000)} ms"
    return f"{number:.1f} s" if number < 10 else duration(number)


def summary(monitoring: Monitoring) -> str:
    """A sentence below the table."""
    hours = monitoring.window.total_seconds() / 3600
    window = f"{hours:g} h" if hours < 48 else f"{hours / 24:g} d"
    rate = f"{monitoring.per_hour:,.1f}".rstrip("0").rstrip(".")
    capped = " Only so many were looked at: there are more." if monitoring.is_capped else ""
    return f"Finished in the last {window}: {count(monitoring.of_all.finished)} jobs, {rate} an hour.{capped}"
