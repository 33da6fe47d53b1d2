"""The drawing of the job table: it draws only changed lines."""

import gc
import json
from datetime import timedelta
from uuid import UUID

import pytest
from rich.cells import cell_len
from rich.style import Style
from textual.theme import BUILTIN_THEMES

from gjobs.store.job_list.list_query import ListOrder, OrderColumn
from gjobs.store.jobs.job import JobStatus
from gjobs.tui.dashboard.list.job_columns import Cell, RowNotes
from gjobs.tui.dashboard.list.table_drawing import Line, PaintedLine, header_line, paint
from tests.tui.dashboard.job_list.table_pilot import TablePilot, running_table
from tests.tui.sample_jobs import NOON, make_job, window_of

HOSTILE = [
    "[@click=app.quit]x[/]",
    "[/oops]",
    "\x1b[2J\x1b]0;owned\x07\x9b31m",
    "txt.\u202eexe\u2066\u200b\ufeff",
    "漢字" * 20,
    "y" * 10_000,
    "one\ntwo\r\nthree\tfour",
    "e" + "\u0301" * 500,
    "lone \ud800 surrogate",
]


def style_at(table: TablePilot, x: int, y: int) -> Style:
    for segment in table.strips[y]:
        x -= cell_len(segment.text)
        if x < 0:
            assert segment.style is not None
            return segment.style
    raise AssertionError("beyond the end of the line")


async def test_table_draws_header_marks_cursor_and_cells(empty_table: TablePilot) -> None:
    await empty_table.show_jobs(
        [
            make_job(1, mode="lifestyle", created_at=NOON - timedelta(seconds=12), status=JobStatus.RUNNING),
            make_job(3, status=JobStatus.FAILED, cost_cents=2, error='{"message": "API timeout"}', updated_at=NOON),
            make_job(4, mode="packaging"),
            make_job(90, status=JobStatus.SUCCEEDED, cost_cents=123_450),
        ]
    )
    await empty_table.press("space")

    assert empty_table.lines[:5] == [
        "   STATUS       MODE             COST  CREATED ▾         TOTAL  ERROR",
        " ✱ ▸ running    lifestyle       $2.50  12 s ago           12 s",
        "›  ✗ failed     main_white      $0.02  3 min ago    3 min 00 s  API timeout",
        "   ◌ queued     packaging       $2.50  4 min ago",
        "   ✓ succeeded  main_white  $1,234.50  1 h ago           0.0 s",
    ]


async def test_project_names_add_a_column_and_the_header_shows_a_changed_order(table: TablePilot) -> None:
    await table.show_jobs([make_job(1, mode="feature_callout"), make_job(2, mode="a")])
    header = table.lines[0]
    await table.show_jobs([make_job(2, mode="a")])
    assert table.lines[0] == header, "columns keep their width when the widest row leaves"

    await table.resize(100, 11)
    table.table.show(window_of([make_job(1)]), now=NOON, notes=RowNotes(project_names={UUID(int=2): "[b]Autumn"}))
    table.table.sort = ListOrder(column=OrderColumn.UPDATED, descending=False)
    await table.settle()
    assert "PROJECT" in table.lines[0]
    assert "[b]Autumn" in table.lines[1]
    assert "UPDATED ▴" in table.lines[0]
    assert "CREATED" not in table.lines[0]


async def test_table_draws_nothing_when_no_visible_text_changes(table: TablePilot) -> None:
    await table.show(range(10, 60))
    table.table.tick(NOON + timedelta(seconds=30))
    await table.settle()
    assert table.take_painted() == []

    await table.press("end")
    table.take_painted()
    await table.show(range(5, 60))
    assert table.take_painted() == [0], "the header counts the new rows"
    await table.show([*range(5, 20), *range(25, 60)])
    assert table.take_painted() == []


async def test_table_draws_only_changed_lines(table: TablePilot) -> None:
    changed = make_job(13, status=JobStatus.RUNNING)
    await table.show_jobs([*map(make_job, (10, 11, 12)), changed, *map(make_job, range(14, 60))])
    assert table.take_painted() == [4]

    await table.press("down")
    assert table.take_painted() == [1, 2]

    await table.press("space")
    assert table.take_painted() == [2, 3]

    await table.pilot.hover(table.table, offset=(20, 5))
    await table.settle()
    assert table.take_painted() == [5]
    assert style_at(table, 40, 5).bgcolor != style_at(table, 40, 6).bgcolor

    young = make_job(1, created_at=NOON - timedelta(seconds=3))
    await table.show_jobs([young, *map(make_job, range(10, 60))])
    table.take_painted()
    table.table.tick(NOON + timedelta(seconds=1))
    await table.settle()
    assert table.take_painted() == [1]
    assert "4 s ago" in table.lines[1]


async def test_hostile_text_is_drawn_as_plain_text(table: TablePilot) -> None:
    await table.resize(160, 11)
    width = table.table.scrollable_content_region.width
    for text in HOSTILE:
        job = make_job(1, mode=text, error=json.dumps({"message": text}), status=JobStatus.FAILED)
        table.table.show(window_of([job, make_job(2)]), now=NOON, notes=RowNotes(project_names={UUID(int=2): text}))
        await table.settle()
        for strip in table.strips:
            assert strip.text.isprintable(), text
            assert cell_len(strip.text) == width, text
            assert not [segment for segment in strip if segment.style and segment.style.meta], text
        for title in ("MODE", "PROJECT", "ERROR"):
            await table.click(row=1, column=table.lines[0].index(title))
        assert table.app.is_running, text


async def test_empty_table_shows_its_message_literally_and_wraps_it(empty_table: TablePilot) -> None:
    empty_table.table.empty_text = "No job contains “[/oops]\x1b”."
    await empty_table.show([])
    assert [line.strip() for line in empty_table.lines[1:] if line] == ["No job contains “[/oops]␛”."]
    await empty_table.show([1])
    assert "[/oops]" not in "".join(empty_table.lines)

    empty_table.table.empty_text = "Create your first generation job to get started!"
    await empty_table.resize(30, 11)
    await empty_table.show([])
    assert " ".join(empty_table.lines[1:]).split() == empty_table.table.empty_text.split()


async def test_resize_keeps_the_cursor_visible_and_fills_every_line(table: TablePilot) -> None:
    await table.press(*["down"] * 9)
    for width in (40, 80, 120, 200):
        await table.resize(width, 6)
        assert table.cursor == 19
        assert len(table.cursor_lines) == 1
        assert {cell_len(strip.text) for strip in table.strips} == {table.table.scrollable_content_region.width}

        await table.resize(width, 40)
        assert table.cursor == 19
        assert len(table.cursor_lines) == 1


async def test_cursor_is_visible_and_changes_with_focus_in_every_theme(empty_table: TablePilot) -> None:
    await empty_table.show_jobs([make_job(1), make_job(1, id=UUID(int=2))])
    for theme in sorted(BUILTIN_THEMES):
        empty_table.app.theme = theme
        empty_table.table.focus()
        await empty_table.settle()
        focused = style_at(empty_table, 20, 1)
        empty_table.table.blur()
        await empty_table.settle()
        assert len({focused, style_at(empty_table, 20, 1), style_at(empty_table, 20, 2)}) == 3, theme
        assert empty_table.cursor_lines == [1]


async def test_cursor_is_visible_without_colors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with running_table() as table:
        await table.show(range(10, 60))

        assert style_at(table, 5, 1).reverse
        assert not style_at(table, 5, 2).reverse
        table.table.blur()
        await table.settle()
        assert style_at(table, 5, 1).underline
        assert table.cursor_lines == [1]


async def test_table_with_ten_thousand_rows_draws_only_visible_ones(empty_table: TablePilot) -> None:
    empty_table.take_painted()
    await empty_table.show(range(10_000))
    await empty_table.press("end")

    assert empty_table.cursor == 9_999
    assert len(empty_table.cursor_lines) == 1
    assert len(empty_table.table._drawing._rows) <= 20
    assert max(empty_table.take_painted()) == 10


async def test_changed_theme_redraws_the_table_with_its_background(table: TablePilot) -> None:
    before = [style_at(table, 3, y) for y in (2, 8)]
    table.app.theme = "textual-light"
    await table.settle()
    assert table.take_painted() == list(range(11))
    assert before != [style_at(table, 3, y) for y in (2, 8)]

    await table.show([1])
    assert {style_at(table, x, 8).bgcolor for x in (0, 40, 78)} == {table.table.rich_style.bgcolor}
    assert table.table.rich_style.bgcolor is not None


@pytest.mark.parametrize(
    ("width", "shown"),
    [(29, "STATUS        ERROR   ▲ 8 new"), (24, "STATUS        ERROR  ▲ 8"), (20, "STATUS           ▲ 8")],
)
def test_number_of_new_rows_never_cuts_a_title(width: int, shown: str) -> None:
    titles = [Cell(start=0, text="STATUS    "), Cell(start=14, text="ERROR     ")]
    line = header_line(titles, new_above=8, width=width)
    assert paint(line, width, lambda _: Style()).text == shown


def test_drawn_lines_leave_memory_without_the_garbage_collector() -> None:
    def lines() -> int:
        return sum(isinstance(one, PaintedLine) for one in gc.get_objects())

    gc.disable()
    try:
        before = lines()
        line = paint(Line(cells=(Cell(start=2, text="queued"),)), 20, lambda _: Style())
        assert [part.text for part in line.crop_extend(0, 20, None).divide([20])] == ["  queued" + " " * 12]
        assert [part.text for part in line.crop_extend(0, 20, None).divide([4, 20])] == ["  qu", "eued" + " " * 12]
        assert lines() == before + 1
        del line
        assert lines() == before
    finally:
        gc.enable()
