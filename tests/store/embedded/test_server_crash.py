"""Crashes of all processes, of the postmaster alone, and during a recovery."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from sqlalchemy import text

from gjobs.store.database.database import Database
from gjobs.store.database.query import Query
from gjobs.store.embedded.cluster import _is_postmaster_by_proc, clean_environment, find_binaries, is_postmaster, launch
from gjobs.store.embedded.server import _make_socket_directory, server_status, start_command, stop_server
from gjobs.store.embedded.server_files import DataLayout, ServerHandle, choose_account, connection_info
from gjobs.store.errors import EmbeddedUnavailable, StoreError, Unreachable
from gjobs.store.users.actor import OPERATOR
from tests.store.embedded.embedded_servers import Workbench, kill_all, processes_of, query, wait_for


@pytest.fixture
def unrelated_process() -> Iterator["subprocess.Popen[bytes]"]:
    """A process that ends at any signal, with the arguments of a postmaster of another cluster."""
    with subprocess.Popen(
        [sys.executable, "-c", "input()", "postgres", "-D", "/elsewhere"], stdin=subprocess.PIPE
    ) as process:
        yield process
        assert process.poll() is None
        process.kill()


def test_user_restarts_a_dead_server_with_its_committed_rows_and_not_a_stopped_one(bench: Workbench) -> None:
    with bench.open(settings={}) as lease:
        with psycopg.connect(lease.uri) as connection:
            connection.execute("create table kept as select 42 as value")
        kill_all(processes_of(bench.data_dir))
        assert not server_status(bench.data_dir).running

        assert lease.revive()
        assert query(lease, "select value from kept") == 42
        assert not lease.revive()

        assert stop_server(bench.data_dir)
        assert not lease.revive()
        assert not server_status(bench.data_dir).running


def test_reused_process_id_or_an_empty_pid_file_does_not_prevent_a_start(
    bench: Workbench, unrelated_process: "subprocess.Popen[bytes]"
) -> None:
    bench.open(grace=60.0).release()
    pid_file = bench.layout.cluster / "postmaster.pid"
    socket_lock = Path(pid_file.read_text().splitlines()[4]) / ".s.PGSQL.5432.lock"
    kill_all(processes_of(bench.data_dir))
    for path in (pid_file, socket_lock):
        _, _, rest = path.read_text().partition("\n")
        path.write_text(f"{unrelated_process.pid}\n{rest}")

    assert not server_status(bench.data_dir).running
    assert not stop_server(bench.data_dir)
    with bench.open() as lease:
        assert query(lease, "select 1") == 1
        kill_all(processes_of(bench.data_dir))
        pid_file.write_text("")
        assert query(bench.open(), "select 1") == 1


def test_postmaster_of_another_cluster_is_not_taken_for_this_one(server: ServerHandle, work_dir: Path) -> None:
    pid = server_status(server.data_dir).pid
    assert pid is not None
    assert is_postmaster(pid, DataLayout.of(server.data_dir).cluster)
    assert not is_postmaster(pid, work_dir)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no /proc")
def test_postmaster_is_recognized_by_process_name_and_data_directory(work_dir: Path) -> None:
    cluster, process = work_dir / "cluster", work_dir / "1234"
    cluster.mkdir()
    (cluster / "PG_VERSION").touch()
    process.mkdir()
    for name, arguments, is_ours in [
        ("postgres", ["/usr/bin/postgres", "-D", f"{cluster}", "-c", "port=5432"], True),
        ("postgres", ["postgres", "-D", f"{cluster}/../cluster"], True),
        ("postgres", ["postgres", "-D", "/elsewhere"], False),
        ("postgres", ["postgres", "-D", f"{cluster}/PG_VERSION/x"], False),
        ("postgres", ["postgres: checkpointer "], False),
        ("postgres", ["postgres", "-D"], False),
        ("postgres", [], False),
        ("tail", ["tail", "-D", f"{cluster}"], False),
    ]:
        (process / "comm").write_text(f"{name}\n")
        (process / "cmdline").write_text("".join(f"{argument}\0" for argument in arguments))
        assert _is_postmaster_by_proc(process, cluster) is is_ours, (name, arguments)
    assert not _is_postmaster_by_proc(work_dir / "5678", cluster)


def test_next_start_waits_for_orphaned_processes_of_a_killed_postmaster(bench: Workbench) -> None:
    lease = bench.open()
    connection = psycopg.connect(make_conninfo(**lease.conninfo))
    orphan = connection.info.backend_pid
    os.kill(orphan, signal.SIGSTOP)
    pid = bench.postmaster_pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_for("the postmaster's end", lambda: bench.postmaster_pid is None)

    reports: list[str] = []

    def kill_orphan(report: str) -> None:
        reports.append(report)
        os.kill(orphan, signal.SIGKILL)

    assert query(bench.open(report=kill_orphan), "select 1") == 1
    assert "Waiting for the processes of an earlier server to end, 1 s ..." in reports
    connection.close()


@pytest.fixture
def recovering(bench: Workbench) -> Workbench:
    """A crashed cluster. With the settings of `slow_archive`, its recovery waits for a file `go`."""
    bench.open(grace=60.0).release()
    kill_all(processes_of(bench.data_dir))
    (bench.layout.cluster / "recovery.signal").touch()
    return bench


def slow_archive(bench: Workbench) -> dict[str, str]:
    go = bench.data_dir / "go"
    return {"fsync": "off", "restore_command": f"until [ -e '{go}' ]; do sleep 0.02; done; false"}


def test_next_user_waits_for_the_same_recovery_when_the_starter_dies(recovering: Workbench) -> None:
    starter = recovering.user(settings=slow_archive(recovering), grace=60.0)
    wait_for("the recovery", lambda: recovering.postmaster_pid)
    pid = recovering.postmaster_pid
    starter.kill()
    reports: list[str] = []

    def report(text: str) -> None:
        reports.append(text)
        if len(reports) == 2:
            (recovering.data_dir / "go").touch()

    with recovering.open(report=report) as lease:
        assert query(lease, "select pg_is_in_recovery()") is False
        assert recovering.postmaster_pid == pid
    assert reports[:2] == [f"Recovering after an unclean stop, {seconds} s ..." for seconds in (1, 2)]


def test_recovering_server_stops_when_no_process_waits_for_it(recovering: Workbench) -> None:
    starter = recovering.user(settings=slow_archive(recovering))
    wait_for("the recovery", lambda: recovering.postmaster_pid)
    starter.kill()
    recovering.wait_until_stopped()


def test_start_waits_for_a_server_that_restarts_after_a_backend_died(bench: Workbench) -> None:
    """Its pid file says "ready" all the time, but a stopped child keeps it from restarting."""
    lease = bench.open()
    connections = [psycopg.connect(make_conninfo(**lease.conninfo)) for _ in range(2)]
    stopped, killed = (connection.info.backend_pid for connection in connections)
    os.kill(stopped, signal.SIGSTOP)
    os.kill(killed, signal.SIGKILL)
    wait_for("the restart", lambda: not accepts_queries(lease))
    reports: list[str] = []

    def resume(report: str) -> None:
        reports.append(report)
        os.kill(stopped, signal.SIGCONT)

    assert query(bench.open(report=resume), "select 1") == 1
    assert reports[0] == "Recovering after an unclean stop, 1 s ..."
    for connection in connections:
        connection.close()


def accepts_queries(lease: ServerHandle) -> bool:
    try:
        return query(lease, "select 1") == 1
    except psycopg.OperationalError:
        return False


def test_server_with_a_deleted_socket_is_restarted(bench: Workbench) -> None:
    with bench.open() as lease:
        pid = bench.postmaster_pid
        (Path(lease.conninfo["host"]) / ".s.PGSQL.5432").unlink()
        assert query(bench.open(), "select 1") == 1
        assert bench.postmaster_pid != pid


def test_failed_start_reports_the_reason_and_the_log_file(bench: Workbench) -> None:
    with pytest.raises(EmbeddedUnavailable, match="no_such_setting") as caught:
        bench.open(settings={"no_such_setting": "1"})
    assert str(bench.layout.log) in (caught.value.hint or "")
    bench.wait_until_stopped()


async def test_recovering_embedded_server_is_unreachable_and_its_detail_is_logged(
    bench: Workbench, caplog: pytest.LogCaptureFixture
) -> None:
    """A standby without a primary recovers forever, and allows no reads."""
    layout, binaries = bench.layout, find_binaries()
    account = choose_account(cluster=layout.cluster, home=layout.home, binaries=binaries.directory)
    (layout.cluster / "standby.signal").touch()
    account.give(layout.cluster / "standby.signal")
    sockets = _make_socket_directory(layout, account)
    launch(
        start_command(layout.cluster, sockets, binaries, {"fsync": "off"}),
        log=layout.log,
        environment=clean_environment(),
        account=account,
    )
    wait_for("a socket", lambda: (sockets / ".s.PGSQL.5432").exists())
    database = Database(connection_info(str(sockets)))
    seen: list[StoreError] = []
    with caplog.at_level(logging.INFO, logger="gjobs.store.database.driver_errors"):
        while not any("not accepting connections" in str(error) for error in seen[-1:]):
            with pytest.raises(StoreError) as caught:
                await database.read(OPERATOR, Query(text("select 1"), tuple))
            seen.append(caught.value)
            assert len(seen) < 10_000
    assert {type(error) for error in seen} == {Unreachable}
    assert "Hot standby mode is disabled." in caplog.text
