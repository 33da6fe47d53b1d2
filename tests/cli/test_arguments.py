"""What is typed, and what becomes of it."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.formats import close_names, not_known
from store.jobs.job import JobStatus
from store.jobs.job_results import PageKey
from tui.cli import arguments, json_documents
from tui.cli.exit_codes import BadArgument

ID = UUID(int=7)


@given(st.datetimes(timezones=st.just(UTC)), st.uuids())
def test_printed_page_key_can_be_parsed_again(created_at: datetime, job_id: UUID) -> None:
    key = PageKey(created_at=created_at, id=job_id)
    assert arguments.page_key(f"{json_documents.time(created_at)},{job_id}") == key


@given(st.datetimes(timezones=st.just(UTC)))
def test_printed_times_have_six_digits_and_end_with_z(time: datetime) -> None:
    text = json_documents.time(time)
    assert len(text) == len("2026-01-04T23:01:01.000000Z")
    assert text.endswith("Z")


@pytest.mark.parametrize(
    "text",
    [
        "",
        ",",
        f"2026-01-04,{ID}",
        f"2026-01-04T00:00:00,{ID}",
        f"soon,{ID}",
        "2026-01-04T00:00:00Z",
        f"9999-12-31T23:59:59-05:00,{ID}",
    ],
)
def test_invalid_page_key_is_rejected(text: str) -> None:
    with pytest.raises(BadArgument, match="CREATED_AT,ID"):
        arguments.page_key(text)


def test_size_parses_columns_and_rows() -> None:
    assert arguments.size("120x36") == (120, 36)
    assert arguments.size("80X24") == (80, 24)


@pytest.mark.parametrize("text", ["", "120", "x", "120x", "0x24", "80x-1", "9999x24", "80x24x2"])
def test_invalid_size_is_rejected(text: str) -> None:
    with pytest.raises(BadArgument, match="is not a size"):
        arguments.size(text)


def test_identifier_and_status_arguments_are_parsed() -> None:
    assert arguments.identifier(str(ID)) == ID
    assert arguments.identifier_or_none("") is None
    assert arguments.status("queued") is JobStatus.QUEUED


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (arguments.identifier, "7"),
        (arguments.identifier_or_none, "x"),
        (arguments.status, "QUEUED"),
        (arguments.whole_number, "1.0"),
    ],
)
def test_invalid_identifier_status_or_number_is_rejected(read: Callable[[str], object], text: str) -> None:
    with pytest.raises(BadArgument, match=text):
        read(text)


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("QUEUD", "'QUEUD' is not known; did you mean 'queued'?"),
        ("zzz", "'zzz' is not known; it is one of queued, running, succeeded, failed."),
    ],
)
def test_unknown_word_error_suggests_the_closest_word(word: str, sentence: str) -> None:
    assert not_known(word, JobStatus) == sentence


@pytest.mark.parametrize(
    ("typed", "close"),
    [
        ("autumn catalog", ["Autumn catalog"]),
        ("Autum", ["Autumn catalog", "Autumn shoes"]),
        ("Spring lokbook", ["Spring lookbook"]),
        ("", []),
        ("Winter", []),
    ],
)
def test_close_names_finds_similar_project_names(typed: str, close: list[str]) -> None:
    assert close_names(typed, ["Autumn catalog", "Spring lookbook", "Autumn shoes"]) == close
