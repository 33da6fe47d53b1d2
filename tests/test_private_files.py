"""Only their owner can read the files of gjobs, at any umask."""

import errno
import logging
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from datetime import date
from logging.handlers import RotatingFileHandler
from pathlib import Path

import pytest

from gjobs.store.configuration.saved_views import KnownViews, View
from gjobs.store.embedded.server import open_server, stop_server
from gjobs.store.errors import StoreError
from gjobs.store.journal.journal import JournalDirectory
from gjobs.store.system.private_files import replace_private
from gjobs.store.watch.watch import Cursor
from gjobs.tui.cli.commands.watch_loop import ResumeFile
from gjobs.tui.cli.output import UsageError
from gjobs.tui.cli.sessions import destination
from gjobs.tui.dashboard.frame import run
from gjobs.tui.dashboard.frame.run import log_to_file
from gjobs.tui.dashboard.session.setup import StateFile, save
from tests.conftest import quick_directory


@pytest.fixture(autouse=True)
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def open_to_others(directory: Path) -> list[str]:
    """Return the files that others may read or write, and the directories that they may list or change."""
    allowed = {True: 0o711, False: 0o700}
    modes = {path: path.lstat().st_mode for path in [directory, *directory.rglob("*")] if not path.is_symlink()}
    return [f"{mode:o} {path}" for path, mode in modes.items() if mode & 0o777 & ~allowed[stat.S_ISDIR(mode)]]


def log_a_line(directory: Path) -> None:
    log_to_file(directory)
    logging.getLogger("gjobs.tui").warning("a line")


def export(directory: Path) -> None:
    directory.mkdir(mode=0o700)
    with destination(str(directory / "jobs.csv"), overwrites=False) as put:
        put("id\r\n")


def keep_place(directory: Path) -> None:
    directory.mkdir(mode=0o700)
    ResumeFile(directory / "place").keep(Cursor(1, 2))


@pytest.fixture
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    for handler in set(root.handlers) - set(handlers):
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("gjobs").setLevel(logging.NOTSET)


@pytest.mark.usefixtures("restored_logging")
@pytest.mark.parametrize(
    "write",
    [
        lambda directory: save(directory / "state.json", StateFile(theme="nord")),
        lambda directory: KnownViews({}, directory).save(View(name="late", text="status:queued"), replaces=None),
        lambda directory: JournalDirectory(directory / "journal").append(date(2026, 1, 1), "{}\n", durably=False),
        log_a_line,
        export,
        keep_place,
    ],
    ids=["state", "views", "journal", "log", "export", "resume file"],
)
def test_file_is_private_at_any_umask(tmp_path: Path, write: Callable[[Path], None]) -> None:
    directory = tmp_path / "home" / "data"
    directory.parent.mkdir(mode=0o700)
    write(directory)
    assert any(path.is_file() for path in directory.rglob("*"))
    assert open_to_others(tmp_path / "home") == []


REPLACING: dict[str, Callable[[Path], object]] = {
    "state.json": lambda directory: save(directory / "state.json", StateFile(theme="nord")),
    "views.toml": lambda directory: KnownViews({}, directory).save(
        View(name="late", text="status:queued"), replaces=None
    ),
    "place": lambda directory: ResumeFile(directory / "place").keep(Cursor(1, 2)),
}


@pytest.mark.parametrize(("name", "waits"), [("state.json", False), ("views.toml", True), ("place", True)])
def test_replaced_file_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, name: str, waits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without both syncs, a power failure leaves an empty file or the old one. The dashboard's state may be lost."""
    steps: list[str] = []

    def fsync(descriptor: int) -> None:
        found = os.fstat(descriptor)
        steps.append("sync of the directory" if stat.S_ISDIR(found.st_mode) else f"sync of {found.st_size} bytes")

    def replace(source: str | Path, target: str | Path) -> None:
        steps.append(f"rename to {Path(target).name}")
        Path(source).rename(target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    REPLACING[name](tmp_path)
    size = (tmp_path / name).stat().st_size
    synced = [f"sync of {size} bytes", f"rename to {name}", "sync of the directory"]
    assert steps == (synced if waits else [f"rename to {name}"])


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EBADF, errno.ENOTSUP, errno.EACCES, errno.EIO])
def test_file_is_replaced_without_directory_sync(tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some file systems cannot sync a directory. Only an I/O error of the disk (EIO) is raised."""
    file, real_open, real_sync = tmp_path / "views.toml", os.open, os.fsync

    def refusing_open(path: str | Path, flags: int, *rest: int, **options: int) -> int:
        if number == errno.EACCES and flags & os.O_DIRECTORY:
            raise OSError(number, os.strerror(number))
        return real_open(path, flags, *rest, **options)

    def refusing_sync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        real_sync(descriptor)

    monkeypatch.setattr(os, "open", refusing_open)
    monkeypatch.setattr(os, "fsync", refusing_sync)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)) if number == errno.EIO else nullcontext():
        replace_private(file, "text")
    assert file.read_text() == "text"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("name", REPLACING)
def test_replaced_file_is_never_a_link(tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture) -> None:
    target = tmp_path / "target"
    target.touch()
    (tmp_path / name).symlink_to(target)
    words = ""
    with caplog.at_level(logging.WARNING, logger="gjobs.tui"):
        try:
            REPLACING[name](tmp_path)
        except (StoreError, UsageError) as error:
            words = str(error)
    assert "it is a symbolic link" in words + caplog.text
    assert str(tmp_path / name) in words + caplog.text
    assert (tmp_path / name).is_symlink()
    assert target.read_text() == ""


def test_all_files_of_the_embedded_server_are_private_at_any_umask() -> None:
    with ExitStack() as cleanup:
        directory = Path(tempfile.mkdtemp(prefix="gjobs-private-", dir=quick_directory()))
        cleanup.callback(shutil.rmtree, directory)
        cleanup.callback(stop_server, directory / "data")
        with open_server(directory / "data") as lease:
            lease.keep()
        assert open_to_others(directory / "data") == []


@pytest.mark.usefixtures("restored_logging")
class TestLog:
    def test_rotated_log_stays_private_and_small(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(run, "LARGEST_LOG", 1_000)
        for name in ("gjobs.log", "gjobs.log.1"):
            (tmp_path / name).touch(mode=0o644)
        log_to_file(tmp_path)
        assert open_to_others(tmp_path) == []
        for _ in range(100):
            logging.getLogger("gjobs.tui").warning("a line")
        assert {path.name for path in tmp_path.iterdir()} == {"gjobs.log", "gjobs.log.1"}
        assert open_to_others(tmp_path) == []
        assert all(path.stat().st_size <= 1_000 for path in tmp_path.iterdir())

    @pytest.mark.parametrize("is_there_at_start", [True, False])
    def test_log_never_follows_a_link(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capfd: pytest.CaptureFixture[str],
        is_there_at_start: bool,
    ) -> None:
        monkeypatch.setattr(run, "LARGEST_LOG", 100)
        target, log = tmp_path / "target", tmp_path / "data" / "gjobs.log"
        log.parent.mkdir()
        if is_there_at_start:
            log.symlink_to(target)
        log_to_file(log.parent)
        if not is_there_at_start:
            # A rotation opens the file again.
            logging.getLogger("gjobs.tui").warning("a line")
            rotate = RotatingFileHandler.rotate

            def rotate_and_link(handler: RotatingFileHandler, source: str, to: str) -> None:
                rotate(handler, source, to)
                log.symlink_to(target)

            monkeypatch.setattr(RotatingFileHandler, "rotate", rotate_and_link)
        for _ in range(10):
            logging.getLogger("gjobs.tui").warning("a line of some length, so that it is rotated soon")
        assert log.is_symlink()
        assert not target.exists()
        assert capfd.readouterr().err == ""
