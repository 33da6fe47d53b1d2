"""Durations in a table: short, and exact enough to compare."""

import pytest

from tui.text.format import short_duration


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0.0, "0 ms"),
        (0.0124, "12 ms"),
        (1.42, "1.4 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (66, "1.1 min"),
        (3_599, "60 min"),
        (3_600, "1.0 h"),
        (47 * 3_600, "47 h"),
        (3 * 86_400, "3.0 d"),
        (86_400 * 20_000, "20,000 d"),
    ],
)
def test_durations_are_shown_with_two_significant_digits(number: float, words: str) -> None:
    assert short_duration(number) == words
