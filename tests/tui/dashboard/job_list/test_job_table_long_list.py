"""The job table on a list that is longer than the loaded rows."""

import pytest
from textual.scrollbar import ScrollTo

from gjobs.store.job_list.list_query import End, RowWindowQuery
from gjobs.store.statistics.statistics import Count
from gjobs.tui.dashboard.list.job_table import Opened, RowsRequested
from gjobs.tui.text.status_text import Position
from tests.tui.dashboard.job_list.table_pilot import LongList, TablePilot
from tests.tui.sample_jobs import FIRST, NOON

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


async def test_scrollbar_has_the_length_of_the_list_and_dragging_it_requests_rows(
    long_table: LongTable,
) -> None:
    assert long_table.table.virtual_size.height == 602
    long_table.table.count(Count(number=LENGTH))
    await long_table.pilot.settle()

    assert long_table.table.virtual_size.height == LENGTH + 1
    assert long_table.table.vertical_scrollbar.window_virtual_size == LENGTH + 1
    assert long_table.table.position == Position(number=1, is_exact=True, length=Count(number=LENGTH))

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
