"""Numbers in block letters."""

import pytest

from tui.dashboard.stage.big_digits import LINES, can_draw, draw_digits, width_of


def test_each_digit_has_the_same_size_and_its_own_shape() -> None:
    drawn = [draw_digits(digit).plain.split("\n") for digit in "0123456789"]
    assert {(len(lines), *map(len, lines)) for lines in drawn} == {(LINES, *[6] * LINES)}
    assert len(set(map(tuple, drawn))) == 10


@pytest.mark.parametrize("text", ["", "7", "$1,234.50", "92%"])
def test_lines_of_a_number_are_as_wide_as_said(text: str) -> None:
    assert can_draw(text)
    assert {len(line) for line in draw_digits(text).plain.split("\n")} == {width_of(text)}


@pytest.mark.parametrize("text", ["–", "≥ 10,000", "~5"])
def test_other_characters_have_no_block_letters(text: str) -> None:
    assert not can_draw(text)
