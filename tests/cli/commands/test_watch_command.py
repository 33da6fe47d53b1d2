"""`gjobs watch`: a line for each change of a job's status, until it has seen enough."""

import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import pytest

from tests.cli.cli_rows import AUTUMN, BENS, QUEUED, RUNNING
from tests.cli.command_line import GJOBS, PATIENCE, Run, Sql, uri
from tests.conftest import Conninfo
from tui.cli.commands import watch_receivers

pytestmark = pytest.mark.usefixtures("url")


class Watching:
    """The command in a separate process."""

    def __init__(self, *options: str) -> None:
        self.process = Popen(
            [GJOBS, "watch", *options], stdout=PIPE, stderr=PIPE, text=True, env={**os.environ, "TZ": "UTC"}
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out, err


@pytest.fixture
def begin(tmp_path: Path, sql: Sql) -> Iterator[Callable[..., Watching]]:
    """Starts a watch that keeps its place in a file, which is there as soon as the watch has begun."""
    started: list[Watching] = []

    def begin(*options: str) -> Watching:
        place = tmp_path / "place"
        started.append(Watching("--resume", str(place), *options))
        deadline = PATIENCE
        while not place.exists():
            sql("select pg_sleep(0.01)")
            deadline -= 0.01
            assert deadline > 0, started[-1].process.poll()
        return started[-1]

    yield begin
    for one in started:
        one.process.kill()
        one.process.communicate()


def test_watch_prints_transitions_until_its_condition_holds(begin: Callable[..., Watching], sql: Sql) -> None:
    watching = begin("--until", "failed>=1")
    sql("update generation_jobs set status = 'running' where id = %s", QUEUED)
    sql("update generation_jobs set status = 'failed', error = 'API \x1b[2Jtimeout' where id = %s", QUEUED)
    code, out, err = watching.end()
    assert (code, err) == (8, "Condition met: failed>=1.\n")
    lines = [line[len("2026-01-04 12:00:00  ") :] for line in out.splitlines()]
    assert lines == [
        "00000000  queued    → running    lifestyle             $2.00",
        "00000000  running   → failed     lifestyle             $2.00  API ␛[2Jtimeout",
    ]


def test_watch_resumes_where_the_last_watch_ended(begin: Callable[..., Watching], sql: Sql) -> None:
    first = begin("--json")
    sql("update generation_jobs set status = 'running' where id = %s", QUEUED)
    told = json.loads(first.line())
    assert told == {
        "key": told["key"],
        "cursor": told["cursor"],
        "observed": False,
        "at": told["at"],
        "job_id": str(QUEUED),
        "from": "queued",
        "to": "running",
        "mode": "lifestyle",
        "cost_cents": 200,
        "error": None,
        "user_id": told["user_id"],
        "project_id": str(AUTUMN),
    }
    first.process.send_signal(signal.SIGINT)
    assert first.end()[0] == 130
    sql("update generation_jobs set status = 'failed' where id = %s", QUEUED)
    sql("delete from generation_jobs where id = %s", RUNNING)
    code, out, _ = begin("--json", "--until", "deleted=1").end()
    assert code == 8
    steps = [(one["job_id"], one["from"], one["to"]) for one in map(json.loads, out.splitlines())]
    # What was told after the place was last kept may be told again.
    assert steps[-2:] == [(str(QUEUED), "running", "failed"), (str(RUNNING), "running", "deleted")]


def test_watch_ends_when_no_unfinished_job_is_left(begin: Callable[..., Watching], sql: Sql) -> None:
    watching = begin("--until", "left=0", "--filter", "project:'Autumn catalog'")
    sql("update generation_jobs set status = 'succeeded' where id <> %s", BENS)
    assert watching.end()[0] == 8


def test_watch_ends_at_once_when_no_unfinished_job_is_left(gjobs: Run, sql: Sql) -> None:
    sql("update generation_jobs set status = 'succeeded'")
    done = gjobs("watch", "--until", "left=0")
    assert (done.code, done.out) == (8, "")


def test_watch_without_stored_events_reports_what_it_misses(gjobs: Run, attached_database: Conninfo) -> None:
    done = gjobs("--database-url", uri(attached_database), "watch", "--filter", "mode:of-no-job", "--until", "left=0")
    assert done.code == 8
    assert done.err.splitlines()[0] == (
        "The watch misses changes that are undone between two polls. This database does not record job events."
        " Run 'gjobs migrate up' to add events (revision 0005)."
    )


def test_watch_exec_passes_each_transition_to_a_program(
    begin: Callable[..., Watching], sql: Sql, tmp_path: Path
) -> None:
    script = tmp_path / "note.py"
    script.write_text("import sys\nopen(sys.argv[1], 'a').write(sys.stdin.read())\n", encoding="utf-8")
    command = f"{sys.executable} {script} {tmp_path / 'noted'}"
    watching = begin("--exec", command, "--until", "finished=1")
    sql("update generation_jobs set status = 'succeeded' where id = %s", RUNNING)
    assert watching.end()[0] == 8
    (noted,) = (tmp_path / "noted").read_text(encoding="utf-8").splitlines()
    assert json.loads(noted)["to"] == "succeeded"


HOOKS = "hooks.example.com"


@pytest.fixture
def sigterm_handled() -> Iterator[list[int]]:
    """Takes the place of what would end the tests' process."""
    came: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: came.append(number))
    yield came
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def address_of(sigterm_handled: list[int]) -> Iterator[Callable[[str], tuple[str, int]]]:
    """The address of a web server to which a delivery stays in a state."""
    with ExitStack() as cleanup:

        def address(state: str) -> tuple[str, int]:
            server = cleanup.enter_context(socket.create_server(("127.0.0.1", 0), backlog=state != "connecting"))
            if state == "connecting":
                for _ in range(3):
                    filling = cleanup.enter_context(socket.socket())
                    filling.setblocking(False)
                    filling.connect_ex(server.getsockname())
            if state == "backing off":
                server.close()
                return "127.0.0.1", 9
            return "127.0.0.1", server.getsockname()[1]

        yield address


@pytest.mark.parametrize("state", ["delivering", "backing off", "connecting", "looking up"])
def test_watch_ends_soon_after_sigterm_in_each_state_of_a_delivery(
    gjobs: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    address_of: Callable[[str], tuple[str, int]],
    sigterm_handled: list[int],
    state: str,
) -> None:
    monkeypatch.setenv("GJOBS_WEBHOOK_SECRET", "a long random text")
    monkeypatch.setattr(watch_receivers, "FIRST_WAIT", 100.0)
    (tmp_path / "place").write_text("0,0")  # What is recorded already is told at once.
    address, look_up, ended = address_of(state), socket.getaddrinfo, threading.Event()
    sent_at: list[float] = []

    def terminate() -> None:
        time.sleep(0.3)
        sent_at.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGTERM)

    def look_up_or_hang(host: str, *arguments: Any, **options: Any) -> object:
        if host not in (HOOKS, HOOKS.encode()):
            return look_up(host, *arguments, **options)
        threading.Thread(target=terminate).start()
        if state == "looking up":
            ended.wait(PATIENCE)
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up_or_hang)
    done = gjobs("watch", "--resume", str(tmp_path / "place"), "--webhook", f"http://{HOOKS}:{address[1]}/")
    took = time.monotonic() - sent_at[0]
    ended.set()
    assert (sigterm_handled, done.code) == ([signal.SIGTERM], 130)
    assert took < 5
    assert "new       → queued" in done.out
    assert ("could not connect" in done.err) == (state == "backing off")
