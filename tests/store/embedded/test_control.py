"""The actions of `gjobs db`: status, start, stop and reset."""

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from gjobs.store.embedded.server import reset_server, server_status, stop_server
from gjobs.store.embedded.server_files import ServerHandle
from gjobs.store.errors import ServerInUse
from tests.store.embedded.embedded_servers import Workbench, query, wait_for


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
