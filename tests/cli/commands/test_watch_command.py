"""`gjobs watch` prints each change of a job's status until its condition is met."""

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
from typing import Any

import pytest

from gjobs.store.database.connection_url import without_password
from gjobs.tui.cli.commands import watch_loop
from tests.cli.cli_rows import AUTUMN, BENS_JOB, QUEUED, RUNNING
from tests.cli.command_line import PATIENCE, PipedCommand, Run, Sql, uri
from tests.conftest import Conninfo
from tests.hosted.server_directory import until

pytestmark = pytest.mark.usefixtures("url")


Begin = Callable[..., PipedCommand]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Start a watch with a resume file, and wait for that file, which shows that the watch has begun."""
    with ExitStack() as cleanup:

        def begin(*options: str) -> PipedCommand:
            place = tmp_path / "place"
            watch = PipedCommand("watch", "--resume", str(place), *options)
            cleanup.callback(watch.close)
            until(place.exists)
            return watch

        yield begin


def test_watch_prints_transitions_until_its_condition_holds(begin: Begin, sql: Sql) -> None:
    watching = begin("--until", "failed>=1")
    sql("update generation_jobs set status = 'running' where id = %s", QUEUED)
    sql("update generation_jobs set status = 'failed', error = 'API \x1b[2Jtimeout' where id = %s", QUEUED)
    ended = watching.end()
    assert (ended.code, ended.err) == (8, "Condition met: failed>=1.\n")
    lines = [line[len("2026-01-04 12:00:00  ") :] for line in ended.out.splitlines()]
    assert lines == [
        "00000000  queued    → running    lifestyle             $2.00",
        "00000000  running   → failed     lifestyle             $2.00  API ␛[2Jtimeout",
    ]


def test_watch_resumes_where_the_last_watch_ended(begin: Begin, sql: Sql) -> None:
    first = begin("--json")
    sql("update generation_jobs set status = 'running' where id = %s", QUEUED)
    change = json.loads(first.out.readline())
    assert change == {
        "key": change["key"],
        "cursor": change["cursor"],
        "observed": False,
        "at": change["at"],
        "job_id": str(QUEUED),
        "from": "queued",
        "to": "running",
        "mode": "lifestyle",
        "cost_cents": 200,
        "error": None,
        "user_id": change["user_id"],
        "project_id": str(AUTUMN),
    }
    first.send_signal(signal.SIGINT)
    assert first.end().code == 130
    sql("update generation_jobs set status = 'failed' where id = %s", QUEUED)
    sql("delete from generation_jobs where id = %s", RUNNING)
    second = begin("--json", "--until", "deleted=1").end()
    assert second.code == 8
    steps = [(one["job_id"], one["from"], one["to"]) for one in map(json.loads, second.out.splitlines())]
    # Changes after the last save of the resume file may be reported twice.
    assert steps[-2:] == [(str(QUEUED), "running", "failed"), (str(RUNNING), "running", "deleted")]


def test_watch_ends_when_no_unfinished_job_is_left(begin: Begin, gjobs: Run, sql: Sql) -> None:
    watching = begin("--until", "left=0", "--filter", "project:'Autumn catalog'")
    sql("update generation_jobs set status = 'succeeded' where id <> %s", BENS_JOB)
    assert watching.end().code == 8

    sql("update generation_jobs set status = 'succeeded'")
    done = gjobs("watch", "--until", "left=0")
    assert (done.code, done.out) == (8, "")


def test_watch_without_stored_events_says_that_it_misses_changes(gjobs: Run, attached_database: Conninfo) -> None:
    address = uri(attached_database)
    done = gjobs("--database-url", address, "watch", "--filter", "mode:of-no-job", "--until", "left=0")
    assert done.code == 8
    assert done.err.splitlines()[0] == (
        "The watch misses changes that are undone between two polls."
        " This database lacks what gjobs adds: events, workers, budgets, and the archive."
        f" Run 'gjobs migrate up --database-url \"{without_password(address)}\" --write REASON' to add it."
    )


def test_watch_exec_passes_each_transition_to_a_program(begin: Begin, sql: Sql, tmp_path: Path) -> None:
    script = tmp_path / "note.py"
    script.write_text("import sys\nopen(sys.argv[1], 'a').write(sys.stdin.read())\n", encoding="utf-8")
    command = f"{sys.executable} {script} {tmp_path / 'written'}"
    watching = begin("--exec", command, "--until", "finished=1")
    sql("update generation_jobs set status = 'succeeded' where id = %s", RUNNING)
    assert watching.end().code == 8
    (written,) = (tmp_path / "written").read_text(encoding="utf-8").splitlines()
    assert json.loads(written)["to"] == "succeeded"


HOOKS = "hooks.example.com"


@pytest.fixture
def sigterm_handled() -> Iterator[list[int]]:
    """Record SIGTERM instead of ending the process of the tests."""
    handled: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: handled.append(number))
    yield handled
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def address_of(sigterm_handled: list[int]) -> Iterator[Callable[[str], tuple[str, int]]]:
    """Return the address of a web server that keeps a delivery in the given state."""
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
    monkeypatch.setattr(watch_loop, "FIRST_WAIT", 100.0)
    (tmp_path / "place").write_text("0,0")  # The watch reports recorded changes at once.
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
