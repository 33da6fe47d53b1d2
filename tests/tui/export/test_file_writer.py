"""Files that appear completely or not at all: refused names and failures at the end."""

import errno
import os
import tempfile
from pathlib import Path
from typing import BinaryIO

import pytest

from gjobs.tui.export import export_files
from gjobs.tui.export.export_files import FileNotWritten, UnusableFile, check_file, deliver_files, new_file

TOO_LONG = f"{'x' * 300}.csv"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory."""
    (tmp_path / "exports").mkdir()
    monkeypatch.chdir(tmp_path / "exports")
    return tmp_path / "exports"


@pytest.mark.parametrize("overwrites", [False, True])
@pytest.mark.parametrize(
    ("name", "sentence", "hint"),
    [
        (TOO_LONG, f"{'x' * 200}… cannot be written: File name too long.", "Use a shorter name."),
        (f"{TOO_LONG}/jobs.csv", f"{'x' * 200}… cannot be written: File name too long.", "Use a shorter name."),
        ("a\0b.csv", "a\0b.csv is not a valid file name.", "Use another name."),
        ("\ud800.csv", "\ud800.csv is not a valid file name.", "Use another name."),
        (
            "loop.csv",
            "loop.csv cannot be written: Too many levels of symbolic links.",
            "Use a file in a directory of your own.",
        ),
        (
            "file/jobs.csv",
            "file/jobs.csv cannot be written: Not a directory.",
            "Use a file in a directory of your own.",
        ),
    ],
    ids=["long name", "long directory", "null byte", "lone surrogate", "link to itself", "file as directory"],
)
def test_unusable_name_is_refused_before_anything_is_written(
    folder: Path, name: str, sentence: str, hint: str, overwrites: bool
) -> None:
    (folder / "loop.csv").symlink_to("loop.csv")
    (folder / "file").touch()
    with pytest.raises(UnusableFile) as caught, new_file(name, overwrites=overwrites):
        pass
    assert (caught.value.message, caught.value.hint) == (sentence, hint)
    assert sorted(file.name for file in folder.iterdir()) == ["file", "loop.csv"]


def test_check_refuses_a_directory_in_which_no_file_can_be_created(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UnusableFile, match=r"^none/jobs.csv cannot be written: No such file or directory."):
        check_file("none/jobs.csv", overwrites=False)
    (folder / "jobs.csv").touch()

    def refuse(**_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)  # Root may write everywhere.
    for overwrites in (False, True):
        with pytest.raises(UnusableFile, match=r"^jobs.csv cannot be written: Permission denied."):
            check_file("jobs.csv", overwrites=overwrites)


def test_file_in_a_deleted_directory_is_refused(folder: Path) -> None:
    folder.rmdir()
    with (
        pytest.raises(UnusableFile, match=r"^jobs.csv cannot be written: No such file or directory."),
        new_file("jobs.csv", overwrites=False),
    ):
        pass


def test_failed_move_is_reported_and_leaves_no_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    monkeypatch.setattr(Path, "replace", refuse)
    with (
        pytest.raises(FileNotWritten, match=r"^jobs.csv cannot be written: Input/output error."),
        new_file("jobs.csv", overwrites=False) as write,
    ):
        write("id\n")
    assert list(folder.iterdir()) == []


def test_delivered_files_are_never_written_here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(export_files._Delivery, "deliver", None)
    before, delivered = set(folder.rglob("*")), dict[str, bytes]()

    def keep(name: str, content: BinaryIO) -> None:
        with content:
            delivered[name] = content.read()

    deliver_files(keep)
    for name in ("jobs.csv", "../../etc/jobs.csv", str(folder / "there.csv")):
        with new_file(name, overwrites=False) as write:
            write("a,b\n")
            write(b"c")
        assert delivered.pop(Path(name).name) == b"a,b\nc"
    for name in ("", "/", "..", "a\0b.csv", "\ud800.csv", TOO_LONG):
        with pytest.raises(UnusableFile), new_file(name, overwrites=True):
            pass
    with pytest.raises(KeyError), new_file("broken.csv", overwrites=False):
        raise KeyError
    assert delivered == {}
    assert set(folder.rglob("*")) == before
