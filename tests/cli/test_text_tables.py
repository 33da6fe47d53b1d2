"""Tables and blocks of fields as plain text, also of hostile text, which is unchanged in JSON documents."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from gjobs.tui.cli.text_tables import WIDEST, aligned_table, fields
from gjobs.tui.text.format import Column
from gjobs.tui.text.status_text import STATUS_COLORS
from tests.cli.cli_rows import ADA
from tests.cli.command_line import Result, Run, Sql

COLUMNS = (
    Column("ID", str),
    Column("STATUS", str, colors=STATUS_COLORS),
    Column("COST", str, right=True),
    Column("ERROR", str, least=5),
)

ROWS = [["a1", "failed", "$0.18", "API timeout"], ["b22", "succeeded", "$12.50", ""]]


def test_table_counts_wide_characters_twice() -> None:
    columns = (Column("NAME", str), Column("N", str))
    lines = aligned_table(columns, [["秋の目録", "1"], ["Autumn", "2"]], width=None, color=False)
    assert lines == ["NAME      N", "秋の目録  1", "Autumn    2"]


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (None, ["ID   STATUS       COST  ERROR", "a1   failed      $0.18  API timeout", "b22  succeeded  $12.50"]),
        (30, ["ID   STATUS       COST  ERROR", "a1   failed      $0.18  API t…", "b22  succeeded  $12.50"]),
        (12, ["ID   STATUS", "a1   failed", "b22  succee…"]),
    ],
    ids=["unlimited", "shortened", "cut"],
)
def test_table_is_aligned_and_fits_its_width(width: int | None, lines: list[str]) -> None:
    assert aligned_table(COLUMNS, ROWS, width=width, color=False) == lines


ID_COLUMNS = (Column("ID", str, is_id=True), Column("MODE", str, least=8))


@pytest.mark.parametrize(
    ("ids", "width", "shown"),
    [
        (["3f2a9c1e-8d47", "77777777-8d47"], 40, ["3f2a9c1e-8d47", "77777777-8d47"]),
        (["3f2a9c1e-8d47", "77777777-8d47"], 30, ["3f2a9c1e", "77777777"]),
        (["3f2a9c1e-8d47", "3f2a9c1e-8e47"], 30, ["3f2a9c1e-8d", "3f2a9c1e-8e"]),
        (["3f2a9c1e-8d47", "3f2a9c1e-8d47"], 30, ["3f2a9c1e", "3f2a9c1e"]),
        (["3f2a9c1e-8d47", "3f2a9c1e-8d4f"], 30, ["3f2a9c1e-8d47", "3f2a9c1e-8d4f"]),
    ],
    ids=["wide table", "narrow table", "common start", "equal ids", "common start to the end"],
)
def test_narrow_table_shortens_ids_before_other_columns(ids: list[str], width: int, shown: list[str]) -> None:
    rows = [[one, "a mode of some length"] for one in ids]
    _, *lines = aligned_table(ID_COLUMNS, rows, width=width, color=False)
    assert [line.split()[0] for line in lines] == shown
    assert max(map(cell_len, lines)) <= width
    _, *kept = aligned_table(ID_COLUMNS, rows, width=width, color=False, keeps_ids=True)
    assert [line.split()[0] for line in kept] == ids


@pytest.mark.parametrize("character", ["x", "秋", "a\u0301", "\x1b"])
def test_column_is_no_wider_than_the_limit(character: str) -> None:
    rows = [[character * 3_000_000, "1"], *[["a", "2"]] * 1_000]
    lines = aligned_table((Column("MODE", str), Column("N", str)), rows, width=None, color=False)
    assert max(map(cell_len, lines)) <= WIDEST + 3
    assert sum(map(len, lines)) < 3 * WIDEST * len(rows)
    assert "…" in lines[1]


@pytest.mark.parametrize("color", [True, False])
def test_table_colors_only_statuses(color: bool) -> None:
    lines = aligned_table(COLUMNS, ROWS, width=None, color=color)
    assert ("\x1b[31mfailed   \x1b[0m" in lines[1]) is color
    assert ("\x1b" in "".join(lines)) is color
    (_, name) = aligned_table((Column("NAME", str),), [["failed"]], width=None, color=color)
    assert name == "failed"


hostile = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(st.lists(st.tuples(hostile, hostile), max_size=5), st.integers(1, 60))
def test_hostile_text_stays_within_its_table_cell(rows: list[tuple[str, str]], width: int) -> None:
    columns = (Column("A", str, least=3), Column("B", str))
    lines = aligned_table(columns, rows, width=width, color=False)
    assert len(lines) == len(rows) + 1
    assert all(line.isprintable() for line in lines)
    assert max(map(cell_len, lines)) <= width


def test_fields_indents_the_lines_of_a_value_after_the_first() -> None:
    assert fields({"mode": "lifestyle", "error": "{\n  1\n}"}) == "mode   lifestyle\nerror  {\n         1\n       }"


HOSTILE = {
    "markup": "[bold red]x[/] [/oops] [@click=app.quit]click[/]",
    "control characters": "\x1b[2J\x1b]0;owned\x07\x1b[31mred \x9b31m abc\u202egpj.exe\u2066\u200f\ufeff",
    "wide": "秋の目録 👩‍👩‍👧 한국어",
    "line ends": "one\r\ntwo\nthree\u2028four\x85five\ttab",
    "long": "x" * 10_000,
    "json": '{"message": "\\u001b[2J boom \\u202e", "stack": "a\\nb"}',
}


def assert_harmless(result: Result, lines: int | None = None) -> None:
    for stream in (result.out, result.err):
        assert [line for line in stream.split("\n") if not line.isprintable()] == []
    if lines is not None:
        assert len(result.out.split("\n")) == lines + 1


def test_tables_and_errors_escape_hostile_text_and_json_keeps_it(gjobs: Run, sql: Sql) -> None:
    jobs = {str(UUID(int=0xC0 + number)): text for number, text in enumerate(HOSTILE.values())}
    for job, text in jobs.items():
        sql("insert into public.projects (id, user_id, name) values (%s, %s, %s)", job, ADA, text)
        sql(
            "insert into public.generation_jobs (id, user_id, project_id, status, mode, error)"
            " values (%s, %s, %s, 'failed', %s, %s)",
            *(job, ADA, job, text, text),
        )
    assert_harmless(gjobs("projects"), lines=3 + len(jobs))
    assert_harmless(gjobs("jobs", "list"), lines=6 + len(jobs))
    assert_harmless(gjobs("stats", "--by", "project"), lines=6 + len(jobs))
    assert {*HOSTILE.values()} < {project["name"] for project in gjobs("projects", "--json").document}
    for job, text in jobs.items():
        assert_harmless(gjobs("jobs", "show", job))
        shown = gjobs("jobs", "show", job, "--json")
        assert shown.out.isascii(), text
        assert_harmless(shown)
        assert (shown.document["mode"], shown.document["error"]) == (text, text)
        assert [one["id"] for one in gjobs("jobs", "list", "--project", text, "--json").document] == [job], text

    for text in (HOSTILE["control characters"], HOSTILE["line ends"]):
        assert_harmless(gjobs("jobs", "list", "--project", text[:5]))
        assert_harmless(gjobs("jobs", "list", "--project", f"{text}!"))
        assert_harmless(gjobs("jobs", "list", "--status", text))
        assert_harmless(gjobs("jobs", "show", text))
        assert_harmless(gjobs("users", "--as", text))
    assert_harmless(gjobs("jobs", "update", job, "--cost-cents", "1"), lines=2)
