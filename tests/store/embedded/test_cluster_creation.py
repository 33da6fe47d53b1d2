"""Creation of the cluster, by many processes at once or interrupted, and the rotation of its log."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from gjobs.store.embedded.cluster import complaint, rotate, written_since
from gjobs.store.embedded.server import open_server, server_status
from gjobs.store.embedded.server_files import LONGEST_SOCKET_PATH
from tests.store.embedded.embedded_servers import QUICK, Workbench, kill_all, query, wait_for, with_descendants


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


def test_first_start_in_a_directory_with_an_unusual_name_creates_private_directories(
    make_bench: Callable[[str], Workbench],
) -> None:
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
