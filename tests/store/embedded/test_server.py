"""The server of a data directory: its creation, its users, its control, and where its sockets are."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from gjobs.store.embedded import server_files
from gjobs.store.embedded.cluster import complaint, find_binaries, rotate, written_since
from gjobs.store.embedded.server import open_server, reset_server, server_status, stop_server
from gjobs.store.embedded.server_files import (
    LONGEST_SOCKET_PATH,
    PORT,
    DataLayout,
    ServerHandle,
    _is_inaccessible,
    default_data_dir,
    socket_directory,
    throw_away_dir,
    try_lock,
)
from gjobs.store.errors import EmbeddedUnavailable, InvalidValue, ServerInUse
from tests.store.embedded.embedded_servers import (
    QUICK,
    Workbench,
    kill_all,
    query,
    wait_for,
    watchdogs,
    with_descendants,
)


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


def test_processes_that_start_at_once_on_an_empty_directory_share_one_server(empty_bench: Workbench) -> None:
    users = [empty_bench.user() for _ in range(3)]
    assert len({user.server_pid() for user in users}) == 1
    with empty_bench.open() as lease:
        assert query(lease, "select count(*) from pg_roles where rolname = 'gjobs'") == 1
    assert [user.leave() for user in users] == [0] * 3
    empty_bench.wait_until_stopped()


def test_next_start_completes_first_starts_that_were_killed(empty_bench: Workbench) -> None:
    """The starts are killed early and late, some with all of their processes."""
    layout = empty_bench.layout
    known: set[Path] = set()

    def kill_next_start(milestone: str, *, with_its_children: bool) -> None:
        user = empty_bench.user(start_new_session=True)
        wait_for(milestone, lambda: set(layout.home.glob(milestone)) - known or empty_bench.postmaster_pid)
        kill_all(with_descendants(user.process.pid) if with_its_children else {user.process.pid})
        known.update(layout.home.glob("staging-*"), layout.home.glob("staging-*/*"))

    kill_next_start("staging-*", with_its_children=True)
    kill_next_start("staging-*/PG_VERSION", with_its_children=False)
    kill_next_start("staging-*/base/16*", with_its_children=True)
    kill_next_start("cluster/postmaster.pid", with_its_children=True)
    known.add(layout.cluster / "postmaster.pid")
    kill_next_start("cluster/postmaster.pid", with_its_children=False)

    with empty_bench.open() as lease:
        assert query(lease, "select current_user::text") == "gjobs"
        assert lease.needs_sample
    assert not any(layout.home.glob("staging-*"))
    empty_bench.wait_until_stopped()


def test_ctrl_c_during_the_first_start_leaves_no_cluster_behind(empty_bench: Workbench) -> None:
    user = empty_bench.user()
    wait_for("initdb", lambda: any(empty_bench.layout.home.glob("staging-*/PG_VERSION")))
    assert user.kill(signal.SIGINT) != 0
    assert not any(empty_bench.layout.home.glob("staging-*"))
    assert not empty_bench.layout.cluster.exists()
    empty_bench.wait_until_stopped()


def test_first_start_in_an_unusual_directory_is_private(make_bench: Callable[[str], Workbench]) -> None:
    """The server removes the directory, because it created it."""
    odd = """-D Aufträge 作業, it's "quoted" 100%25 $HOME `true` a,b;c=d?e&f#g back\\slash"""
    bench = make_bench(odd + "long" * 25)
    reports: list[str] = []
    with bench.open(report=reports.append, remove_after=True) as lease:
        layout, sockets = bench.layout, Path(lease.conninfo["host"])
        for path in (layout.cluster, layout.log.parent, layout.client_locks, layout.start_lock.parent, sockets):
            assert path.stat().st_mode & 0o777 == 0o700, path
        assert layout.home.stat().st_mode & 0o066 == 0
        assert query(lease, "select current_database()::text") == "gjobs"
        with psycopg.connect(lease.uri) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
        assert len(os.fsencode(sockets)) < LONGEST_SOCKET_PATH
        assert bench.postmaster_pid is not None
    assert reports[0].startswith("Unpacking Postgres ")
    bench.wait_until_stopped()
    assert not sockets.exists()
    assert not bench.data_dir.exists()


def test_exception_in_the_report_callback_aborts_the_start(empty_bench: Workbench) -> None:
    class Cancelled(Exception):
        pass

    def cancel(_: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        open_server(empty_bench.data_dir, report=cancel, settings=QUICK, grace=0.1)
    assert not server_status(empty_bench.data_dir).running
    empty_bench.wait_until_stopped()


def test_large_log_is_rotated_and_three_old_logs_are_kept(tmp_path: Path) -> None:
    log = tmp_path / "postgres.log"
    rotate(log)
    for name in "abcde":
        log.write_text(name * 1_000_001)
        rotate(log)
    log.write_text("small\n")
    rotate(log)
    kept = {path.name: path.read_text()[0] for path in tmp_path.iterdir()}
    assert kept == {"postgres.log": "s", "postgres.log.1": "e", "postgres.log.2": "d", "postgres.log.3": "c"}
    assert written_since(log, 3) == "ll\n"


def test_log_complaint_is_the_last_severe_line_without_control_characters() -> None:
    assert complaint("LOG:  a\nFATAL:  b\nLOG:  database system is shut down\n") == "FATAL:  b"
    assert complaint("initdb: error: no space\ninitdb: removing the directory\n") == "initdb: error: no space"
    assert complaint("one\ntwo\n") == "two"
    assert complaint("\n") == "it printed nothing"
    assert complaint("FATAL: \x1b[31m red\x07") == "FATAL: [31m red"


def test_control_commands_on_a_missing_directory_create_nothing(empty_bench: Workbench) -> None:
    status = server_status(empty_bench.data_dir)
    assert (status.running, status.uri, status.version, status.pid, status.kept) == (False, None, None, None, False)
    assert not stop_server(empty_bench.data_dir)
    reset_server(empty_bench.data_dir)
    assert not empty_bench.data_dir.exists()


def test_kept_server_runs_with_its_first_settings_until_it_is_stopped(bench: Workbench) -> None:
    with bench.open(settings={"fsync": "off", "work_mem": "5MB"}), bench.open(settings={}) as lease:
        assert query(lease, "show work_mem") == "5MB"
        assert query(lease, "show fsync") == "off"
        status = server_status(bench.data_dir)
        assert status.uri == lease.uri
        with psycopg.connect(lease.uri) as connection:
            assert connection.info.parameter_status("server_version") == status.version
            assert connection.execute("select current_database()").fetchone() == ("gjobs",)
        assert status.running
        assert (status.pid, status.data_dir) == (bench.postmaster_pid, bench.data_dir)
        assert not status.kept
        lease.keep()
        assert server_status(bench.data_dir).kept
    wait_for("the watchdog's end", lambda: not bench.is_watched)
    bench.open().release()
    with psycopg.connect(lease.uri) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    assert not bench.is_watched

    assert stop_server(bench.data_dir)
    status = server_status(bench.data_dir)
    assert not status.running
    assert not status.kept
    assert not stop_server(bench.data_dir)


def test_stopping_disconnects_users_and_the_next_user_restarts_the_server(bench: Workbench) -> None:
    user = bench.user()
    pid = user.server_pid()
    assert stop_server(bench.data_dir)
    with bench.open() as lease:
        assert query(lease, "select 1") == 1
        assert bench.postmaster_pid not in (None, pid)
    assert user.leave() == 0
    bench.wait_until_stopped()


def test_resetting_is_refused_while_the_server_is_used_and_then_creates_a_new_database(bench: Workbench) -> None:
    user = bench.user()
    user.server_pid()
    with bench.open() as lease:
        lease.sample_filled()
        lease.keep()
        with pytest.raises(ServerInUse, match="2 processes use"):
            reset_server(bench.data_dir)
        assert query(lease, "select 1") == 1
    user.leave()
    with psycopg.connect(lease.uri) as connection:
        connection.execute("create table old ()")
        with pytest.raises(ServerInUse, match="1 client is connected"):
            reset_server(bench.data_dir)
    wait_for("the client's end", lambda: reset_is_possible(bench))
    assert not bench.layout.cluster.exists()
    with bench.open() as lease:
        assert lease.needs_sample
        assert query(lease, "select to_regclass('old') is null") is True


def reset_is_possible(bench: Workbench) -> bool:
    try:
        reset_server(bench.data_dir)
    except ServerInUse:
        return False
    return True


def test_server_login_owns_the_database_and_is_not_a_superuser(server: ServerHandle) -> None:
    with psycopg.connect(make_conninfo(**server.conninfo)) as connection:
        row = connection.execute(
            "select rolsuper, rolcreaterole, rolbypassrls, rolcreatedb,"
            " pg_get_userbyid(datdba) = current_user and current_database() = 'gjobs'"
            " from pg_roles, pg_database where rolname = current_user and datname = current_database()"
        ).fetchone()
    assert row == (False, True, True, False, True)


def test_data_directory_with_a_line_break_is_refused(work_dir: Path) -> None:
    with pytest.raises(EmbeddedUnavailable, match="line break"):
        DataLayout.of(work_dir / "a\nb")


def test_error_names_a_file_in_place_of_the_data_directory(empty_bench: Workbench) -> None:
    empty_bench.data_dir.touch()
    with pytest.raises(EmbeddedUnavailable, match=str(empty_bench.data_dir)):
        empty_bench.open()
    empty_bench.data_dir.unlink()


@pytest.fixture
def long_bench(make_bench: Callable[[str], Workbench], cluster: Path) -> Workbench:
    """Its path is too long for a socket, so the socket is in the temporary directory."""
    bench = make_bench("x" * 150)
    bench.copy_cluster(cluster)
    return bench


def test_server_is_reached_through_a_symbolic_link_and_with_another_temporary_directory(
    long_bench: Workbench,
    make_bench: Callable[[str], Workbench],
    monkeypatch: pytest.MonkeyPatch,
    work_dir: Path,
) -> None:
    linked = make_bench("link")
    linked.data_dir.symlink_to(long_bench.data_dir)
    with long_bench.open() as lease:
        monkeypatch.setenv("TMPDIR", str(work_dir))
        monkeypatch.setattr("tempfile.tempdir", None)
        assert long_bench.open().uri == linked.open().uri == lease.uri
        assert linked.postmaster_pid == long_bench.postmaster_pid
        assert not lease.conninfo["host"].startswith(str(work_dir))


def test_unsafe_socket_place_is_refused(long_bench: Workbench, monkeypatch: pytest.MonkeyPatch, work_dir: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(work_dir))
    sockets = socket_directory(long_bench.layout)
    assert sockets.parent == work_dir
    sockets.mkdir()
    sockets.chmod(0o755)
    with pytest.raises(EmbeddedUnavailable, match="Other accounts can enter"):
        long_bench.open()

    sockets.rmdir()
    sockets.symlink_to(work_dir)
    with pytest.raises(EmbeddedUnavailable, match="is not a directory"):
        long_bench.open()


def test_too_long_directory_is_not_used_for_the_socket(work_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(work_dir / ("t" * 90)))
    layout = DataLayout.of(work_dir / ("x" * 150))
    layout.make()
    assert len(os.fsencode(socket_directory(layout) / f".s.PGSQL.{PORT}")) <= LONGEST_SOCKET_PATH


def test_data_directory_comes_from_the_variable_or_the_home(monkeypatch: pytest.MonkeyPatch, work_dir: Path) -> None:
    monkeypatch.setenv("GJOBS_DATA_DIR", str(work_dir))
    assert default_data_dir() == work_dir
    monkeypatch.setenv("GJOBS_DATA_DIR", "")
    monkeypatch.setenv("XDG_DATA_HOME", str(work_dir))
    monkeypatch.setenv("HOME", str(work_dir))
    assert default_data_dir().is_relative_to(work_dir)
    assert default_data_dir().name == "gjobs"
    for variable, find in (("GJOBS_DATA_DIR", default_data_dir), ("GJOBS_POSTGRES_BIN", find_binaries)):
        monkeypatch.setenv(variable, "~no-such-account/data")
        with pytest.raises(InvalidValue, match=f"{variable} is '~no-such-account/data'"):
            find()


def test_data_directory_of_an_account_without_a_home_is_absolute(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GJOBS_DATA_DIR", "XDG_DATA_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)

    def no_such_account(_uid: int) -> NoReturn:
        raise KeyError

    monkeypatch.setattr("pwd.getpwuid", no_such_account)
    monkeypatch.setattr("os.geteuid", lambda: 12345)
    assert default_data_dir().is_absolute()
    assert default_data_dir().name == "gjobs"


def test_temporary_data_directories_are_unique_and_unused() -> None:
    first, second = throw_away_dir(), throw_away_dir()
    assert first != second
    assert not first.exists()
    assert not _is_inaccessible(first)
