"""Export files: their formats, and how they are written."""

import csv
import errno
import io
import json
import os
import tempfile
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gjobs.store.budgets.budget import Budget
from gjobs.store.jobs.job import JOB_KEYS, GenerationJob, JobStatus, plain_job
from gjobs.store.values.formats import FarTime
from gjobs.tui.export import export_files
from gjobs.tui.export.export_files import (
    Document,
    FileFormat,
    FileNotWritten,
    UnusableFile,
    check_file,
    deliver_files,
    new_file,
    writer,
)
from tests.tui.sample_jobs import NOON, make_job

pytestmark = pytest.mark.usefixtures("folder")

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)

HOSTILE = st.sampled_from(["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "＝1", "a|b\n| c", "<b>`x`</b>", '","', "'", ""])


job = partial(make_job, status=JobStatus.FAILED, mode="lifestyle")


def written(file_format: FileFormat, *pages: list[GenerationJob]) -> str:
    made = writer(file_format)
    return "".join([made.begin(), *(made.rows(page) for page in pages), made.end()])


def test_csv_quotes_values_and_ends_lines_with_crlf() -> None:
    assert written(FileFormat.CSV, [job(1, error='a, "b"', cost_cents=-5, updated_at=NOON + timedelta(hours=1))]) == (
        "id,user_id,project_id,status,mode,input_asset_id,error,cost_cents,created_at,updated_at,retry_count,"
        "completed_at,wait_seconds,run_seconds\r\n"
        "00000000-0000-0000-0000-000000000001,00000000-0000-0000-0000-000000000001,00000000-0000-0000-0000-000000000002,"
        'failed,lifestyle,,"a, ""b""",-5,2026-11-24T11:59:00.000000Z,2026-11-24T13:00:00.000000Z,,,,\r\n'
    )


def test_markdown_escapes_special_characters() -> None:
    lines = written(FileFormat.MARKDOWN, [job(1, mode="main_white", error="a | b\n<c>")]).splitlines()
    assert lines[1] == f"| {' | '.join(['---'] * 14)} |"
    assert lines[2].split(" | ")[3:8] == ["failed", "main\\_white", "", "a \\| b⏎\\<c\\>", "250"]


jobs = st.lists(
    st.builds(job, st.integers(1, 9), mode=ANY_TEXT | HOSTILE, error=st.none() | ANY_TEXT | HOSTILE), max_size=4
)


@given(st.lists(jobs, max_size=2))
@settings(max_examples=50)
def test_json_and_ndjson_contain_every_job_unchanged(pages: list[list[GenerationJob]]) -> None:
    expected = [plain_job(one) for page in pages for one in page]
    assert json.loads(written(FileFormat.JSON, *pages)) == expected
    lines = written(FileFormat.NDJSON, *pages).splitlines()
    assert [json.loads(line) for line in lines] == expected


@given(jobs)
def test_csv_contains_every_value_and_no_formula(page: list[GenerationJob]) -> None:
    titles, *rows = csv.reader(io.StringIO(written(FileFormat.CSV, page), newline=""))
    assert titles == [*JOB_KEYS]
    assert len(rows) == len(page)
    for row, one in zip(rows, page, strict=True):
        cells = dict(zip(titles, row, strict=True))
        for name, value in (("mode", one.mode), ("error", one.error or "")):
            assert cells[name] in (value, f"'{value}")
            assert not cells[name].startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))


@pytest.mark.parametrize("exact", ["-infinity", "infinity", "0044-03-15T12:00:00.000000Z BC"])
def test_csv_contains_far_times_unchanged(exact: str) -> None:
    far = FarTime.of(exact)
    text = written(FileFormat.CSV, [replace(job(1, mode="-infinity"), created_at=far, completed_at=far)])
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert (row["created_at"], row["completed_at"]) == (exact, exact)
    assert row["mode"] == "'-infinity"


@given(jobs)
def test_markdown_contains_one_printable_line_per_job(page: list[GenerationJob]) -> None:
    text = written(FileFormat.MARKDOWN, page)
    lines = text.removesuffix("\n").split("\n")
    assert len(lines) == 2 + len(page)
    assert all(line.isprintable() for line in lines)
    bars = [line.replace("\\\\", "").replace("\\|", "").count("|") for line in lines]
    assert set(bars) == {len(JOB_KEYS) + 1}


@pytest.mark.parametrize(("file_format", "text"), [(FileFormat.JSON, "[]\n"), (FileFormat.NDJSON, "")])
def test_export_without_jobs_is_a_valid_document(file_format: FileFormat, text: str) -> None:
    assert written(file_format) == written(file_format, []) == text


TOO_LONG = f"{'x' * 300}.csv"


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
def test_unusable_name_is_refused_before_writing(
    folder: Path, name: str, sentence: str, hint: str, overwrites: bool
) -> None:
    (folder / "loop.csv").symlink_to("loop.csv")
    (folder / "file").touch()
    with pytest.raises(UnusableFile) as caught, new_file(name, overwrites=overwrites):
        pass
    assert (caught.value.message, caught.value.hint) == (sentence, hint)
    assert sorted(file.name for file in folder.iterdir()) == ["file", "loop.csv"]


def test_check_refuses_a_directory_that_takes_no_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnusableFile, match=r"^none/jobs.csv cannot be written: No such file or directory."):
        check_file("none/jobs.csv", overwrites=False)
    (folder / "jobs.csv").touch()

    def refuse(**_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)  # Root may write everywhere.
    for overwrites in (False, True):
        with pytest.raises(UnusableFile, match=r"^jobs.csv cannot be written: Permission denied."):
            check_file("jobs.csv", overwrites=overwrites)


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


def test_document_refuses_a_name_that_its_class_does_not_have() -> None:
    with pytest.raises(AttributeError, match="'Budget' has no attribute 'spent'"):
        Document(Budget, "id cost=spent")
