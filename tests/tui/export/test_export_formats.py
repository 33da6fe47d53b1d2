"""The file formats of exported jobs."""

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gjobs.store.jobs.job import JOB_KEYS, GenerationJob, JobStatus, plain_job
from gjobs.store.values.formats import FarTime
from gjobs.tui.export.export_files import SUFFIXES, FileFormat, writer

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)

HOSTILE = st.sampled_from(["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "＝1", "a|b\n| c", "<b>`x`</b>", '","', "'", ""])


def job(number: int = 1, *, mode: str = "lifestyle", error: str | None = None, cost_cents: int = 250) -> GenerationJob:
    return GenerationJob(
        id=UUID(int=number),
        user_id=UUID(int=0xA),
        project_id=UUID(int=0xB),
        status=JobStatus.FAILED,
        mode=mode,
        input_asset_id=None,
        error=error,
        cost_cents=cost_cents,
        created_at=datetime(2026, 1, 15, 12, tzinfo=UTC),
        updated_at=datetime(2026, 1, 15, 13, tzinfo=UTC),
    )


def written(file_format: FileFormat, *pages: list[GenerationJob]) -> str:
    made = writer(file_format)
    return "".join([made.begin(), *(made.rows(page) for page in pages), made.end()])


def test_csv_quotes_values_and_ends_lines_with_crlf() -> None:
    assert written(FileFormat.CSV, [job(1, error='a, "b"', cost_cents=-5)]) == (
        "id,user_id,project_id,status,mode,input_asset_id,error,cost_cents,created_at,updated_at,retry_count,"
        "completed_at,wait_seconds,run_seconds\r\n"
        "00000000-0000-0000-0000-000000000001,00000000-0000-0000-0000-00000000000a,00000000-0000-0000-0000-00000000000b,"
        'failed,lifestyle,,"a, ""b""",-5,2026-01-15T12:00:00.000000Z,2026-01-15T13:00:00.000000Z,,,,\r\n'
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
    text = written(FileFormat.CSV, [replace(job(mode="-infinity"), created_at=far, completed_at=far)])
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


def test_each_format_has_the_suffix_of_a_file() -> None:
    assert {*SUFFIXES.values()} == {*FileFormat}


@pytest.mark.parametrize(("file_format", "text"), [(FileFormat.JSON, "[]\n"), (FileFormat.NDJSON, "")])
def test_export_without_jobs_is_a_valid_document(file_format: FileFormat, text: str) -> None:
    assert written(file_format) == written(file_format, []) == text
