"""Tables and blocks for people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.cli.text_tables import TableColumn, aligned_table, fields
from tui.text.status_text import STATUS_COLOURS

COLUMNS = (
    TableColumn(title="ID"),
    TableColumn(title="STATUS", colours=STATUS_COLOURS),
    TableColumn(title="COST", right=True),
    TableColumn(title="ERROR", narrowest=5),
)

ROWS = [["a1", "failed", "$0.18", "API timeout"], ["b22", "succeeded", "$12.50", ""]]


def test_table_counts_wide_characters_twice() -> None:
    columns = (TableColumn(title="NAME"), TableColumn(title="N"))
    lines = aligned_table(columns, [["秋の目録", "1"], ["Autumn", "2"]], width=None, colour=False)
    assert lines == ["NAME      N", "秋の目録  1", "Autumn    2"]


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (None, ["ID   STATUS       COST  ERROR", "a1   failed      $0.18  API timeout", "b22  succeeded  $12.50"]),
        (30, ["ID   STATUS       COST  ERROR", "a1   failed      $0.18  API t…", "b22  succeeded  $12.50"]),
        (12, ["ID   STATUS", "a1   failed", "b22  succee…"]),
    ],
    ids=["unlimited", "shortened", "cut at the edge"],
)
def test_table_is_aligned_and_fits_its_width(width: int | None, lines: list[str]) -> None:
    assert aligned_table(COLUMNS, ROWS, width=width, colour=False) == lines


@pytest.mark.parametrize("colour", [True, False])
def test_table_colors_only_statuses(colour: bool) -> None:
    lines = aligned_table(COLUMNS, ROWS, width=None, colour=colour)
    assert ("\x1b[31mfailed   \x1b[0m" in lines[1]) is colour
    assert ("\x1b" in "".join(lines)) is colour


def test_table_does_not_color_status_words_in_other_columns() -> None:
    (_, line) = aligned_table((TableColumn(title="NAME"),), [["failed"]], width=None, colour=True)
    assert line == "failed"


hostile = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(st.lists(st.tuples(hostile, hostile), max_size=5), st.integers(1, 60))
def test_hostile_text_stays_within_its_table_cell(rows: list[tuple[str, str]], width: int) -> None:
    columns = (TableColumn(title="A", narrowest=3), TableColumn(title="B"))
    lines = aligned_table(columns, rows, width=width, colour=False)
    assert len(lines) == len(rows) + 1
    assert all(line.isprintable() for line in lines)
    assert max(map(cell_len, lines)) <= width


def test_fields_indent_the_further_lines_of_a_value() -> None:
    assert fields({"mode": "lifestyle", "error": "{\n  1\n}"}) == "mode   lifestyle\nerror  {\n         1\n       }"
