"""The loop of a watch, the conditions that end it, and the receivers of transitions."""

import asyncio
import hashlib
import hmac
import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gjobs.store.errors import InvalidValue, NoPrivilege, StoreError, Unreachable
from gjobs.store.filters.filter_terms import NO_FILTER
from gjobs.store.jobs.job import AnyStatus, JobStatus, UnknownStatus
from gjobs.store.store import Store
from gjobs.store.watch.watch import Cursor, Transition, TransitionBatch
from gjobs.tui.cli.commands import watch_loop
from gjobs.tui.cli.commands.watch_loop import (
    COUNTED,
    Condition,
    CountedEvent,
    Program,
    ResumeFile,
    StopCondition,
    Watcher,
    Webhook,
    document,
    parse,
    webhook_secret,
    webhook_url,
)
from gjobs.tui.cli.output import UsageError
from tests.cli.cli_rows import TRANSITION
from tests.cli.command_line import PATIENCE
from tests.store.store_fixtures import until

MET = parse("left=0")
IDLE = Store.connect("postgresql://")


class FailingCondition(StopCondition):
    """A condition that raises the errors one after the other, and then holds."""

    def __init__(self, *errors: StoreError) -> None:
        super().__init__(IDLE, NO_FILTER, [MET])
        self._errors = list(errors)

    async def now(self) -> Condition | None:
        if self._errors:
            raise self._errors.pop(0)
        return MET


async def test_watcher_retries_after_a_lost_connection(capsys: pytest.CaptureFixture[str]) -> None:
    watcher = Watcher(WatchedServer().read, [], FailingCondition(Unreachable("No answer.")), interval=0.001)
    assert await watcher.run() == MET
    assert capsys.readouterr().err == (
        "No answer. Trying again. No change is reported twice.\nThe database answers again.\n"
    )


async def test_watcher_ends_with_an_error_that_a_retry_cannot_fix() -> None:
    with pytest.raises(NoPrivilege):
        await Watcher(WatchedServer().read, [], FailingCondition(NoPrivilege("Not permitted.")), interval=0.001).run()


class WatchedServer:
    """A watch on a server that may be down."""

    def __init__(self, *, is_up: bool = True, changes: Sequence[Transition] = ()) -> None:
        self.is_up = is_up
        self._changes = tuple(changes)

    async def read(self) -> TransitionBatch:
        if not self.is_up:
            raise Unreachable("No answer.")
        return TransitionBatch(transitions=self._changes, cursor=self._changes[-1].cursor if self._changes else None)

    async def restart(self) -> bool:
        self.is_up = True
        return True


async def test_watcher_restarts_an_embedded_server_that_died(capsys: pytest.CaptureFixture[str]) -> None:
    watch = WatchedServer(is_up=False)
    watcher = Watcher(watch.read, [], FailingCondition(), interval=3600, restart_if_dead=watch.restart)
    assert await watcher.run() == MET
    assert capsys.readouterr().err.endswith("The database answers again.\n")


@pytest.mark.parametrize("condition", ["left=0", f"{TRANSITION.to_status}>0"])
async def test_position_is_saved_while_the_event_loop_runs(condition: str) -> None:
    """Saving waits for the disk. Meanwhile, programs and webhooks must not be delayed."""
    saved: list[Cursor] = []
    loop_ran = threading.Event()

    def keep(cursor: Cursor) -> None:
        running.call_soon_threadsafe(loop_ran.set)
        assert loop_ran.wait(5), "saving blocks the event loop"
        saved.append(cursor)

    running = asyncio.get_running_loop()
    until = FailingCondition() if condition == "left=0" else StopCondition(IDLE, NO_FILTER, [parse(condition)])
    await Watcher(WatchedServer(changes=[TRANSITION]).read, [], until, interval=0.001, keep=keep).run()
    assert saved == [TRANSITION.cursor]


async def test_watch_ends_if_its_position_cannot_be_saved(tmp_path: Path) -> None:
    keep = ResumeFile(tmp_path / "missing" / "place").keep
    watcher = Watcher(WatchedServer(changes=[TRANSITION]).read, [], FailingCondition(), interval=0.001, keep=keep)
    with pytest.raises(UsageError, match="cannot be written"):
        await watcher.run()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("failed>5", (JobStatus.FAILED, ">", 5)),
        (" Finished >= 100 ", (CountedEvent.FINISHED, ">=", 100)),
        ("left=0", (CountedEvent.LEFT, "=", 0)),
        ("left<3", (CountedEvent.LEFT, "<", 3)),
        ("cancelled>=2", (UnknownStatus("cancelled"), ">=", 2)),
        ('"faild">1', (UnknownStatus("faild"), ">", 1)),
    ],
)
def test_condition_is_parsed_from_text(text: str, expected: tuple[CountedEvent | AnyStatus, str, int]) -> None:
    parsed = parse(text)
    assert (parsed.counted, parsed.operator, parsed.number) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("failed", "'failed' is not a condition."),
        ("failed>-1", "'failed>-1' is not a condition."),
        ("faild>5", "'faild' is not known. Did you mean 'failed'?"),
        ("failed<5", "failed<5 is true at once. The watch counts changes to failed, and starts at 0."),
        (
            "failed>=0",
            "failed>=0 is true at once. The watch counts changes to failed, and starts at 0.",
        ),
    ],
)
def test_invalid_condition_is_explained(text: str, message: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        parse(text)
    assert str(caught.value) == message
    assert caught.value.hint


CONDITIONS = st.builds(
    Condition,
    counted=st.sampled_from(list(COUNTED.values())),
    operator=st.sampled_from((">", ">=", "=")),
    number=st.integers(1, 10**9 - 1),
)


@given(CONDITIONS)
def test_printed_condition_can_be_parsed_again(condition: Condition) -> None:
    assert parse(str(condition)) == condition


CANCELLED = UnknownStatus("cancelled")
STATUSES = st.sampled_from([*JobStatus, CANCELLED, UnknownStatus("deleted"), None])


@given(st.lists(STATUSES, max_size=30), st.integers(1, 10))
def test_transitions_count_for_each_condition(statuses: list[AnyStatus | None], number: int) -> None:
    def met(text: str) -> bool:
        until = StopCondition(IDLE, NO_FILTER, [parse(text)])
        found = [until.reported(replace(TRANSITION, to_status=status)) for status in statuses]
        return bool(found) and found[-1] is not None

    finished = statuses.count(JobStatus.SUCCEEDED) + statuses.count(JobStatus.FAILED)
    assert met(f"failed>={number}") is (statuses.count(JobStatus.FAILED) >= number)
    assert met(f"finished>{number}") is (finished > number)
    assert met(f"deleted={number}") is (statuses.count(None) == number)
    assert met(f"cancelled={number}") is (statuses.count(CANCELLED) == number)
    assert not met(f"left<{number}")


SECRET = b"a long random text \xff"

HOSTILE = "$(touch owned); `touch owned` \x1b[2J' \" \n"

HOSTILE_TRANSITION = replace(TRANSITION, mode=HOSTILE, error=HOSTILE)


def python(code: str, *arguments: Path) -> str:
    """Return a command line that runs the code."""
    return " ".join(f"'{word}'" for word in (sys.executable, "-c", code, *map(str, arguments)))


class TestProgram:
    async def test_program_receives_the_transition_and_its_failure_is_reported(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        code = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(sys.stdin.read() + str(len(sys.argv)))"
        await Program(python(code, tmp_path / "received")).report(HOSTILE_TRANSITION)
        received, arguments = (tmp_path / "received").read_text().splitlines()
        assert json.loads(received) == document(HOSTILE_TRANSITION)
        assert arguments == "2"

        await Program(python("import sys; sys.stdin.close(); sys.exit(3)")).report(HOSTILE_TRANSITION)
        assert capsys.readouterr().err == f"{sys.executable} exited with 3 for the job {HOSTILE_TRANSITION.job_id}.\n"

    @pytest.mark.parametrize("sigterm", ["SIG_DFL", "SIG_IGN"])
    async def test_canceled_watch_ends_programs(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sigterm: str
    ) -> None:
        monkeypatch.setattr(watch_loop, "PROGRAM_GRACE", 0.1 if sigterm == "SIG_IGN" else PATIENCE)
        code = (
            f"import pathlib, signal, sys, time; signal.signal(signal.SIGTERM, signal.{sigterm});"
            "pathlib.Path(sys.argv[1]).touch(); time.sleep(600)"
        )
        running = asyncio.create_task(Program(python(code, tmp_path / "started")).report(HOSTILE_TRANSITION))
        await until((tmp_path / "started").exists)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(running, PATIENCE / 2)

    @pytest.mark.parametrize(
        ("text", "message"), [("echo done\n", "Exec format error"), ("#!/no/such/shell\n", "No such file or directory")]
    )
    async def test_program_that_does_not_start_is_reported(self, tmp_path: Path, text: str, message: str) -> None:
        script = tmp_path / "note"
        script.write_text(text, encoding="utf-8")
        script.chmod(0o755)
        with pytest.raises(UsageError, match=f"note cannot be started: {message}"):
            await Program(str(script)).report(HOSTILE_TRANSITION)

    @pytest.mark.parametrize("command", ["no-such-program-anywhere", "''", "echo 'never closed"])
    def test_program_that_cannot_run_is_rejected_in_advance(self, command: str) -> None:
        with pytest.raises(UsageError):
            Program(command)


class Server(ThreadingHTTPServer):
    """A web server that answers with each of its codes in turn, and then always with the last."""

    def __init__(self, *codes: int) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.codes = list(codes)
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.is_slow = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook?token=secret"


class Answer(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((dict(self.headers), body))
        with suppress(ConnectionError):
            if self.server.is_slow:
                self.wfile.write(b"HTTP/1.1 204 No Content\r\nSlow: ")
            while self.server.is_slow:
                self.wfile.write(b"x")
                time.sleep(0.02)
            self.send_response(self.server.codes.pop(0) if len(self.server.codes) > 1 else self.server.codes[0])
            self.send_header("Location", "/elsewhere")
            self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(204) as made:
        Thread(target=made.serve_forever, args=[0.01], daemon=True).start()
        yield made
        made.shutdown()


@pytest.fixture(autouse=True)
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_loop, "FIRST_WAIT", 0.0)


async def post(url: str, times: int = 1) -> None:
    async with httpx.AsyncClient(timeout=PATIENCE) as client:
        receiver = Webhook(client, url, SECRET, clock=lambda: 1_700_000_000.9)
        for _ in range(times):
            await receiver.report(HOSTILE_TRANSITION)


async def first_message(capsys: pytest.CaptureFixture[str]) -> str:
    messages: list[str] = []

    def is_said() -> bool:
        messages.append(capsys.readouterr().err)
        return bool(messages[-1])

    await until(is_said)
    return messages[-1]


class TestWebhook:
    async def test_webhook_posts_the_signed_transition(self, server: Server) -> None:
        await post(server.url)
        ((headers, body),) = server.received
        assert json.loads(body) == document(HOSTILE_TRANSITION)
        assert headers["Content-Type"] == "application/json"
        assert headers["Idempotency-Key"] == f"{HOSTILE_TRANSITION.job_id}-12"
        proof = hmac.new(SECRET, b"1700000000." + body, hashlib.sha256).hexdigest()
        assert headers["Gjobs-Signature"] == f"t=1700000000,v1={proof}"

    @pytest.mark.parametrize("refusal", [500, 404, 302, 429])
    async def test_rejected_webhook_is_sent_again_with_the_same_idempotency_key(
        self, server: Server, capsys: pytest.CaptureFixture[str], refusal: int
    ) -> None:
        server.codes = [refusal, refusal, 200]
        await post(server.url)
        assert len(server.received) == 3
        assert len({(headers["Idempotency-Key"], body) for headers, body in server.received}) == 1
        assert capsys.readouterr().err == (
            f"127.0.0.1 did not accept the webhook: it answered {refusal}. Trying again until it does.\n"
            "127.0.0.1 accepted the webhook after 3 attempts.\n"
        )

    async def test_answer_that_arrives_byte_by_byte_has_one_deadline(
        self, server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(watch_loop, "ANSWER_TIME", 0.3)
        server.is_slow = True
        posting = asyncio.create_task(post(server.url))
        refused = await first_message(capsys)
        server.is_slow = False
        await asyncio.wait_for(posting, PATIENCE)
        assert refused.startswith("127.0.0.1 did not accept the webhook: no answer within 0.3 s.")

    async def test_status_410_ends_the_deliveries(self, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
        server.codes = [500, 410]
        await asyncio.wait_for(post(server.url, times=3), PATIENCE)
        assert len(server.received) == 2
        assert capsys.readouterr().err.splitlines()[1:] == [
            "127.0.0.1 answered 410 Gone. Nothing more is sent to it. The watch continues."
        ]

    async def test_unreachable_webhook_is_retried_without_its_url(self, capsys: pytest.CaptureFixture[str]) -> None:
        with Server(200) as gone:
            url = gone.url
        posting = asyncio.create_task(post(url))
        refused = await first_message(capsys)
        posting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await posting
        assert refused.startswith("127.0.0.1 did not accept the webhook: could not connect. Trying again")

    def test_webhook_needs_a_valid_url_and_a_secret_of_any_bytes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for text in (
            *("hooks.example.com", "ftp://example.com", "https://", "http://[::1", "https://example.com:port/"),
            *("https://example.com:99999/", "https://example.com/a\x7fb"),
        ):
            with pytest.raises(UsageError, match="--webhook needs an http"):
                webhook_url(text)

        for secret in (None, "", " "):
            monkeypatch.delenv("GJOBS_WEBHOOK_SECRET", raising=False)
            if secret is not None:
                monkeypatch.setenv("GJOBS_WEBHOOK_SECRET", secret)
            with pytest.raises(UsageError, match="no secret is set"):
                webhook_secret()

        monkeypatch.setenv("GJOBS_WEBHOOK_SECRET", os.fsdecode(SECRET))
        assert webhook_secret() == SECRET
