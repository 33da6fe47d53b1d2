"""`gjobs metrics` and `gjobs stats --by mode`."""

import asyncio
import re
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from urllib.request import Request, urlopen

import pytest
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from gjobs.store.errors import Unreachable
from gjobs.tui.cli.commands import metrics as metrics_command
from gjobs.tui.cli.commands.metrics import LONGEST_REQUEST, Scrapes, ScrapeServer, labels
from tests.cli.cli_rows import AUTUMN, QUEUED
from tests.cli.command_line import PATIENCE, PipedCommand, Run, Sql

HOSTILE, CLEAN = 'a"b\\c\nd\u202ee', 'a"b\\c⏎d␦e'


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Return the values by name and label values, parsed as a monitoring system does."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
        for sample in family.samples
    }


def test_metrics_prints_valid_openmetrics(gjobs: Run, sql: Sql) -> None:
    sql("update generation_jobs set mode = %s where id = %s", HOSTILE, QUEUED)
    sql("update generation_jobs set status = 'running' where status = 'queued' and id <> %s", QUEUED)
    sql("update generation_jobs set status = 'failed', cost_cents = 7 where status = 'running'")
    done = gjobs("metrics")
    assert (done.code, done.err) == (0, "")
    read = samples(done.out)
    assert read["gjobs_jobs", "queued"] == 1
    assert read["gjobs_jobs", "running"] == 0
    assert read["gjobs_cost_cents", "succeeded"] == 250
    assert read["gjobs_queued_jobs", CLEAN] == 1
    assert read["gjobs_oldest_queued_seconds", CLEAN] > 0
    assert read["gjobs_failure_ratio", "packaging", "86400"] == 1
    assert read["gjobs_finished_jobs", "packaging", "failed", "86400"] == 1
    assert read["gjobs_total_seconds", "packaging", "0.5", "86400"] > 0


@pytest.mark.usefixtures("url")
def test_metrics_serves_on_loopback_until_it_is_stopped() -> None:
    with closing(PipedCommand("metrics", "--serve", "0")) as serving:
        announcement = serving.err.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+/metrics", announcement)
        assert address, announcement
        request = Request(address[0], headers={"Accept": "application/openmetrics-text; version=1.0.0"})  # noqa: S310
        with urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
            read = samples(answer.read().decode())
        assert read["gjobs_up",] == 1
        assert read["gjobs_jobs", "queued"] == 2
        serving.send_signal(signal.SIGINT)
        assert serving.wait(PATIENCE) == 130


@pytest.mark.usefixtures("url")
def test_metrics_reports_a_port_that_is_in_use(gjobs: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = gjobs("metrics", "--serve", str(port))
    assert done.code == 2
    assert done.err.startswith(f"Can't listen on port {port}: ")


class Reads:
    def __init__(self) -> None:
        self.number = 0
        self.error: Exception | None = None

    async def __call__(self) -> list[Metric]:
        self.number += 1
        await asyncio.sleep(0)
        if self.error:
            raise self.error
        return [GaugeMetricFamily("number", "", value=self.number)]


def values(metrics: list[Metric]) -> list[float]:
    return [sample.value for metric in metrics for sample in metric.samples]


async def test_concurrent_scrapes_share_one_read() -> None:
    reads = Reads()
    scrape_results = Scrapes(reads)
    answers = await asyncio.gather(*(scrape_results.answer() for _ in range(5)))
    assert [values(answer) for answer in answers] == [[1, 1]] * 5
    assert reads.number == 1


async def test_scrape_of_an_unreachable_database_returns_up_0(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(metrics_command, "FRESH", -1.0)
    reads = Reads()
    scrape_results = Scrapes(reads)
    reads.error = Unreachable("No answer.")
    assert [values(await scrape_results.answer()) for _ in range(2)] == [[0], [0]]
    reads.error = None
    assert values(await scrape_results.answer()) == [1, 3]
    assert capsys.readouterr().err == (
        "No answer. Until the database answers, the result is gjobs_up 0.\nThe database answers again.\n"
    )


def test_labels_are_printable_and_distinct() -> None:
    texts = ["lifestyle", "a\u202eb", "a\u2066b", "a␦b", "\x1b[2J", "\x9b2J", "x" * 3_000_000]
    found = labels(texts)
    assert len(set(found)) == len(texts)
    assert all(label.isprintable() and len(label) < 250 for label in found)
    assert (found[0], found[3], found[4]) == ("lifestyle", "a␦b", "␛[2J")
    assert found == labels(texts[::-1])[::-1], "labels differ between scrapes"


class TestScrapeServer:
    @pytest.fixture
    def reads(self) -> Reads:
        return Reads()

    @pytest.fixture
    async def port(self, reads: Reads, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
        monkeypatch.setattr(metrics_command, "READ_SECONDS", 0.5)
        monkeypatch.setattr(metrics_command, "MOST_CONNECTIONS", 4)
        with metrics_command.listen(0) as listener:
            serving = asyncio.create_task(ScrapeServer(Scrapes(reads)).serve(listener))
            yield listener.getsockname()[1]
            serving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await serving

    async def test_metrics_are_served_at_two_paths_and_at_any_port_of_a_tunnel(self, port: int) -> None:
        head = "HTTP/1.1\r\nHost: localhost\r\n\r\n"
        for target in ("/", "/metrics", "/metrics?job=gjobs", "http://localhost:9108/metrics"):
            assert (await scrape(port, f"GET {target} {head}")).startswith("HTTP/1.1 200 OK\r\n"), target
        elsewhere = await scrape(port, f"GET /metricsx {head}")
        assert elsewhere.startswith("HTTP/1.1 404 Not Found\r\n")
        assert elsewhere.endswith("\r\n\r\nThe metrics are at /metrics.\n")
        assert (await scrape(port, f"HEAD /metricsx {head}")).endswith("\r\n\r\n")

        for host in ("127.0.0.1:9108", "localhost", "LocalHost:80", "[::1]:1"):
            answer = await scrape(port, f"GET /metrics HTTP/1.1\r\nHost: {host}\r\n\r\n")
            assert answer.startswith("HTTP/1.1 200 OK\r\n"), host
            assert answer.endswith("number 1.0\n"), host

    async def test_request_that_is_not_a_scrape_is_refused(self, port: int) -> None:
        for request_head, status in (
            ("GET / HTTP/1.1\r\nHost: rebound.example.com:9108\r\n", 403),
            ("GET / HTTP/1.1\r\nHost: 127.0.0.1@rebound.example.com\r\n", 403),
            ("GET / HTTP/1.1\r\nHost: localhost\r\nHost: rebound.example.com\r\n", 403),
            ("GET / HTTP/1.1\r\nHost: [::1\r\n", 403),
            ("GET / HTTP/1.1\r\nHost: me@localhost\r\n", 403),
            ("GET / HTTP/1.1\r\nHost: localhost:http\r\n", 403),
            ("GET / HTTP/1.1\r\nHost: localhost/.example.com\r\n", 403),
            ("GET / HTTP/1.1\r\nHost: localhost:80.example.com\r\n", 403),
            ("GET / HTTP/1.1\r\n", 403),
            ("POST / HTTP/1.1\r\nHost: localhost\r\n", 405),
            ("GET /healthz HTTP/1.1\r\nHost: localhost\r\n", 404),
            ("GET /metrics/ HTTP/1.1\r\nHost: localhost\r\n", 404),
            ("GET //metrics HTTP/1.1\r\nHost: localhost\r\n", 404),
            ("GET http://localhost/favicon.ico HTTP/1.1\r\nHost: localhost\r\n", 404),
            ("GET / HTTP/1.1\r\nHost: localhost\r\n" + "X: y\r\n" * 500, 400),
            ("GET / HTTP/1.1\r\nHost: localhost\r\nX: ".ljust(LONGEST_REQUEST - 2, "y"), 431),
            ("\xff\x00\r\n\r\n", 403),
        ):
            assert (await scrape(port, f"{request_head}\r\n")).startswith(f"HTTP/1.1 {status} "), request_head[:80]

    async def test_server_goes_on_after_an_unexpected_error(
        self, port: int, reads: Reads, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(metrics_command, "FRESH", -1.0)
        request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
        for fault in (KeyError("postgres://me:secret@db"), OSError("postgres://me:secret@db")):
            reads.error = fault
            for _ in range(2):
                assert (await scrape(port, request)).startswith("HTTP/1.1 500 Internal Server Error\r\n")
            reads.error = None
            assert (await scrape(port, request)).startswith("HTTP/1.1 200 OK\r\n")
            name = type(fault).__name__
            assert capsys.readouterr().err == (
                f"A scrape failed with an internal error: {name}. gjobs answered 500 and keeps serving.\n"
            )

    async def test_idle_connections_are_closed_and_all_scrapes_are_answered(self, port: int) -> None:
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(10)]
        slow = asyncio.create_task(trickle(port))
        scrapes = [scrape(port, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n") for _ in range(200)]
        answers = await asyncio.wait_for(asyncio.gather(*scrapes), PATIENCE)
        assert all(answer.startswith("HTTP/1.1 200 OK\r\n") for answer in answers)
        for reader, writer in idle:
            assert await asyncio.wait_for(reader.read(), PATIENCE) == b""
            writer.close()
        await asyncio.wait_for(slow, PATIENCE)


async def scrape(port: int, request: str) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request.encode("latin-1"))
    answer = await reader.read()
    writer.close()
    return answer.decode()


async def trickle(port: int) -> None:
    """Send a byte now and then until the server closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with suppress(ConnectionError):
        while not reader.at_eof():
            writer.write(b"x")
            await writer.drain()
            with suppress(TimeoutError):
                await asyncio.wait_for(reader.read(1), 0.1)
    writer.close()


def test_stats_by_mode_reports_timings_and_failures(gjobs: Run, sql: Sql) -> None:
    sql("update generation_jobs set status = 'failed' where status = 'running'")
    found = gjobs("stats", "--by", "mode", "--window", "7d", "--project", str(AUTUMN), "--json").document
    assert (found["window_seconds"], found["capped"]) == (604_800.0, False)
    assert found["all"]["failed"] == 1
    assert found["all"]["queued"] == 1
    packaging = next(work for work in found["by_mode"] if work["mode"] == "packaging")
    assert (packaging["failed"], packaging["failure_rate"]) == (1, 1.0)
    shown = gjobs("stats", "--by", "mode").out.splitlines()
    titles = "MODE DONE FAILED WAIT 50 % 95 % RUN 50 % 95 % OLDEST QUEUED"
    assert " ".join(shown[0].split()) == titles
    assert shown[-1].startswith("Finished in the last 24 h: 1 job, ")
