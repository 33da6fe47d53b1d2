"""OpenMetrics families, and the answers to scrapes."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from hashlib import sha256

from prometheus_client import Metric as prometheus_client_Metric
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gjobs.store.errors import StoreError
from gjobs.store.far_times import seconds_between
from gjobs.store.jobs.job import JobStatus, in_order
from gjobs.store.statistics.statistics import JobStatistics, JobTimings, ModeTimings, Percentiles
from gjobs.tui.cli.output import print_message
from gjobs.tui.text.clean_text import clean

_QUANTILES = ("0.5", "0.95")
LONGEST_LABEL = 200
"""Characters."""


def labels(texts: Sequence[str]) -> list[str]:
    """Return a label for each text, harmless in a terminal and in a web page. Different texts have different labels:
    a monitoring system rejects an answer that has a label twice.
    """
    cleaned = [clean(text, limit=LONGEST_LABEL) for text in texts]
    times = Counter(cleaned)
    return [
        label if label == text or times[label] == 1 else f"{label} #{sha256(text.encode()).hexdigest()[:8]}"
        for text, label in zip(texts, cleaned, strict=True)
    ]


def families(statistics: JobStatistics, monitoring: JobTimings) -> Iterator[Metric]:
    """Return only gauges, not counters. Deleting jobs can lower every number."""
    yield from _of_jobs(statistics)
    yield from _of_work(monitoring)


def _of_jobs(statistics: JobStatistics) -> Iterator[Metric]:
    jobs = GaugeMetricFamily("gjobs_jobs", "Jobs by status.", labels=["status"])
    cost = GaugeMetricFamily("gjobs_cost_cents", "Cost of the jobs in cents, by status.", labels=["status"])
    by_status = {row.status: row for row in statistics}
    statuses = in_order((*JobStatus, *by_status))
    for status, label in zip(statuses, labels([status.value for status in statuses]), strict=True):
        row = by_status.get(status)
        jobs.add_metric([label], row.count if row else 0)
        cost.add_metric([label], row.total_cost_cents if row else 0)
    yield jobs
    yield cost


def _of_work(monitoring: JobTimings) -> Iterator[Metric]:
    window = f"{monitoring.window.total_seconds():g}"
    finished = GaugeMetricFamily(
        "gjobs_finished_jobs", "Jobs that finished in the window, by mode.", labels=["mode", "status", "window_seconds"]
    )
    ratio = GaugeMetricFamily(
        "gjobs_failure_ratio", "Share of the finished jobs that failed, by mode.", labels=["mode", "window_seconds"]
    )
    spreads = {
        name: GaugeMetricFamily(f"gjobs_{name}_seconds", explained, labels=["mode", "quantile", "window_seconds"])
        for name, explained in (
            ("waiting", "Time from a job's creation to its start, for finished jobs."),
            ("running", "Time from a job's start to its end."),
            ("total", "Time from a job's creation to its end."),
        )
    }
    queued = GaugeMetricFamily("gjobs_queued_jobs", "Queued jobs, by mode.", labels=["mode"])
    oldest = GaugeMetricFamily("gjobs_oldest_queued_seconds", "Age of the oldest queued job, by mode.", labels=["mode"])
    modes = labels([work.mode or "" for work in monitoring.by_mode])
    for work, mode in zip(monitoring.by_mode, modes, strict=True):
        finished.add_metric([mode, JobStatus.SUCCEEDED.value, window], work.succeeded)
        finished.add_metric([mode, JobStatus.FAILED.value, window], work.failed)
        if work.failure_rate is not None:
            ratio.add_metric([mode, window], work.failure_rate)
        for name, spread in _spreads(work):
            for quantile, seconds in zip(_QUANTILES, (spread.median, spread.percentile_95), strict=True):
                spreads[name].add_metric([mode, quantile, window], seconds)
        queued.add_metric([mode], work.queued)
        if work.oldest_queued_at is not None:
            oldest.add_metric([mode], max(seconds_between(work.oldest_queued_at, monitoring.taken_at), 0.0))
    yield from (finished, ratio, *spreads.values(), queued, oldest)


def _spreads(work: ModeTimings) -> Iterator[tuple[str, Percentiles]]:
    for name, spread in (("waiting", work.waiting), ("running", work.running), ("total", work.total)):
        if spread is not None:
            yield name, spread


FRESH = 5.0
"""Seconds for which an answer is reused for all clients. Frequent scrapes then add no load to the database."""


class Scrapes:
    def __init__(self, read: Callable[[], Awaitable[list[prometheus_client_Metric]]]) -> None:
        self._read = read
        self._lock = asyncio.Lock()
        self._answer: list[prometheus_client_Metric] = []
        self._answered_at = float("-inf")
        self._is_up = True

    async def answer(self) -> list[prometheus_client_Metric]:
        """Return the metrics, or only gjobs_up 0 if the database failed."""
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if now - self._answered_at > FRESH:
                self._answer, self._answered_at = await self._asked(), now
            return self._answer

    async def _asked(self) -> list[prometheus_client_Metric]:
        try:
            metrics = await self._read()
        except StoreError as error:
            if self._is_up:
                print_message(f"{error} Until the database answers, the result is gjobs_up 0.")
            self._is_up = False
            return [_up(0)]
        if not self._is_up:
            print_message("The database answers again.")
        self._is_up = True
        return [_up(1), *metrics]


def _up(number: int) -> prometheus_client_Metric:
    return GaugeMetricFamily("gjobs_up", "Whether the database answered.", value=number)


class Collected(Collector):
    """Metrics in the form that the client library collects."""

    def __init__(self, metrics: list[prometheus_client_Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[prometheus_client_Metric]:
        return self._metrics
