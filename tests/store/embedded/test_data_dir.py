"""Data directories with unusual or long names, and where their sockets are."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from gjobs.store.embedded.cluster import find_binaries
from gjobs.store.embedded.server_files import (
    LONGEST_SOCKET_PATH,
    PORT,
    DataLayout,
    _is_inaccessible,
    default_data_dir,
    socket_directory,
    throw_away_dir,
)
from gjobs.store.errors import EmbeddedUnavailable, InvalidValue
from tests.store.embedded.embedded_servers import Workbench


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


def test_unsafe_socket_directory_is_refused(
    long_bench: Workbench, monkeypatch: pytest.MonkeyPatch, work_dir: Path
) -> None:
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


def test_too_long_temporary_directory_is_not_used_for_the_socket(
    work_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(work_dir / ("t" * 90)))
    layout = DataLayout.of(work_dir / ("x" * 150))
    layout.make()
    assert len(os.fsencode(socket_directory(layout) / f".s.PGSQL.{PORT}")) <= LONGEST_SOCKET_PATH


def test_data_directory_comes_from_the_variable_or_the_user_data_home(
    monkeypatch: pytest.MonkeyPatch, work_dir: Path
) -> None:
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
