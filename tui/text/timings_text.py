"""Job timings as text."""

from datetime import datetime, timedelta

from gjobs.store.far_times import is_far
from gjobs.store.statistics.statistics import JobTimings, ModeTimings, Percentiles
from gjobs.tui.text.clean_text import clean
from gjobs.tui.text.format import age, count, duration, jobs_count, percent

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
