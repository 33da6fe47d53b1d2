"""Jobs at fixed times with fixed ids, and a table of them in an app of its own."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.events import MouseScrollDown
from textual.message import Message
from textual.pilot import Pilot
from textual.strip import Strip

from store.job_list.list_query import NEWEST_FIRST
from store.jobs.job import GenerationJob, JobStatus, ListedJob
from tests.tui.settling import press, resize, settle
from tui.dashboard.job_list.job_table import JobTable

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

SIZE = (80, 11)

"""Ten rows below the header."""


def make_job(number: int, **fields: Any) -> GenerationJob:
    """`make_job(3, mode="…")` is the queued job whose id is 3, created three minutes before noon."""
    created_at = NOON - timedelta(minutes=number)
    job = GenerationJob(
        id=UUID(int=number),
        user_id=UUID(int=1),
        project_id=UUID(int=2),
        status=JobStatus.QUEUED,
        mode="main_white",
        input_asset_id=None,
        error=None,
        cost_cents=250,
        created_at=created_at,
        updated_at=created_at,
    )
    return replace(job, **fields)


def make_listed(number: int, **fields: Any) -> ListedJob:
    """The same, as lists hold it."""
    job = make_job(number, **fields)
    return ListedJob(**{field.name: getattr(job, field.name) for field in dataclass_fields(job)})


class CountingTable(JobTable):
    """Keeps the lines that Textual asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.painted: list[int] = []

    def render_line(self, y: int) -> Strip:
        self.painted.append(y)
        return super().render_line(y)


class TableApp(App[None]):
    """Keeps the table's messages; `escaped` counts the escape keys that the table left alone."""

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

    def on_job_table_cursor_moved(self, message: JobTable.CursorMoved) -> None:
        self.messages.append(message)

    def on_job_table_cursor_lost(self, message: JobTable.CursorLost) -> None:
        self.messages.append(message)

    def on_job_table_opened(self, message: JobTable.Opened) -> None:
        self.messages.append(message)

    def on_job_table_marks_changed(self, message: JobTable.MarksChanged) -> None:
        self.messages.append(message)

    def on_job_table_new_above(self, message: JobTable.NewAbove) -> None:
        self.messages.append(message)

    def on_job_table_sort_requested(self, message: JobTable.SortRequested) -> None:
        self.messages.append(message)

    def on_job_table_window_requested(self, message: JobTable.WindowRequested) -> None:
        self.messages.append(message)


class TablePilot:
    """Shows jobs by their numbers, of which the lower were created later, and says what the table then has."""

    def __init__(self, app: TableApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.table = app.table
        self.pilot = pilot

    async def show(self, numbers: Iterable[int]) -> None:
        await self.show_jobs(make_job(number) for number in numbers)

    async def show_jobs(self, jobs: Iterable[GenerationJob], *, now: datetime | None = None) -> None:
        self.table.show(list(jobs), now=now or NOON)
        await self.settle()

    async def resize(self, width: int, height: int) -> None:
        await resize(self.pilot, width, height)

    async def settle(self) -> None:
        await settle(self.app)

    async def press(self, *keys: str) -> None:
        await press(self.app, *keys)

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
    def pointed_at(self) -> list[int]:
        """The screen lines with the cursor's glyph."""
        return [y for y, line in enumerate(self.lines) if line[:1] == "›"]

    def take_messages(self) -> list[Message]:
        """What the table said since this was last asked."""
        messages, self.app.messages = self.app.messages, []
        return messages

    def take_painted(self) -> list[int]:
        """The screen lines that were drawn since this was last asked."""
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
