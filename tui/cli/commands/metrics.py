"""gjobs metrics: OpenMetrics families, and the server that answers scrapes."""

import asyncio
import io
import math
import re
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from http import HTTPStatus
from http.client import HTTPException, parse_headers

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from gjobs.store.errors import StoreError
from gjobs.store.jobs.job import JobStatus, in_order
from gjobs.store.statistics.statistics import JobStatistics, JobTimings
from gjobs.store.values.formats import far_text
from gjobs.tui.cli.output import print_message, show_where
from gjobs.tui.text.clean_text import clean

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


def job_metrics(statistics: JobStatistics) -> Iterator[Metric]:
    """Return only gauges, not counters. Deleting jobs can lower every number."""
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


def timing_metrics(monitoring: JobTimings) -> Iterator[Metric]:
    window = f"{monitoring.window.total_seconds():g}"
    finished = GaugeMetricFamily(
        "gjobs_finished_jobs", "Jobs that finished in the window, by mode.", labels=["mode", "status", "window_seconds"]
    )
    ratio = GaugeMetricFamily(
        "gjobs_failure_ratio", "Share of the finished jobs that failed, by mode.", labels=["mode", "window_seconds"]
    )
    spreads = [
        GaugeMetricFamily(f"gjobs_{name}_seconds", explained, labels=["mode", "quantile", "window_seconds"])
        for name, explained in (
            ("waiting", "Time from a job's creation to its start, for finished jobs."),
            ("running", "Time from a job's start to its end."),
            ("total", "Time from a job's creation to its end."),
        )
    ]
    queued = GaugeMetricFamily("gjobs_queued_jobs", "Queued jobs, by mode.", labels=["mode"])
    oldest = GaugeMetricFamily("gjobs_oldest_queued_seconds", "Age of the oldest queued job, by mode.", labels=["mode"])
    modes = labels([work.mode or "" for work in monitoring.by_mode])
    for work, mode in zip(monitoring.by_mode, modes, strict=True):
        finished.add_metric([mode, JobStatus.SUCCEEDED.value, window], work.succeeded)
        finished.add_metric([mode, JobStatus.FAILED.value, window], work.failed)
        if work.failure_rate is not None:
            ratio.add_metric([mode, window], work.failure_rate)
        for family, spread in zip(spreads, (work.waiting, work.running, work.total), strict=True):
            if spread is not None:
                family.add_metric([mode, "0.5", window], spread.median)
                family.add_metric([mode, "0.95", window], spread.percentile_95)
        queued.add_metric([mode], work.queued)
        if work.oldest_queued_at is not None:
            waited = (monitoring.taken_at - work.oldest_queued_at).total_seconds()
            oldest.add_metric([mode], math.inf if far_text(work.oldest_queued_at) == "-infinity" else max(waited, 0.0))
    yield from (finished, ratio, *spreads, queued, oldest)


FRESH = 5.0
"""Seconds for which an answer is reused for all clients. Frequent scrapes then add no load to the database."""


class Scrapes:
    def __init__(self, read: Callable[[], Awaitable[list[Metric]]]) -> None:
        self._read = read
        self._lock = asyncio.Lock()
        self._answer: list[Metric] = []
        self._answered_at = float("-inf")
        self._is_up = True

    async def answer(self) -> list[Metric]:
        """Return the metrics, or only gjobs_up 0 if the database failed."""
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if now - self._answered_at > FRESH:
                self._answer, self._answered_at = await self._read_metrics(), now
            return self._answer

    async def _read_metrics(self) -> list[Metric]:
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


def _up(number: int) -> Metric:
    return GaugeMetricFamily("gjobs_up", "Whether the database answered.", value=number)


class Collected(Collector):
    """Metrics in the form that the client library collects."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


LOOPBACK = "127.0.0.1"
BACKLOG = 1024
MOST_CONNECTIONS = 256
"""The most connections at a time; more wait in the backlog. Each needs a descriptor, and a process often has only
1,024.
"""
READ_SECONDS = 3.0
"""The time for a whole request. The client is on this machine."""
WRITE_SECONDS = 10.0
LONGEST_REQUEST = 16_384
"""Bytes."""

_HOSTS = ("127.0.0.1", "localhost", "[::1]")
"""Accepted hosts. Other hosts are refused, because a web page could reach this server through the page's own domain
name.
"""
_HOST = re.compile(rf"(?:{'|'.join(map(re.escape, _HOSTS))})(?::[0-9]{{1,5}})?", re.IGNORECASE)
"""Any port, because the port differs behind an SSH tunnel. No domain name gets past this check, whatever its port."""
_TARGET = re.compile(rb"(?:http://[^/?]*)?/(?:metrics)?(?:\?.*)?", re.IGNORECASE)
"""A request target that returns the metrics. Monitoring systems may add a query, and a proxy sends the whole
address.
"""
_OPENMETRICS = "application/openmetrics-text"
_END = b"\r\n\r\n"
_FULL_PAUSE = 0.1
"""Seconds."""
_TEXT = "text/plain; charset=utf-8"


def listen(port: int) -> socket.socket:
    """Listen on the loopback interface. Raises OSError if the port is in use."""
    listener = socket.create_server((LOOPBACK, port), backlog=BACKLOG)
    listener.setblocking(False)
    return listener


class ScrapeServer:
    def __init__(self, scrapes: Scrapes) -> None:
        self._scrapes = scrapes
        self._slots = asyncio.Semaphore(MOST_CONNECTIONS)
        self._last_fault = ""

    async def serve(self, listener: socket.socket) -> None:
        """Serve until cancelled."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as connections:
            while True:
                await self._slots.acquire()
                try:
                    connection, _ = await loop.sock_accept(listener)
                except OSError:
                    # The process has no descriptor left, or the client is gone already.
                    self._slots.release()
                    await asyncio.sleep(_FULL_PAUSE)
                else:
                    connections.create_task(self._serve(connection))

    async def _serve(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            with connection, suppress(OSError):  # The client is gone or too slow. TimeoutError is an OSError.
                connection.setblocking(False)
                async with asyncio.timeout(READ_SECONDS):
                    request = await _request(connection)
                answer = await self._answer_or_report(request)
                async with asyncio.timeout(WRITE_SECONDS):
                    await loop.sock_sendall(connection, answer)
        finally:
            self._slots.release()

    async def _answer_or_report(self, request: bytes) -> bytes:
        """Return the answer, also after an error of gjobs itself: it must not end the server."""
        try:
            answer = await self._answer(request)
        except Exception as error:
            # The error's text may quote the database. Its name never does.
            fault = type(error).__name__
            if fault != self._last_fault:
                print_message(f"A scrape failed with an internal error: {fault}. gjobs answered 500 and keeps serving.")
                show_where(error)
            self._last_fault = fault
            return _response(HTTPStatus.INTERNAL_SERVER_ERROR)
        self._last_fault = ""
        return answer

    async def _answer(self, request: bytes) -> bytes:
        head, end, _ = request.partition(_END)
        first, _, fields = head.partition(b"\r\n")
        method, _, rest = first.partition(b" ")
        try:
            headers = parse_headers(io.BytesIO(fields + _END))
        except HTTPException:
            return _response(HTTPStatus.BAD_REQUEST)
        if not end:
            return _response(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        hosts = headers.get_all("Host", [])
        if len(hosts) != 1 or not _HOST.fullmatch(hosts[0].strip()):
            return _response(HTTPStatus.FORBIDDEN, f"The host must be one of {', '.join(_HOSTS)}.\n")
        if method not in (b"GET", b"HEAD"):
            return _response(HTTPStatus.METHOD_NOT_ALLOWED)
        has_body = method == b"GET"
        if not _TARGET.fullmatch(rest.partition(b" ")[0]):
            return _response(HTTPStatus.NOT_FOUND, "The metrics are at /metrics.\n", has_body=has_body)
        collected = Collected(await self._scrapes.answer())
        if _OPENMETRICS in headers.get("Accept", ""):
            text = openmetrics.generate_latest(collected)  # type: ignore[no-untyped-call]
            content_type = openmetrics.CONTENT_TYPE_LATEST
        else:
            text, content_type = generate_latest(collected), CONTENT_TYPE_PLAIN_0_0_4
        return _response(HTTPStatus.OK, text.decode(), content_type, has_body=has_body)


async def _request(connection: socket.socket) -> bytes:
    """Read until the headers end, or until the request is too long."""
    received = bytearray()
    while _END not in received and len(received) < LONGEST_REQUEST:
        part = await asyncio.get_running_loop().sock_recv(connection, 4_096)
        if not part:
            raise ConnectionError
        received += part
    return bytes(received)


def _response(status: HTTPStatus, text: str = "", content_type: str = _TEXT, *, has_body: bool = True) -> bytes:
    body = (text or f"{status.phrase}\n").encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        f"Content-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + (body if has_body else b"")
