"""Jobs at fixed times with fixed ids, and a table of them in an app of its own."""

from bisect import bisect_left
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, ClassVar
from uuid import UUID

from textual import on
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.events import MouseScrollDown
from textual.message import Message
from textual.pilot import Pilot
from textual.strip import Strip

from store.job_list.list_query import NEWEST_FIRST, End, ListingQuery, ListQuery, RowWindowQuery
from store.job_list.listing import Listing, ProjectName, RowWindow
from store.jobs.job import GenerationJob, JobStatus, ListedJob
from store.statistics.statistics import JobStatistics
from store.statistics.totals import Totals, TotalsQuery, exact_counts
from store.users.actor import OPERATOR
from tests.tui.settling import AppDriver, settle
from tui.dashboard.job_list.job_table import JobTable
from tui.text.format import Span

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

SIZE = (80, 11)  # ten rows below the header


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


FIRST = 1_000  # the newest job of a long list at the start: the lower arrive later


@cache
def listed_job(number: int) -> ListedJob:
    return make_listed(number, updated_at=NOON)


class LongList:
    """Newest first: the numbers of its jobs ascend."""

    def __init__(self, numbers: Iterable[int]) -> None:
        self.numbers = list(numbers)

    def place(self, number: int) -> int:
        """Where it is, or would be."""
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
        )


def make_totals(statistics: JobStatistics, **fields: Any) -> Totals:
    """Exact ones, counted at noon by the operator."""
    return replace(
        Totals(
            query=TotalsQuery(),
            counts=exact_counts(statistics),
            statistics=statistics,
            days=(),
            projects={},
            matching=None,
            taken_at=NOON,
            actor=OPERATOR,
        ),
        **fields,
    )


def make_listing(listed: ListQuery, *, held: int = 0, has_after: bool = False, **fields: Any) -> Listing:
    """The first so many jobs of a list, taken at noon."""
    query = RowWindowQuery(listed=listed)
    jobs = tuple(make_listed(number) for number in range(held))
    window = RowWindow(query=query, jobs=jobs, has_before=False, has_after=has_after)
    project = ProjectName(id=UUID(int=2), user_id=UUID(int=1), name="P")
    listing = Listing(
        query=ListingQuery(window=query), window=window, projects=(project,), has_project=True, taken_at=NOON
    )
    return replace(listing, **fields)


def texts(lines: Iterable[Iterable[Span]]) -> list[str]:
    return ["".join(text for text, _ in line).rstrip() for line in lines]


class CountingTable(JobTable):
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

    @on(JobTable.CursorMoved)
    @on(JobTable.CursorLost)
    @on(JobTable.Opened)
    @on(JobTable.MarksChanged)
    @on(JobTable.NewAbove)
    @on(JobTable.SortRequested)
    @on(JobTable.WindowRequested)
    def keep(self, message: Message) -> None:
        self.messages.append(message)


class TablePilot(AppDriver):
    """Shows jobs by their numbers, of which the lower were created later, and says what the table then has."""

    app: TableApp

    def __init__(self, app: TableApp, pilot: Pilot[None]) -> None:
        super().__init__(app, pilot)
        self.table = app.table

    async def show(self, numbers: Iterable[int]) -> None:
        await self.show_jobs(make_job(number) for number in numbers)

    async def show_jobs(self, jobs: Iterable[GenerationJob], *, now: datetime | None = None) -> None:
        self.table.show(list(jobs), now=now or NOON)
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
