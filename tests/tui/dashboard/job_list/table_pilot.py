"""A job table in an app of its own, driven by keys and mouse."""

from bisect import bisect_left
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import ClassVar

from textual import on
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.events import MouseScrollDown
from textual.message import Message
from textual.pilot import Pilot
from textual.strip import Strip

from gjobs.store.job_list.list_query import NEWEST_FIRST, End, RowWindow, RowWindowQuery
from gjobs.store.jobs.job import GenerationJob
from gjobs.tui.dashboard.list.job_table import (
    CursorLost,
    CursorMoved,
    JobTable,
    MarksChanged,
    Opened,
    OrderRequested,
    RowsRequested,
)
from tests.tui.app_waits import AppDriver, settle
from tests.tui.sample_jobs import NOON, listed_job, make_job, window_of

SIZE = (80, 11)  # ten rows below the header


class LongList:
    """A list that is longer than the loaded rows, newest first: job numbers ascend."""

    def __init__(self, numbers: Iterable[int]) -> None:
        self.numbers = list(numbers)

    def place(self, number: int) -> int:
        """Return the index of a number in the list, or where it would be inserted."""
        return bisect_left(self.numbers, number)

    def window(self, query: RowWindowQuery) -> RowWindow:
        match query.anchor:
            case End.FIRST:
                start, stop = 0, query.after
            case End.LAST:
                start, stop = len(self.numbers) - query.before, len(self.numbers)
            case key:
                place = self.place(key.id.int)
                start, stop = place - query.before, place + query.after
        start = max(0, start)
        return RowWindow(
            query=query,
            jobs=tuple(map(listed_job, self.numbers[start:stop])),
            has_before=start > 0,
            has_after=stop < len(self.numbers),
            has_starts=True,
        )


class CountingTable(JobTable):
    """A table that records the screen lines it draws."""

    def __init__(self) -> None:
        super().__init__()
        self.painted: list[int] = []

    def render_line(self, y: int) -> Strip:
        self.painted.append(y)
        return super().render_line(y)


class TableApp(App[None]):
    """An app that keeps the messages of its table and counts the escape keys that the table ignored."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "escaped", "")]

    def __init__(self) -> None:
        super().__init__()
        self.table = CountingTable()
        self.messages: list[Message] = []
        self.escaped = 0

    def compose(self) -> ComposeResult:
        yield self.table

    def action_escaped(self) -> None:
        self.escaped += 1

    @on(CursorMoved)
    @on(CursorLost)
    @on(Opened)
    @on(MarksChanged)
    @on(OrderRequested)
    @on(RowsRequested)
    def keep(self, message: Message) -> None:
        self.messages.append(message)


class TablePilot(AppDriver):
    """Show jobs by their numbers, lower numbers being newer, and read the state of the table."""

    app: TableApp

    def __init__(self, app: TableApp, pilot: Pilot[None]) -> None:
        super().__init__(app, pilot)
        self.table = app.table

    async def show(self, numbers: Iterable[int]) -> None:
        await self.show_jobs(make_job(number) for number in numbers)

    async def show_jobs(self, jobs: Iterable[GenerationJob]) -> None:
        self.table.show(window_of(jobs), now=NOON)
        await self.settle()

    async def click(self, *, row: int, column: int = 20, times: int = 1) -> None:
        await self.pilot.click(JobTable, offset=(column, row), times=times)
        await self.settle()

    async def turn_wheel_down(self) -> None:
        self.table.post_message(MouseScrollDown(self.table, 20, 5, 0, 0, 0, False, False, False))
        await self.settle()

    @property
    def cursor(self) -> int | None:
        job = self.table.cursor_job
        return None if job is None else job.id.int

    @property
    def marked(self) -> set[int]:
        return {job_id.int for job_id in self.table.marked}

    @property
    def lines(self) -> list[str]:
        return [strip.text.rstrip() for strip in self.strips]

    @property
    def strips(self) -> list[Strip]:
        return [JobTable.render_line(self.table, y) for y in range(self.table.size.height)]

    @property
    def cursor_lines(self) -> list[int]:
        """The screen lines that show the cursor."""
        return [y for y, line in enumerate(self.lines) if line[:1] == "›"]

    def take_messages(self) -> list[Message]:
        """Return and forget the messages of the table."""
        messages, self.app.messages = self.app.messages, []
        return messages

    def take_painted(self) -> list[int]:
        """Return and forget the screen lines that were drawn."""
        painted, self.table.painted = self.table.painted, []
        return sorted(set(painted))


@asynccontextmanager
async def running_table() -> AsyncIterator[TablePilot]:
    app = TableApp()
    async with app.run_test(size=SIZE) as pilot:
        app.table.focus()
        app.table.sort = NEWEST_FIRST
        await settle(app)
        yield TablePilot(app, pilot)
