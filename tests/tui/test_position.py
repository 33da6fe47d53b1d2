"""Where in a list one is, in words."""

import pytest

from store.statistics.totals import Certainty, Counted
from tui.dashboard.statistics.count_text import Position, position_words


@pytest.mark.parametrize(
    ("number", "is_exact", "length", "words"),
    [
        (412, True, Counted(number=1_000), "412 of 1,000"),
        (412_000, False, Counted(number=1_000_000), "≈ 412,000 of 1,000,000"),
        (412, True, Counted(number=10_000, certainty=Certainty.CAPPED), "412 of ≥ 10,000"),
        (412, True, Counted(number=1_000_000, certainty=Certainty.ESTIMATED), "412 of ~1,000,000"),
        (1_412, True, None, "1,412 …"),
        (1_412, False, None, "≈ 1,412 …"),
    ],
)
def test_a_position_says_how_sure_it_is(number: int, is_exact: bool, length: Counted | None, words: str) -> None:
    assert position_words(Position(number=number, is_exact=is_exact, length=length)) == words
