"""Tables and blocks for people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.cli.text_tables import STATUS_COLOURS, Column, aligned_table, fields

COLUMNS = (
    Column(title="ID"),
    Column(title="STATUS", colours=STATUS_COLOURS),
    Column(title="COST", right=True),
    Column(title="ERROR", narrowest=5),
)

ROWS = [["a1", "failed", "$0.18", "API timeout"], ["b22", "succeeded", "$12.50", ""]]


def test_columns_are_aligned_and_no_line_ends_in_blanks() -> None:
    assert aligned_table(COLUMNS, ROWS, width=None, colour=False) == [
        "ID   STATUS       COST  ERROR",
        "a1   failed      $0.18  API timeout",
        "b22  succeeded  $12.50",
    ]


def test_wide_characters_count_twice() -> None:
    lines = aligned_table(
        (Column(title="NAME"), Column(title="N")), [["秋の目録", "1"], ["Autumn", "2"]], width=None, colour=False
    )
    assert lines == ["NAME      N", "秋の目録  1", "Autumn    2"]


def test_it_is_narrowed_to_a_terminal() -> None:
    assert aligned_table(COLUMNS, ROWS, width=30, colour=False) == [
        "ID   STATUS       COST  ERROR",
        "a1   failed      $0.18  API t…",
        "b22  succeeded  $12.50",
    ]


def test_what_cannot_be_narrowed_is_cut_at_the_edge() -> None:
    assert aligned_table(COLUMNS, ROWS, width=12, colour=False) == ["ID   STATUS", "a1   failed", "b22  succee…"]


@pytest.mark.parametrize("colour", [True, False])
def test_only_a_status_is_coloured(colour: bool) -> None:
    lines = aligned_table(COLUMNS, ROWS, width=None, colour=colour)
    assert ("\x1b[31mfailed   \x1b[0m" in lines[1]) is colour
    assert ("\x1b" in "".join(lines)) is colour


def test_a_status_by_name_alone_is_not_coloured() -> None:
    (_, line) = aligned_table((Column(title="NAME"),), [["failed"]], width=None, colour=True)
    assert line == "failed"


hostile = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(st.lists(st.tuples(hostile, hostile), max_size=5), st.integers(1, 60))
def test_no_text_breaks_out_of_its_cell(rows: list[tuple[str, str]], width: int) -> None:
    columns = (Column(title="A", narrowest=3), Column(title="B"))
    lines = aligned_table(columns, rows, width=width, colour=False)
    assert len(lines) == len(rows) + 1
    assert all(line.isprintable() for line in lines)
    assert max(map(cell_len, lines)) <= width


def test_the_lines_after_a_fields_first_are_indented() -> None:
    assert fields({"mode": "lifestyle", "error": "{\n  1\n}"}) == "mode   lifestyle\nerror  {\n         1\n       }"
