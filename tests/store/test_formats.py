"""Amounts, shares and ids as typed text."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gjobs.store.values.formats import (
    LEAST_DIGITS,
    IdRange,
    cents,
    close_names,
    id_range,
    money,
    nearest,
    quote_typed,
    share_of,
)


def test_amounts_are_whole_cents_or_dollars_and_any_other_text_is_none() -> None:
    for text, amount in (
        ("0", 0),
        ("1250", 1_250),
        ("12.50", 1_250),
        ("$12.50", 1_250),
        ("$12", 1_200),
        ("$12.5", 1_250),
        ("$1,234.5", 123_450),
        ("0.05", 5),
    ):
        assert cents(text) == amount

    for text in ("", "-5", "12.5", "12.", ".50", "1,250", "12.345", "$", "1e3", "٣", "12 ", "12.50€", "$12."):
        assert cents(text) is None, text


@given(st.integers(0, 10**9))
def test_formatted_amount_reads_back_unchanged(amount: int) -> None:
    assert cents(money(amount).replace(",", "")) == amount


def test_percentage_or_fraction_is_a_share_and_any_other_text_is_none() -> None:
    for text, share in (("80%", 0.8), (" 80 % ", 0.8), ("0.8", 0.8), ("100%", 1.0)):
        assert share_of(text) == share

    for text in ("", "%", "0", "0%", "-1%", "101%", "1.1", "nan", "inf%", "80%%", "80% off"):
        assert share_of(text) is None, text


OPTIONS = ["--json", "--help", "--as", "--aal", "--limit", "--project", "--older-than", "-h"]


@pytest.mark.parametrize(
    ("typed", "known", "near"),
    [
        ("--once", OPTIONS, None),
        ("--keep", OPTIONS, None),
        ("--sql", OPTIONS, None),
        ("--", OPTIONS, None),
        ("--x", OPTIONS, None),
        ("--jsno", OPTIONS, "--json"),
        ("--JSON", OPTIONS, "--json"),
        ("-json", OPTIONS, "--json"),
        ("--lim", OPTIONS, "--limit"),
        ("--projects", OPTIONS, "--project"),
        ("--older", OPTIONS, "--older-than"),
        ("cvs", ["csv", "json"], "csv"),
        ("crate", ["create", "list"], "create"),
        ("migrate", ["create", "list"], None),
        ("show", ["list", "create"], None),
        ("", ["list", "create"], None),
    ],
)
def test_only_a_near_word_is_suggested(typed: str, known: list[str], near: str | None) -> None:
    assert nearest(typed, known) == near


def test_close_names_start_with_the_text_or_resemble_it() -> None:
    assert close_names("cre", ["create", "list", "Crew"]) == ["create", "Crew"]
    assert close_names("crate", ["create", "list"]) == ["create"]
    assert close_names("migrate", ["create", "list"]) == close_names("", ["create"]) == []
    assert close_names("autumn catalog", ["Autumn catalog", "Spring lookbook"]) == ["Autumn catalog"]


AN_ID = UUID("0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d")


def test_id_in_any_form_or_its_beginning_has_a_range_and_other_text_has_none() -> None:
    for text in (str(AN_ID), str(AN_ID).upper(), AN_ID.hex, f"  {AN_ID}\n", f'"{AN_ID}",', f"{{{AN_ID}}}"):
        assert id_range(text) == IdRange(low=AN_ID, high=AN_ID)

    for text in ("0a1b", "0a1b2c3d-", "0a1b2c3d4e", "0A1B2C3D-4E5F-4a6b-8c7d-9e"):
        ids = id_range(text)
        assert ids is not None
        assert ids.low < AN_ID < ids.high

    for text in ("", "   ", "0a1", "lifestyle", "0a1b2c3g", "0a1b-2c3d", "0a1b2c3d--4e", "-0a1b2c3d", f"{AN_ID}0"):
        assert id_range(text) is None, text
    for text in ("ada@example.com", "٠١٢٣", "0a1b 2c3d"):
        assert id_range(text) is None, text


@given(st.uuids(), st.uuids(), st.integers(min_value=LEAST_DIGITS, max_value=36))
def test_id_range_contains_exactly_the_ids_with_the_prefix(one: UUID, other: UUID, length: int) -> None:
    prefix = str(one)[:length]
    ids = id_range(prefix)
    assert ids is not None
    assert ids.low <= one <= ids.high
    assert (ids.low <= other <= ids.high) is str(other).startswith(prefix)


def test_quoted_text_is_cut_so_that_the_reason_after_it_stays_visible() -> None:
    assert quote_typed("soon") == "'soon'"
    assert quote_typed("x" * 60) == repr("x" * 60)
    assert quote_typed("x" * 900) == repr("x" * 59 + "…")
