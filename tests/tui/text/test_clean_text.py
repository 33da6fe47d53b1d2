import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len, get_character_cell_size

from gjobs.tui.text.clean_text import MOST_MARKS, clean, clean_block, clean_cell, pad, shorten

any_text = st.text(st.characters(categories=None))

nasty_text = st.text(
    st.sampled_from("a漢\u0301\u20dd\x1b\r\n\t\u202e\u200b\ufe0f\ud800\U000e0041\u1160\u3164👍🏽\u2028")
)

texts = any_text | nasty_text

cells = st.integers(0, 60)

limits = st.none() | st.integers(0, 20)

FORBIDDEN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}


def most_stacked_marks(text: str) -> int:
    most = stacked = 0
    for character in text:
        stacked = 0 if get_character_cell_size(character) else stacked + 1
        most = max(most, stacked)
    return most


@given(texts, limits)
def test_clean_line_is_printable_and_equally_wide_in_every_terminal(text: str, limit: int | None) -> None:
    cleaned = clean(text, limit=limit)

    assert cleaned.isprintable()
    assert not {unicodedata.category(character) for character in cleaned} & FORBIDDEN
    assert clean(cleaned, limit=limit) == cleaned
    assert len(cleaned) <= (len(text) if limit is None else limit + len("…"))
    # No joiner or selector is left, because terminals disagree about their width.
    assert cell_len(cleaned) == sum(get_character_cell_size(character) for character in cleaned) <= 2 * len(text)
    assert not cleaned or get_character_cell_size(cleaned[0]) > 0
    assert most_stacked_marks(cleaned) <= MOST_MARKS


@given(texts, cells)
def test_clean_cell_reads_only_the_beginning_of_a_long_text(text: str, width: int) -> None:
    assert (
        shorten(clean_cell(text, width), width) == shorten(clean(text), width) or most_stacked_marks(text) > MOST_MARKS
    )


@given(texts, limits)
def test_clean_block_contains_only_printable_lines(text: str, limit: int | None) -> None:
    block = clean_block(text, limit=limit)

    assert all(line.isprintable() for line in block.split("\n"))
    assert clean_block(block) == block


@given(texts, cells, st.booleans())
def test_shortened_text_keeps_its_beginning_and_padded_text_has_the_given_width(
    text: str, width: int, right: bool
) -> None:
    cleaned = clean(text)
    shortened = shorten(cleaned, width)

    assert cell_len(shortened) <= width
    assert shortened == cleaned or cleaned.startswith(shortened.removesuffix("…"))
    assert cell_len(pad(cleaned, width, right=right)) == width


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("plain", "plain"),
        ("[@click=app.quit]x[/]", "[@click=app.quit]x[/]"),
        ("漢字 и čeština", "漢字 и čeština"),
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
        ("\x9b31m", "␦31m"),
        ("two\nlines\r\nor three\u2028", "two⏎lines⏎or three⏎"),
        ("carriage\rreturn", "carriage␍return"),
        ("a\tb\x00\x7f", "a⇥b␀␡"),
        ("txt.\u202eexe", "txt.␦exe"),
        ("zero\u200bwidth\u00ad\ufeff", "zero␦width␦␦"),
        ("hidden\U000e0041\ue000\ud800", "hidden␦␦␦"),
        ("no\u00a0break\u3000wide", "no break wide"),
        ("\u0301e\u0301\u0302\u0303\u0304\u0305", "␦e\u0301\u0302\u0303"),
        ("\u3164\u1160", "␦␦"),
        ("\u26a0\ufe0f", "\u26a0"),
    ],
)
def test_clean_replaces_invisible_characters_with_visible_signs(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


def test_clean_block_keeps_its_lines_and_expands_tabs() -> None:
    assert clean_block("{\r\n\t'a':\t1\x1b\n}\u2029") == "{\n    'a':    1␛\n}\n"


@pytest.mark.parametrize(
    ("text", "width", "shortened"),
    [
        ("timeout", 7, "timeout"),
        ("timeout", 6, "timeo…"),
        ("timed out", 7, "timed…"),
        ("漢字漢字", 8, "漢字漢字"),
        ("漢字漢字", 7, "漢字漢…"),
        ("漢字漢字", 6, "漢字…"),
        ("timeout", 1, "…"),
        ("timeout", 0, ""),
    ],
)
def test_shorten_cuts_at_the_cell_width(text: str, width: int, shortened: str) -> None:
    assert shorten(text, width) == shortened


def test_pad_fills_the_cell_that_a_wide_character_leaves() -> None:
    assert pad("漢字漢字", 6) == "漢字… "
    assert pad("$2.50", 8, right=True) == "   $2.50"
