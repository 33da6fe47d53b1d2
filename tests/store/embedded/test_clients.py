"""The server runs as long as a process uses it, even if other users are killed."""

import os
import signal
import time

import psycopg

from gjobs.store.embedded import server_files
from gjobs.store.embedded.server_files import try_lock
from tests.store.embedded.embedded_servers import Workbench, kill_all, query, wait_for, watchdogs


def test_server_runs_until_its_last_user_is_killed(bench: Workbench) -> None:
    """Neither the server nor the watchdog keeps the output of the first user open."""
    first, second = bench.user(), bench.user()
    pid, uri = first.server_pid(), second.receive("uri")
    with psycopg.connect(uri) as connection:
        first.kill(signal.SIGTERM)
        assert first.process.stdout is not None
        assert first.process.stdout.read() == ""
        locks = bench.layout.client_locks
        wait_for("the client lock", lambda: server_files.client_processes(locks) == {second.process.pid})
        assert connection.execute("select 1").fetchone() == (1,)
    psycopg.connect(uri).close()
    assert bench.postmaster_pid == pid
    second.kill(signal.SIGKILL)
    bench.wait_until_stopped()
    assert bench.postmaster_pid is None


def test_ctrl_c_in_the_terminal_stops_the_user_and_not_the_server(bench: Workbench) -> None:
    controller, terminal = os.openpty()
    try:
        user = bench.user(terminal=os.ttyname(terminal), start_new_session=True)
        pid = user.server_pid()
        with bench.open() as lease:
            os.write(controller, b"\x03")
            assert user.process.wait() != 0
            assert query(lease, "select 1") == 1
            assert bench.postmaster_pid == pid
            assert bench.is_watched
    finally:
        os.close(controller)
        os.close(terminal)


def test_server_runs_for_the_next_user_until_the_longest_grace_period_has_passed(bench: Workbench) -> None:
    found: set[int | None] = set()
    for grace in (0.5, 0.1):
        lease = bench.open(grace=grace)
        found.add(bench.postmaster_pid)
        released_at = time.monotonic()
        lease.release()
    bench.wait_until_stopped()
    assert time.monotonic() - released_at >= 0.5
    assert len(found) == 1


def test_next_user_replaces_a_watchdog_that_died(bench: Workbench) -> None:
    with bench.open():
        kill_all(watchdogs(bench.data_dir))
        wait_for("the watchdog's end", lambda: not bench.is_watched)
        with bench.open():
            assert len(watchdogs(bench.data_dir)) == 1
    bench.wait_until_stopped()


def test_handles_of_one_process_prepare_one_after_the_other_and_are_released_separately(bench: Workbench) -> None:
    first, second = bench.open(), bench.open()
    with first.preparing():
        assert try_lock(bench.layout.prepare_lock) is None
    with second.preparing():
        assert second.needs_sample
        second.sample_filled()
    assert not first.needs_sample

    first.release()
    first.release()
    assert query(second, "select 1") == 1
    assert server_files.client_processes(bench.layout.client_locks) == {os.getpid()}


def test_temporary_server_keeps_a_directory_that_existed_before(bench: Workbench) -> None:
    bench.open(remove_after=True).release()
    bench.wait_until_stopped()
    assert bench.data_dir.exists()
