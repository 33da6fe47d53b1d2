"""`gjobs db`, other commands on the embedded database, and restarts of its server."""

import asyncio
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from gjobs.migrations import HEAD
from gjobs.store.database.database import Database
from gjobs.store.embedded.server import open_server, server_status, stop_server
from gjobs.store.errors import NoPrivilege, OutcomeUnknown, SchemaMissing, StoreError, Unreachable
from gjobs.store.journal.write_record import UnconfirmedWrite, WriteRecord
from gjobs.store.store import Store
from gjobs.tui.cli.sessions import ServerRestarts
from gjobs.tui.session import Session
from tests.cli.command_line import OpenTerminal, Run, assert_refused, run_process
from tests.conftest import quick_directory


@pytest.fixture
def data_dir(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The data directory of the commands, which is deleted after the test with its server."""
    directory = Path(tempfile.mkdtemp(prefix="gjobs-cli-", dir=quick_directory()))
    directory.chmod(0o755)
    monkeypatch.setenv("GJOBS_DATA_DIR", str(directory))
    yield directory
    stop_server(directory)
    shutil.rmtree(directory)


def test_db_commands_create_nothing_without_a_cluster(gjobs: Run, data_dir: Path) -> None:
    nothing = {"running": False, "url": None, "data_dir": str(data_dir), "version": None, "pid": None}
    assert gjobs("db", "status", "--json").document == nothing
    stopped = gjobs("db", "stop", "--json")
    assert (stopped.code, stopped.document) == (0, nothing)
    assert "was not running" in stopped.err
    reset = gjobs("db", "reset", "--json")
    assert (reset.code, reset.document) == (0, nothing)
    assert "There is no embedded database" in reset.err
    assert not list(data_dir.iterdir())


def test_any_command_fills_the_embedded_database_which_db_commands_start_report_stop_and_reset(
    open_terminal: OpenTerminal, gjobs: Run, data_dir: Path
) -> None:
    listed = gjobs("jobs", "list", "--limit", "3", "--json")
    assert (listed.code, len(listed.document)) == (0, 3)
    assert "Unpacking Postgres" in listed.err

    ada = {user["email"]: user for user in gjobs("users", "--json").document}["ada@example.com"]
    owners = {job["user_id"] for job in gjobs("jobs", "list", "--json").document}
    assert owners == {ada["id"]}
    assert gjobs("projects", "create", "Winter", "--json").document["user_id"] == ada["id"]
    all_jobs = gjobs("jobs", "list", "--as", "operator", "--json").document
    assert owners < {job["user_id"] for job in all_jobs}

    assert gjobs("migrate", "up", "--json").document["pending"] == []
    refused = gjobs("migrate", "remove", "--yes")
    assert_refused(refused, 1, "would migrate the embedded database again, so nothing was removed", "'gjobs db reset'")
    assert gjobs("migrate", "status", "--json").document["current"] == HEAD

    started = gjobs("db", "start", "--json")
    assert started.code == 0
    assert "until 'gjobs db stop'" in started.err
    status = gjobs("db", "status", "--json").document
    assert status == started.document
    assert (status["running"], status["data_dir"], list(status)) == (
        True,
        str(data_dir),
        ["running", "url", "data_dir", "version", "pid"],
    )
    url = gjobs("db", "url")
    assert url.out == f"{status['url']}\n"
    assert server_status(data_dir).kept
    with psycopg.connect(url.out.strip()) as connection:
        assert connection.execute("select count(*) > 0 from public.generation_jobs").fetchone() == (True,)
    assert "running, kept up" in gjobs("db", "status").out

    terminal = open_terminal("db", "reset")
    terminal.decline(str(data_dir), " projects and ")
    with open_server(data_dir):
        in_use = gjobs("db", "reset", "--yes")
    assert in_use.code == 1
    assert "1 process uses" in in_use.err

    assert gjobs("db", "stop").err == "The embedded server is stopped.\n"
    assert gjobs("db", "status", "--json").document["running"] is False
    assert run_process("db", "reset", stdin="y\n").code == 2
    assert gjobs("db", "reset", "--read-only", "--yes").code == 6
    assert server_status(data_dir).version is not None
    assert gjobs("db", "reset", "--yes").code == 0
    assert server_status(data_dir).version is None


def test_unusable_data_directory_is_explained(gjobs: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GJOBS_DATA_DIR", str(tmp_path / "file"))
    assert_refused(gjobs("jobs", "list"), 3, "GJOBS_DATA_DIR")


def session_with(revive: Callable[[], bool] | None) -> Session:
    store = Store(Database({}))
    return Session(store=store, operator=store, label="embedded", access=store.database.access, revive=revive)


async def test_server_restart_runs_only_once_at_a_time() -> None:
    calls: list[None] = []
    may_end, ended = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def restart() -> bool:
        calls.append(None)
        may_end.wait()
        loop.call_soon_threadsafe(ended.set)
        return True

    restarts = ServerRestarts(session_with(restart).restart_if_dead)
    restarts.after(NoPrivilege("Not permitted."))
    restarts.after(Unreachable("No answer."))
    restarts.after(Unreachable("No answer."))
    may_end.set()
    await ended.wait()
    assert len(calls) == 1


@pytest.mark.parametrize(
    "error",
    [
        Unreachable("No answer."),
        OutcomeUnknown("The connection was lost.", UnconfirmedWrite(written=WriteRecord(what="sign on"))),
    ],
)
async def test_failed_server_restart_raises_no_error(error: StoreError) -> None:
    tried = asyncio.Event()
    loop = asyncio.get_running_loop()

    def restart() -> bool:
        loop.call_soon_threadsafe(tried.set)
        raise SchemaMissing("Its directory is gone.")

    ServerRestarts(session_with(restart).restart_if_dead).after(error)
    await tried.wait()
    assert not await session_with(None).restart_if_dead()
