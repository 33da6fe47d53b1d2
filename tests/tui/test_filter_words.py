"""What is said below a filter: where it is wrong, and what it would cost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from store.filters.filter_text import parse
from store.filters.job_filter import FilterError
from store.job_list.index_advice import Advice
from store.job_list.list_cost import ListCost
from store.job_list.list_query import ListQuery
from tests.store.filters.strategies import typed
from tui.error_help import dear_words
from tui.text.clean_text import visible_cells
from tui.text.error_text import beneath, still_listed


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
        ("cost:5 statsu:x", ["       ^^^^^^ 'statsu' is no key. Did you mean status?"]),
        ("秋 statsu:x", ["   ^^^^^^ 'statsu' is no key. Did you mean status?"]),
        ("status:", ["       ^ status: is followed by no value."]),
        ("a" * 40 + " statsu:x", [" " * 41 + "^^^^^^", "'statsu' is no key. Did you mean status?"]),
    ],
)
def test_the_mark_stands_below_what_is_wrong(text: str, lines: list[str]) -> None:
    assert beneath(mistake(text), 60, is_below=True).splitlines() == lines


def test_of_a_text_that_does_not_fit_the_field_the_part_around_the_mistake_is_repeated() -> None:
    text, mark, sentence = beneath(mistake("a" * 80 + " statsu:x"), 60, is_below=False).splitlines()
    place = mark.index("^")
    assert text[place : place + mark.count("^")] == "statsu"
    assert sentence == "'statsu' is no key. Did you mean status?"


@given(typed, st.integers(20, 120))
def test_whatever_is_typed_the_mark_is_within_the_line(text: str, cells: int) -> None:
    error = error_of(text)
    if error is not None:
        lines = beneath(error, cells, is_below=visible_cells(text) < cells).split("\n")
        mark = next(line for line in lines if "^" in line)
        assert cell_len(mark.rpartition("^")[0]) < max(cells, 80)
        assert all(line.isprintable() for line in lines)


def test_what_is_listed_meanwhile() -> None:
    assert still_listed("") == "Until then all jobs are listed."
    assert still_listed("cost:>5\x1b") == "Until then “cost:>5␛” holds."


def test_what_a_dear_filter_costs() -> None:
    listed = ListQuery(job_filter=parse("status:failed since:7d"))
    advice = Advice(columns="status", sql="create index concurrently …")
    cost = ListCost(cost=1e6, seconds=10.0, reads_all=True, advice=advice)
    words = dear_words(cost, listed, run="⏎")
    assert words.startswith(
        "This filter takes the database up to 10.0 s by the planner's estimate at each look: ⏎ lists by it"
    )
    assert advice.sql in words
    hidden = ListCost(cost=1e6, seconds=None, reads_all=True, advice=None)
    assert "takes the database much time at each look" in dear_words(hidden, listed, run="⏎")
