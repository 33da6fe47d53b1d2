"""The dashboard on a real store, driven by keys and read from its screen."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from uuid import UUID

from textual import on
from textual.command import CommandList, CommandPalette
from textual.pilot import Pilot
from textual.widgets import Input, Static

from store.budgets.budget import Budgets
from store.database.database import Database
from store.database.query import TimeLimits
from store.database.write_access import WriteAccess, WriteMode
from store.job_list.list_query import ListingQuery, ListQuery
from store.job_list.listing import Listing
from store.jobs.job import GenerationJob
from store.journal.journal import Journal
from store.leases.lease import WorkersOverview
from store.statistics.counting import Report as NumbersReport
from store.statistics.totals import Totals, TotalsQuery
from store.store import Store
from store.users.actor import ActingUser, Actor
from store.validation import PAGE_SIZE
from tests.tui.settling import press, resize, settle, until
from tests.tui.world import ADA, FROZEN, job_id
from tui.dashboard.app import GjobsApp
from tui.dashboard.job_list.job_table import JobTable
from tui.dashboard.messages import ListPolled, ListPollFailed, TotalsPolled
from tui.dashboard.run import frame_text
from tui.dashboard.session_poller import Opener
from tui.dashboard.setup import DashboardSetup
from tui.dashboard.status_line import Banner
from tui.session import Report, Session

AS_ADA = ActingUser(id=ADA, email="ada@example.com")

SIZE = (120, 36)


class FrozenStore(Store):
    """For which it is always the same moment."""

    async def get_listing(self, query: ListingQuery, *, at: datetime | None = None) -> Listing:
        return await super().get_listing(query, at=at or FROZEN)

    async def get_totals(self, query: TotalsQuery, *, at: datetime | None = None) -> Totals:
        return await super().get_totals(query, at=at or FROZEN)

    async def get_budgets(
        self,
        project_id: UUID | None = None,
        *,
        user_id: UUID | None = None,
        limit: int = PAGE_SIZE,
        at: datetime | None = None,
    ) -> Budgets:
        return await super().get_budgets(project_id, user_id=user_id, limit=limit, at=at or FROZEN)

    async def get_exact_totals(
        self, query: TotalsQuery, report: NumbersReport, *, at: datetime | None = None
    ) -> Totals:
        return await super().get_exact_totals(query, report, at=at or FROZEN)

    async def get_workers_overview(self, *, limit: int = PAGE_SIZE, at: datetime | None = None) -> WorkersOverview:
        return await super().get_workers_overview(limit=limit, at=at or FROZEN)


def opener_of(
    conninfo: Mapping[str, str | int],
    *,
    actor: Actor = AS_ADA,
    rule: WriteMode = WriteMode.OPEN,
    label: str = "testbase",
    make: Callable[[Database], Store] = FrozenStore,
    limits: TimeLimits | None = None,
    clock: Callable[[], datetime] = lambda: FROZEN,
    journal: Path | None = None,
) -> Opener:
    """Opens a session on a server that is up, or not."""

    @asynccontextmanager
    async def opener(report: Report) -> AsyncIterator[Session]:
        access = WriteAccess(rule, clock=clock)
        kept = Journal(journal, database=label) if journal else None
        operator = make(Database(conninfo, access=access, limits=limits, journal=kept))
        try:
            yield Session(store=operator.acting_as(actor), operator=operator, label=label, access=access)
        finally:
            await operator.close()

    return opener


class WatchedApp(GjobsApp):
    """Counts the looks that arrive, and those that fail."""

    def __init__(
        self,
        opener: Opener,
        *,
        state_path: Path | None = None,
        interval: float = 60.0,
        clock: Callable[[], datetime] = lambda: FROZEN,
        setup: DashboardSetup | None = None,
    ) -> None:
        super().__init__(opener, state_path=state_path, interval=interval, clock=clock, setup=setup)
        self.looks = 0
        self.counts = 0
        self.failures = 0

    @on(ListPolled)
    def _count(self) -> None:
        self.looks += 1

    @on(TotalsPolled)
    def _count_numbers(self) -> None:
        self.counts += 1

    @on(ListPollFailed)
    def _count_failure(self) -> None:
        self.failures += 1


@asynccontextmanager
async def drive_dashboard(app: WatchedApp, *, size: tuple[int, int] = SIZE) -> AsyncIterator["Driver"]:
    """Runs the dashboard, and waits until there is something to see."""
    async with app.run_test(size=size, notifications=True) as pilot:
        driver = Driver(app, pilot)
        await driver.until(app.settled.is_set)
        await driver.settle()
        yield driver
        await driver.leave()


class Driver:
    """A running dashboard. Each wait is for a condition, and fails with the screen where it does not come."""

    def __init__(self, app: WatchedApp, pilot: Pilot[int]) -> None:
        self.app = app
        self.pilot = pilot

    async def until(self, condition: Callable[[], object]) -> None:
        await until(condition, lambda: f"the screen:\n{self.text}\nthe toasts: {self.toasts}")

    async def leave(self) -> None:
        """As a person does: the pilot alone would take the widgets away while looks still arrive."""
        self.app.exit()
        await self.until(lambda: not self.app.is_running)

    async def press(self, *keys: str) -> None:
        await press(self.app, *keys)

    async def resize(self, width: int, height: int) -> None:
        await resize(self.pilot, width, height)

    async def settle(self) -> None:
        await settle(self.app)

    async def go_to(self, number: int) -> None:
        """Puts the cursor on a job, as soon as it is listed."""
        await self.until(lambda: self.table.move_to(job_id(number)))
        await self.settle()

    async def type(self, text: str) -> None:
        """Into the focused field, in place of what it holds."""
        await self.until(lambda: isinstance(self.app.focused, Input))
        field = self.app.focused
        assert isinstance(field, Input)
        field.value = text
        await self.settle()

    async def command(self, words: str) -> None:
        """Runs it from the palette, as soon as enter runs it: the palette lists others first, and then some by some."""
        await self.press("ctrl+p")
        await self.until(lambda: isinstance(self.app.screen, CommandPalette))
        await self.type(words)
        await self.until(lambda: words in self.offered_command)
        await self.press("enter")
        await self.until(lambda: not isinstance(self.app.screen, CommandPalette))

    @property
    def offered_command(self) -> str:
        """The one of the open palette that enter runs; empty while there is none."""
        commands = self.app.screen.query_one(CommandList)
        return "" if commands.highlighted is None else str(commands.get_option_at_index(commands.highlighted).prompt)

    async def shows(self, *texts: str) -> None:
        await self.until(lambda: all(text in self.text for text in texts))

    async def shows_no_longer(self, text: str) -> None:
        await self.until(lambda: text not in self.text)

    async def has_dialog(self, title: str) -> None:
        """Waits for a dialog with this title on top; for none, where it is empty."""
        await self.until(lambda: self.dialog == title)

    async def shows_toast(self, text: str) -> None:
        """Waits for a toast."""
        await self.until(lambda: any(text in toast for toast in self.toasts))

    async def focus_on(self, selector: str) -> None:
        """Focuses a widget of the dialog on top, or of the dashboard."""
        self.app.screen.query_one(selector).focus()
        await self.settle()

    async def show_project(self, name: str) -> None:
        """Picks it, and waits until its jobs and its costs are shown; "all projects" is a name, too."""
        await self.press("p")
        await self.until(lambda: self.dialog == "Show which project?")
        await self.type(name)
        await self.press("enter")
        # On a busy machine it is said that costs are counted before there is a list.
        await self.shows(f"Costs · {name}")
        await self.until(lambda: self.listed == self.app.dashboard.listed and self.costs != ["Counting …"])

    async def refreshes(self) -> None:
        """Waits for the answer to a look that is asked for here."""
        looks, counts = self.app.looks, self.app.counts
        await self.press("f5")
        await self.until(lambda: self.app.looks > looks and self.app.counts > counts)
        await self.settle()

    @property
    def text(self) -> str:
        return frame_text(self.app)

    @property
    def header(self) -> str:
        return self.text.splitlines()[0]

    async def toasts_by_key(self, *keys: str) -> list[str]:
        """What each key by itself makes the dashboard tell."""
        told: list[str] = []
        for key in keys:
            self.app.clear_notifications()
            await self.press(key)
            told += self.toasts
        return told

    @property
    def toasts(self) -> list[str]:
        return [notification.message for notification in self.app._notifications]

    @property
    def banner(self) -> str:
        """Empty while none is shown."""
        banner = self.app.dashboard.query_one(Banner)
        return str(banner.render()) if banner.has_class("-shown") else ""

    @property
    def table(self) -> JobTable:
        return self.app.dashboard.jobs.table

    @property
    def cursor(self) -> int | None:
        job = self.table.cursor_job
        return None if job is None else number_of(job)

    @property
    def marked(self) -> set[int]:
        return {identifier.int >> 96 for identifier in self.table.marked}

    @property
    def listed(self) -> ListQuery | None:
        """What the rows are of; None before there are any."""
        listing = self.app.dashboard.listing
        return listing.query.window.listed if listing else None

    @property
    def rows(self) -> list[int]:
        """The jobs listed, by their numbers."""
        return [number_of(job) for job in self.app.dashboard.jobs._rows]

    def row(self, place: int) -> str:
        """What a line of the table says; the titles are line 0."""
        return self.table.render_line(place).text

    @property
    def costs(self) -> list[str]:
        """The lines of the cost panel, with single blanks."""
        panel = self.app.dashboard.query_one("#costs", Static)
        return [" ".join(line.split()) for line in str(panel.render()).splitlines()]

    @property
    def title(self) -> str:
        """Above the list of jobs."""
        return str(self.app.dashboard.jobs.border_title)

    @property
    def dialog(self) -> str:
        """The title of the dialog on top; empty while there is none."""
        boxes = self.app.screen.query("#dialog")
        return str(boxes.first().border_title) if boxes else ""


def number_of(job: GenerationJob) -> int:
    return job.id.int >> 96
