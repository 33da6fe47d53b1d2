"""The job table with keyboard and mouse: cursor, marks and clicks follow jobs, not screen lines."""

import time
from uuid import UUID

from textual._compositor import ChopsUpdate

from gjobs.store.job_list.list_query import ListOrder, OrderColumn
from gjobs.tui.dashboard.list.job_table import CursorLost, CursorMoved, MarksChanged, Opened, OrderRequested
from tests.tui.dashboard.job_list.table_pilot import TablePilot


async def test_first_job_gets_the_cursor_and_a_cleared_table_forgets_it(empty_table: TablePilot) -> None:
    await empty_table.show([])
    assert empty_table.take_messages() == []
    await empty_table.show(range(10, 60))
    assert empty_table.cursor == 10
    assert [type(message) for message in empty_table.take_messages()] == [CursorMoved]

    assert empty_table.table.move_to(UUID(int=50))
    assert empty_table.cursor == 50
    assert not empty_table.table.move_to(UUID(int=99))
    assert empty_table.cursor == 50
    assert len(empty_table.cursor_lines) == 1

    await empty_table.press("space", "end")
    empty_table.table.clear()
    await empty_table.settle()
    assert (empty_table.table.cursor_job, empty_table.marked) == (None, set())
    await empty_table.show(range(100, 160))
    assert (empty_table.cursor, empty_table.table.scroll_y) == (100, 0)


async def test_navigation_keys_move_the_cursor(table: TablePilot) -> None:
    for key, cursor in (
        *(("down", 11), ("j", 12), ("k", 11), ("up", 10), ("up", 10)),
        *(("pagedown", 19), ("pagedown", 28), ("pageup", 19), ("end", 59)),
        *(("home", 10), ("G", 59), ("g", 10)),
    ):
        await table.press(key)
        assert table.cursor == cursor, key
        assert len(table.cursor_lines) == 1


async def test_changed_rows_keep_cursor_and_mark_on_their_job_until_it_leaves(table: TablePilot) -> None:
    await table.press("down", "down", "down", "down", "space", "up")
    table.take_messages()
    for numbers in (range(60), range(59, 9, -1)):
        await table.show(numbers)
        assert (table.cursor, table.marked, len(table.cursor_lines)) == (14, {14}, 1)
        assert table.take_messages() == []
    await table.press("enter")
    (opened,) = table.take_messages()
    assert isinstance(opened, Opened)
    assert opened.job.id.int == 14

    await table.show([*range(10, 14), *range(15, 60)])
    assert (table.table.cursor_job, table.cursor_lines) == (None, [])
    messages = table.take_messages()
    assert MarksChanged(frozenset({UUID(int=14)})) in messages
    assert CursorLost(UUID(int=14), has_left=True) in messages
    assert any(isinstance(message, CursorMoved) for message in messages)
    await table.press("enter", "space")
    assert (table.marked, table.take_messages()) == (set(), [])


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


async def test_every_table_key_is_configurable_and_has_a_tooltip(table: TablePilot) -> None:
    bindings = [binding for _, binding in table.table._bindings]

    assert all(binding.id and binding.id.startswith("jobs.") and binding.tooltip for binding in bindings)
    table.app.set_keymap({"jobs.down": "n"})
    await table.press("n", "j")
    assert table.cursor == 11
