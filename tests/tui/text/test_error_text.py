"""Notes below the filter: the marked mistake, and the estimated cost of an expensive filter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from gjobs.store.filters.filter_syntax import parse
from gjobs.store.filters.filter_terms import FilterError
from gjobs.store.job_list.index_advice import IndexAdvice
from gjobs.store.job_list.list_query import ListQuery
from gjobs.store.job_list.read_listing import ListCost
from gjobs.tui.text.clean_text import visible_cells
from gjobs.tui.text.error_text import beneath, expensive_filter_words, still_listed
from tests.store.filters.filter_strategies import typed


def error_of(text: str) -> FilterError | None:
    try:
        parse(text)
    except FilterError as error:
        return error
    return None


def mistake(text: str) -> FilterError:
    error = error_of(text)
    assert error is not None
    return error


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("cost:5 statsu:x", ["       ^^^^^^ Unknown key 'statsu'. Did you mean status?"]),
        ("秋 statsu:x", ["   ^^^^^^ Unknown key 'statsu'. Did you mean status?"]),
        ("status:", ["       ^ status: needs a value."]),
        ("a" * 40 + " statsu:x", [" " * 41 + "^^^^^^", "Unknown key 'statsu'. Did you mean status?"]),
    ],
)
def test_mark_is_placed_below_the_filter_mistake(text: str, lines: list[str]) -> None:
    assert beneath(mistake(text), 60, is_below=True).splitlines() == lines


def test_long_filter_text_is_repeated_around_the_mistake() -> None:
    text, mark, sentence = beneath(mistake("a" * 80 + " statsu:x"), 60, is_below=False).splitlines()
    place = mark.index("^")
    assert text[place : place + mark.count("^")] == "statsu"
    assert sentence == "Unknown key 'statsu'. Did you mean status?"


@given(typed, st.integers(20, 120))
def test_mark_stays_within_the_line_for_any_filter_text(text: str, cells: int) -> None:
    error = error_of(text)
    if error is not None:
        lines = beneath(error, cells, is_below=visible_cells(text) < cells).split("\n")
        mark = next(line for line in lines if "^" in line)
        assert cell_len(mark.rpartition("^")[0]) < max(cells, 80)
        assert all(line.isprintable() for line in lines)


def test_note_names_the_filter_that_stays_active() -> None:
    assert still_listed("") == "Still showing all jobs."
    assert still_listed("cost:>5\x1b") == "Still showing results for “cost:>5␛”."


def test_note_estimates_the_cost_of_an_expensive_filter() -> None:
    listed = ListQuery(job_filter=parse("status:failed since:7d"))
    advice = IndexAdvice(columns="status", sql="create index concurrently …")
    cost = ListCost(cost=1e6, seconds=10.0, advice=advice)
    words = expensive_filter_words(cost, listed, run="⏎")
    assert words.startswith(
        "This filter is slow. Each refresh takes up to 10.0 s by the planner's estimate. Press ⏎ to use it"
    )
    assert advice.sql in words
    hidden = ListCost(cost=1e6, seconds=None, advice=None)
    assert "Each refresh takes a long time" in expensive_filter_words(hidden, listed, run="⏎")
