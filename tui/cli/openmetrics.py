"""Statistics as the families of samples that monitoring systems read. Pure, but for the library's format."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

from store.model import JobStatistics, JobStatus
from store.monitoring.model import Monitoring, Spread, Work

_QUANTILES = ("0.5", "0.95")


def families(statistics: JobStatistics, monitoring: Monitoring) -> Iterator[Metric]:
    """Gauges all: jobs may be deleted, so that no number here only grows. Modes are label values, escaped as such."""
    yield from _of_jobs(statistics)
    yield from _of_work(monitoring)


def _of_jobs(statistics: JobStatistics) -> Iterator[Metric]:
    jobs = GaugeMetricFamily("gjobs_jobs", "Jobs by status.", labels=["status"])
    cost = GaugeMetricFamily("gjobs_cost_cents", "What the jobs cost, by status.", labels=["status"])
    by_status = {row.status: row for row in statistics}
    for status in JobStatus:
        row = by_status.get(status)
        jobs.add_metric([status.value], row.count if row else 0)
        cost.add_metric([status.value], row.total_cost_cents if row else 0)
    yield jobs
    yield cost


def _of_work(monitoring: Monitoring) -> Iterator[Metric]:
    window = f"{monitoring.window.total_seconds():g}"
    finished = GaugeMetricFamily(
        "gjobs_finished_jobs", "Jobs that finished in the window, by mode.", labels=["mode", "status", "window_seconds"]
    )
    ratio = GaugeMetricFamily(
        "gjobs_failure_ratio", "Failed of the finished jobs, by mode.", labels=["mode", "window_seconds"]
    )
    spreads = {
        name: GaugeMetricFamily(f"gjobs_{name}_seconds", explained, labels=["mode", "quantile", "window_seconds"])
        for name, explained in (
            ("waiting", "From a job's creation to its start, of the finished jobs."),
            ("running", "From a job's start to its end."),
            ("total", "From a job's creation to its end."),
        )
    }
    queued = GaugeMetricFamily("gjobs_queued_jobs", "Jobs that wait, by mode.", labels=["mode"])
    oldest = GaugeMetricFamily("gjobs_oldest_queued_seconds", "For how long the oldest waits.", labels=["mode"])
    for work in monitoring.by_mode:
        mode = work.mode or ""
        finished.add_metric([mode, JobStatus.SUCCEEDED.value, window], work.succeeded)
        finished.add_metric([mode, JobStatus.FAILED.value, window], work.failed)
        if work.failure_rate is not None:
            ratio.add_metric([mode, window], work.failure_rate)
        for name, spread in _spreads(work):
            for quantile, seconds in zip(_QUANTILES, (spread.median, spread.percentile_95), strict=True):
                spreads[name].add_metric([mode, quantile, window], seconds)
        queued.add_metric([mode], work.queued)
        if work.oldest_queued_at is not None:
            oldest.add_metric([mode], max((monitoring.taken_at - work.oldest_queued_at).total_seconds(), 0.0))
    yield from (finished, ratio, *spreads.values(), queued, oldest)


def _spreads(work: Work) -> Iterator[tuple[str, Spread]]:
    for name, spread in (("waiting", work.waiting), ("running", work.running), ("total", work.total)):
        if spread is not None:
            yield name, spread
