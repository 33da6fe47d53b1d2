"""Where in a list one is, in words."""

import pytest

from store.statistics.totals import Count, Precision
from tui.dashboard.statistics.count_text import Position, position_words


@pytest.mark.parametrize(
    ("number", "is_exact", "length", "words"),
    [
        (412, True, Count(number=1_000), "412 of 1,000"),
        (412_000, False, Count(number=1_000_000), "≈ 412,000 of 1,000,000"),
        (412, True, Count(number=10_000, precision=Precision.CAPPED), "412 of ≥ 10,000"),
        (412, True, Count(number=1_000_000, precision=Precision.ESTIMATED), "412 of ~1,000,000"),
        (1_412, True, None, "1,412 …"),
        (1_412, False, None, "≈ 1,412 …"),
    ],
)
def test_position_words_show_the_precision(number: int, is_exact: bool, length: Count | None, words: str) -> None:
    assert position_words(Position(number=number, is_exact=is_exact, length=length)) == words
