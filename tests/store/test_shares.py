"""Shares as people type them."""

import pytest

from store.formats import share_of


@pytest.mark.parametrize(("text", "share"), [("80%", 0.8), (" 80 % ", 0.8), ("0.8", 0.8), ("100%", 1.0)])
def test_percentage_or_fraction_is_read_as_a_share(text: str, share: float) -> None:
    assert share_of(text) == share


@pytest.mark.parametrize("text", ["", "%", "0", "0%", "-1%", "101%", "1.1", "nan", "inf%", "80%%", "80% off"])
def test_invalid_share_returns_none(text: str) -> None:
    assert share_of(text) is None
