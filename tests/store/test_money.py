"""Amounts and shares as they are read and written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.formats import cents, money, share_of


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("0", 0),
        ("1250", 1_250),
        ("12.50", 1_250),
        ("$12.50", 1_250),
        ("$12", 1_200),
        ("0.05", 5),
        *(
            (text, None)
            for text in ("", "-5", "12.5", "12.", ".50", "1,250", "12.345", "$", "1e3", "٣", "12 ", "12.50€")
        ),
    ],
)
def test_amount_is_read_as_whole_cents_or_dollars_and_nothing_else(text: str, amount: int | None) -> None:
    assert cents(text) == amount


@given(st.integers(0, 10**9))
def test_formatted_amount_reads_back_unchanged(amount: int) -> None:
    assert cents(money(amount).replace(",", "")) == amount


@pytest.mark.parametrize(("text", "share"), [("80%", 0.8), (" 80 % ", 0.8), ("0.8", 0.8), ("100%", 1.0)])
def test_percentage_or_fraction_is_read_as_a_share(text: str, share: float) -> None:
    assert share_of(text) == share


@pytest.mark.parametrize("text", ["", "%", "0", "0%", "-1%", "101%", "1.1", "nan", "inf%", "80%%", "80% off"])
def test_invalid_share_returns_none(text: str) -> None:
    assert share_of(text) is None
