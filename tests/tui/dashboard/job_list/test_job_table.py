"""The job table: keyboard, mouse, long lists, and that only changed lines are drawn."""

import gc
import time
from datetime import timedelta
from uuid import UUID

import pytest
from rich.cells import cell_len
from rich.style import Style
from textual._compositor import ChopsUpdate
from textual.scrollbar import ScrollTo
from textual.theme import BUILTIN_THEMES

from gjobs.store.job_list.list_query import End, ListOrder, OrderColumn, RowWindowQuery
from gjobs.store.jobs.job import JobStatus
from gjobs.store.statistics.statistics import Count
from gjobs.tui.dashboard.list.job_columns import Cell
from gjobs.tui.dashboard.list.job_table import CursorMoved, Opened, OrderRequested, RowsRequested
from gjobs.tui.dashboard.list.table_drawing import Line, PaintedLine, header_line, paint
from gjobs.tui.text.status_text import Position
from tests.tui.dashboard.job_list.table_pilot import LongList, TablePilot, running_table
from tests.tui.sample_jobs import FIRST, NOON, make_job


async def test_navigation_keys_move_the_cursor(table: TablePilot) -> None:
    for key, cursor in (
        *(("down", 11), ("j", 12), ("k", 11), ("up", 10), ("up", 10)),
        *(("pagedown", 19), ("pagedown", 28), ("pageup", 19), ("end", 59)),
        *(("home", 10), ("G", 59), ("g", 10)),
    ):
        await table.press(key)
        assert table.cursor == cursor, key
        assert len(table.cursor_lines) == 1


async def test_table_records_when_the_screen_first_showed_the_selection(table: TablePilot) -> None:
    moved_at = time.monotonic()
    table.table.record_frame(None)
    for move in ("move(1)", "mark_all"):
        assert table.table.showed_selection(time.monotonic())
        await table.table.run_action(move)
        x, y, width, height = table.table.region
        # Textual also asks for all lines when it draws only other widgets.
        table.table.render_lines(table.table.size.region)
        table.table.record_frame([(line, x + width, x + width + 20) for line in range(y, y + height)])
        table.table.record_frame([(y, x, x + width)])
        assert not table.table.showed_selection(time.monotonic()), "the frame does not contain the changed lines"
        compositor = table.table.screen._compositor
        compositor.update_widgets({table.table})
        frame = compositor.render_partial_update()
        assert isinstance(frame, ChopsUpdate)
        table.table.record_frame(frame.spans)
        assert table.table.showed_selection(time.monotonic())
        assert not table.table.showed_selection(moved_at)
    table.table.move_to(UUID(int=50))
    table.table.unmark(table.table.marked)
    table.table.take_selection_as_seen()
    assert table.table.showed_selection(moved_at)


async def test_mouse_wheel_scrolls_without_moving_the_cursor(table: TablePilot) -> None:
    for _ in range(10):
        await table.turn_wheel_down()
    before = table.lines

    assert table.table.scroll_y > 0
    assert table.cursor_lines == []
    assert table.cursor == 10
    await table.show(range(7, 60))
    assert table.lines[1:] == before[1:]
    assert table.lines[0].endswith("▲ 3 new")

    await table.press("down")
    assert table.cursor == 11
    assert len(table.cursor_lines) == 1


async def test_space_and_mark_all_keys_mark_rows_and_escape_unmarks_them(table: TablePilot) -> None:
    await table.press("space", "down", "space")
    assert (table.marked, table.cursor) == ({10, 12}, 13)
    assert [y for y, line in enumerate(table.lines) if line[1:2] == "✱"] == [1, 3]
    for key in ("asterisk", "ctrl+a"):
        await table.press("escape")
        assert (table.marked, table.app.escaped) == (set(), 0)
        await table.press(key)
        assert table.marked == set(range(10, 60))
    await table.press("escape", "escape")
    assert table.app.escaped == 1, "a table without marks leaves the key to the screen"


async def test_click_selects_a_row_and_a_second_click_opens_it(table: TablePilot) -> None:
    await table.click(row=5)
    assert table.cursor == 14
    assert [type(message) for message in table.take_messages()] == [CursorMoved]
    await table.click(row=5)
    (opened,) = table.take_messages()
    assert isinstance(opened, Opened)
    assert opened.job.id.int == 14

    await table.show(range(9, 60))
    table.take_messages()
    await table.click(row=5)
    assert table.cursor == 13, "a row that moved under the pointer is not opened"
    assert [type(message) for message in table.take_messages()] == [CursorMoved]


async def test_double_click_opens_a_job_once_and_a_click_in_the_gutter_marks_it(table: TablePilot) -> None:
    for row in (1, 5):
        await table.click(row=row, times=2)
        opened = [message for message in table.take_messages() if isinstance(message, Opened)]
        assert [message.job.id.int for message in opened] == [9 + row]
        await table.press("home")

    for column, marked in ((0, {14}), (1, set[int]())):
        await table.click(row=5, column=column)
        assert (table.marked, table.cursor) == (marked, 10)

    await table.show([10, 11])
    table.take_messages()
    await table.click(row=8)
    assert (table.cursor, table.take_messages()) == (10, []), "a click below the rows does nothing"


async def test_click_on_a_sortable_column_title_requests_its_order(table: TablePilot) -> None:
    sortable = {"TOTAL": OrderColumn.TOTAL, "COST": OrderColumn.COST, "CREATED": OrderColumn.CREATED}
    for title in ("TOTAL", "COST", "CREATED", "STATUS", "MODE", "ERROR"):
        await table.click(row=0, column=table.lines[0].index(title))
        order = [ListOrder(column=sortable[title], descending=title != "CREATED")] if title in sortable else []
        assert table.take_messages() == [OrderRequested(one) for one in order], title


LENGTH = 3_000


class LongTable:
    """A table that requests rows of a long list. A request is answered when the test calls `arrive`."""

    def __init__(self, pilot: TablePilot) -> None:
        self.pilot = pilot
        self.table = pilot.table
        self.list = LongList(range(FIRST, FIRST + LENGTH))
        self.query = RowWindowQuery(anchor=End.FIRST, after=600)

    @property
    def requested(self) -> list[RowWindowQuery]:
        """The row requests since the last answer."""
        return [message.window for message in self.pilot.app.messages if isinstance(message, RowsRequested)]

    async def arrive(self) -> None:
        """Answer the last request or, without a new one, the previously answered request again."""
        if self.requested:
            self.query = self.requested[-1]
        self.pilot.take_messages()
        self.table.show(self.list.window(self.query), now=NOON)
        await self.pilot.settle()


@pytest.fixture
async def long_table(empty_table: TablePilot) -> LongTable:
    """A table of three thousand rows: the first six hundred are loaded, and ten are visible."""
    long_table = LongTable(empty_table)
    await long_table.arrive()
    return long_table


async def test_scrollbar_has_the_length_of_the_list_and_dragging_it_requests_rows(long_table: LongTable) -> None:
    assert long_table.table.virtual_size.height == 602
    long_table.table.count(Count(number=LENGTH))
    await long_table.pilot.settle()

    assert long_table.table.virtual_size.height == LENGTH + 1
    assert long_table.table.vertical_scrollbar.window_virtual_size == LENGTH + 1
    assert long_table.table.view.position == Position(number=1, is_exact=True, length=Count(number=LENGTH))

    for y, cursor in ((LENGTH / 2, None), (LENGTH, FIRST + LENGTH - 1)):
        long_table.table.post_message(ScrollTo(y=y, animate=False))
        await long_table.pilot.settle()
        assert len(long_table.requested) == 1
        await long_table.arrive()
        assert long_table.pilot.cursor == cursor


async def test_keys_request_rows_once_and_are_applied_when_rows_arrive(long_table: LongTable) -> None:
    for _ in range(68):
        long_table.table.action_move(0, 1)
    await long_table.pilot.settle()
    assert long_table.table.scroll_y < 68 * 9
    assert len(long_table.requested) == 1
    await long_table.arrive()
    assert (long_table.pilot.cursor, long_table.table.scroll_y) == (FIRST + 68 * 9, 68 * 9)
    assert len(long_table.pilot.cursor_lines) == 1

    await long_table.pilot.press("end", "end")
    assert [request.anchor for request in long_table.requested] == [End.LAST]
    await long_table.arrive()
    assert long_table.pilot.cursor == FIRST + LENGTH - 1
    assert long_table.pilot.cursor_lines == [10]


async def test_pending_key_moves_no_cursor_and_can_be_canceled(long_table: LongTable) -> None:
    await long_table.pilot.press("end", "enter")
    opened = [message for message in long_table.pilot.app.messages if isinstance(message, Opened)]
    assert [message.job.id.int for message in opened] == [FIRST]

    long_table.table.stop_waiting()
    await long_table.pilot.settle()
    await long_table.arrive()
    assert long_table.pilot.cursor == FIRST


def style_at(table: TablePilot, x: int, y: int) -> Style:
    for segment in table.strips[y]:
        x -= cell_len(segment.text)
        if x < 0:
            assert segment.style is not None
            return segment.style
    raise AssertionError("beyond the end of the line")


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
