"""Users come and go, and die; the server stays up for those that are left, and not for longer."""

import os
import signal
import time

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from store.embedded import clients
from store.embedded.clients import try_lock
from tests.embedded.support import Workbench, kill_all, query, wait_for, watchdogs


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_first_user_dies_and_the_second_is_still_served(bench: Workbench, number: signal.Signals) -> None:
    first = bench.user()
    pid = first.server_pid()
    with bench.open() as lease, psycopg.connect(make_conninfo(**lease.conninfo)) as connection:
        first.kill(number)
        wait_for("its seat", lambda: clients.processes(bench.layout.seats) == {os.getpid()})
        assert connection.execute("select 1").fetchone() == (1,)
        assert query(lease, "select 1") == 1
        assert bench.postmaster_pid == pid
    bench.wait_until_stopped()


def test_it_stops_after_a_last_user_that_was_killed(bench: Workbench) -> None:
    user = bench.user()
    user.server_pid()
    user.kill()
    bench.wait_until_stopped()
    assert bench.postmaster_pid is None


def test_ctrl_c_in_the_terminal_reaches_the_user_and_not_the_server(bench: Workbench) -> None:
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


def test_the_server_outlives_its_starter_without_its_files(bench: Workbench) -> None:
    """The starter's output ends with it, which it would not if a process that it started had it too."""
    user = bench.user()
    user.server_pid()
    with bench.open():
        user.kill()
        assert user.process.stdout is not None
        assert user.process.stdout.read() == ""
        assert bench.postmaster_pid is not None


def test_it_stops_after_the_grace_and_not_before(bench: Workbench) -> None:
    lease = bench.open(grace=0.7)
    left = time.monotonic()
    lease.release()
    bench.wait_until_stopped()
    assert time.monotonic() - left >= 0.7


def test_a_visit_within_the_grace_begins_it_anew(bench: Workbench) -> None:
    bench.open(grace=0.7).release()
    visited = time.monotonic()
    bench.open().release()
    bench.wait_until_stopped()
    assert time.monotonic() - visited >= 0.7


def test_within_the_grace_the_next_user_finds_the_server_running(bench: Workbench) -> None:
    bench.open(grace=60.0).release()
    pid = bench.postmaster_pid
    assert pid is not None
    with bench.open():
        assert bench.postmaster_pid == pid


def test_leases_of_one_process_count_one_by_one(bench: Workbench) -> None:
    first, second = bench.open(), bench.open()
    first.release()
    first.release()
    assert query(second, "select 1") == 1
    assert clients.processes(bench.layout.seats) == {os.getpid()}


def test_a_watchdog_that_died_is_replaced_by_the_next_user(bench: Workbench) -> None:
    with bench.open():
        kill_all(watchdogs(bench.data_dir))
        wait_for("its end", lambda: not bench.is_watched)
        with bench.open():
            assert len(watchdogs(bench.data_dir)) == 1
    bench.wait_until_stopped()


def test_only_one_process_prepares_at_a_time(bench: Workbench) -> None:
    with bench.open() as lease, bench.open() as other:
        with lease.preparing():
            assert try_lock(bench.layout.prepare_lock) is None
        with other.preparing():
            assert other.needs_sample
            other.sample_filled()
        assert not lease.needs_sample


def test_a_throw_away_server_takes_its_directory_along(empty_bench: Workbench) -> None:
    empty_bench.open(remove_after=True).release()
    empty_bench.wait_until_stopped()
    assert not empty_bench.data_dir.exists()


def test_a_directory_that_was_there_before_is_not_removed(empty_bench: Workbench) -> None:
    empty_bench.data_dir.mkdir()
    empty_bench.open(remove_after=True).release()
    empty_bench.wait_until_stopped()
    assert empty_bench.data_dir.exists()
