"""Run the dashboard on a real store, press its keys and read its screen."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypedDict, Unpack
from uuid import UUID

from textual import on
from textual.command import CommandList, CommandPalette
from textual.widgets import Input, Select

from gjobs.store.configuration.settings import WriteAccess, WriteMode
from gjobs.store.database.database import Database
from gjobs.store.database.query import TimeLimits
from gjobs.store.job_list.list_query import IndexAdvice, Listing, ListQuery
from gjobs.store.job_list.read_listing import ListCost
from gjobs.store.jobs.job import GenerationJob
from gjobs.store.journal.journal import Journal
from gjobs.store.poller import PollResult
from gjobs.store.store import Store
from gjobs.store.users.actor import ActingUser, Actor
from gjobs.tui.dashboard.frame.app import GjobsApp
from gjobs.tui.dashboard.list.job_table import JobTable
from gjobs.tui.dashboard.panels.costs_panel import CostsPanel
from gjobs.tui.dashboard.panels.status_line import Banner
from gjobs.tui.dashboard.session.session_poller import ListPolled, ListPollFailed, Opener, TotalsPolled
from gjobs.tui.dashboard.widgets.message_board import ShownMessage
from gjobs.tui.session import Report, Session
from screenshots import frozen_store
from tests.conftest import Conninfo
from tests.store.faulty_servers import Proxy, proxied
from tests.tui.app_waits import AppDriver
from tests.tui.jobs_database import ADA, BEN, FROZEN, job_id

AS_ADA = ActingUser(id=ADA, email="ada@example.com")

AS_BEN = ActingUser(id=BEN, email="ben@example.com")

SIZE = (120, 36)


class FrozenStore(frozen_store.FrozenStore):
    frozen_at = FROZEN


class Gate:
    """Hold the calls of one store method until the test releases a call or opens the gate."""

    def __init__(
        self,
        method: str,
        holds: Callable[..., bool] = lambda *_: True,
        *,
        fails: Exception | None = None,
        holds_answers: bool = False,
    ) -> None:
        """With `holds_answers`, the gate holds the answers of the database instead of the calls."""
        self.calls = 0
        self.fails = fails
        self._is_open = False
        self._passes = asyncio.Semaphore(0)

        async def wait(store: Store, *arguments: Any, **options: Any) -> Any:
            async def answer() -> Any:
                return await getattr(super(self.store, store), method)(*arguments, **options)

            if not holds(store, *arguments):
                return await answer()
            self.calls += 1
            early = await answer() if holds_answers else None
            if not self._is_open:
                await self._passes.acquire()
            if self.fails:
                raise self.fails
            return early if holds_answers else await answer()

        self.store: type[FrozenStore] = type("GatedStore", (FrozenStore,), {method: wait})

    def release(self) -> None:
        self._passes.release()

    def open(self) -> None:
        self._is_open = True
        for _ in range(self.calls):
            self.release()


class ExpensiveStore(FrozenStore):
    """A store whose query planner rates every list as expensive."""

    ADVICE = IndexAdvice(columns="error", sql="create index concurrently jobs_error on generation_jobs (error)")

    async def get_list_cost(self, query: ListQuery) -> ListCost | None:
        return ListCost(cost=1e6, seconds=10.0, advice=self.ADVICE)


class Clock:
    """A clock that stands still until a test sets it."""

    now = FROZEN

    def __call__(self) -> datetime:
        return self.now


def opener_of(
    conninfo: Conninfo,
    *,
    actor: Actor = AS_ADA,
    rule: WriteMode = WriteMode.OPEN,
    label: str = "testbase",
    make: Callable[[Database], Store] = FrozenStore,
    limits: TimeLimits | None = None,
    clock: Callable[[], datetime] = lambda: FROZEN,
    journal: Path | None = None,
) -> Opener:
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
    """A dashboard that counts its polls of the list and of the totals, and the polls that failed."""

    def __init__(
        self, opener: Opener, *, interval: float = 60.0, clock: Callable[[], datetime] = lambda: FROZEN, **fields: Any
    ) -> None:
        super().__init__(opener, interval=interval, clock=clock, **{"state_path": None, **fields})
        self.polls = self.totals_polls = self.failures = 0

    @on(ListPolled)
    def _count_poll(self) -> None:
        self.polls += 1

    @on(TotalsPolled)
    def _count_totals_poll(self, message: TotalsPolled) -> None:
        self.totals_polls += message.is_complete

    @on(ListPollFailed)
    def _count_failure(self) -> None:
        self.failures += 1


@asynccontextmanager
async def drive_dashboard(
    app: WatchedApp, *, size: tuple[int, int] = SIZE, waits: bool = True
) -> AsyncIterator["Driver"]:
    """Run the dashboard. Wait until it shows its first data or error, unless `waits` is false."""
    async with app.run_test(size=size) as pilot:
        driver = Driver(app, pilot)
        if waits:
            await driver.until(app.settled.is_set)
            await driver.settle()
        yield driver
        await driver.leave()


@asynccontextmanager
async def dashboard_on(
    conninfo: Conninfo,
    *,
    size: tuple[int, int] = SIZE,
    clock: Callable[[], datetime] = lambda: FROZEN,
    **options: Any,
) -> AsyncIterator["Driver"]:
    """Run a dashboard on a database, with the options of `opener_of` and of the app."""
    app_options = {name: options.pop(name) for name in ("interval", "setup", "state_path") if name in options}
    app = WatchedApp(opener_of(conninfo, clock=clock, **options), clock=clock, **app_options)
    async with drive_dashboard(app, size=size) as driver:
        yield driver


Drive = Callable[..., AbstractAsyncContextManager["Driver"]]
"""`dashboard_on` with the test's own database."""


@asynccontextmanager
async def behind_a_proxy(
    conninfo: Conninfo, interval: float = 0.05, **opening: Any
) -> AsyncIterator[tuple["Driver", Proxy]]:
    async with (
        proxied(conninfo) as (proxy, through_proxy),
        dashboard_on(through_proxy, interval=interval, **opening) as driver,
    ):
        yield driver, proxy


def with_keys(message: ShownMessage) -> str:
    """Return a message as the line shows it, with its keys."""
    return f"{message.text} {message.keys}".rstrip()


class Expected(TypedDict, total=False):
    """Expected results of a key: a dialog, a message, texts that appear or disappear, the rows, any condition."""

    dialog: str
    message: str
    shows: str | tuple[str, ...]
    hides: str
    rows: list[int]
    until: Callable[[], object]


class Driver(AppDriver):
    """A running dashboard. Each wait is for a condition; a failed wait prints the screen."""

    app: WatchedApp
    _earlier = 0
    """The number of messages before the last keys."""

    @property
    def messages(self) -> list[str]:
        """The messages shown since `clear_messages`, oldest first."""
        return [one.text for one in self.app.messages.kept]

    @property
    def warnings(self) -> list[str]:
        """The warnings and errors among the messages."""
        return [one.text for one in self.app.messages.kept if one.severity != "information"]

    async def leave(self) -> None:
        """Quit as a user does. The pilot alone would remove the widgets while poll results still arrive."""
        self.app.exit()
        await self.until(lambda: not self.app.is_running)

    async def press(self, *keys: str, on: int | None = None, **expected: Unpack[Expected]) -> None:
        """Move the cursor to the job `on`, press the keys, and wait for the expected results.

        The user has seen the effect of each key, and the selected job, for some time before pressing the next one.
        """
        if on is not None:
            await self.go_to(on)
        self._earlier = len(self.messages)
        for key in keys:
            self.app.key_queue._refused_until = 0.0
            if self.app.screen is self.app.dashboard and not self.showed_selection:
                await self.settle()
            await super().press(key)
            await self.until(self.has_delivered_keys)
        await self.expects(**expected)
        await self.until(self.has_delivered_keys)

    def has_delivered_keys(self) -> bool:
        """Return whether all keys were handled, as far as no dialog or list is awaited.

        The queue waits for a slow dialog by a timer, so `settle` alone does not wait for the keys.
        """
        queue = self.app.key_queue
        is_held = queue._is_opening() or not queue._is_next_ready(is_patient=True)
        return not self.app.is_running or queue.is_idle or is_held

    async def expects(self, **expected: Unpack[Expected]) -> None:
        if "dialog" in expected:
            await self.has_dialog(expected["dialog"])
        if "message" in expected:
            await self.shows_message(expected["message"])
        if "shows" in expected:
            await self.shows(*([expected["shows"]] if isinstance(expected["shows"], str) else expected["shows"]))
        if "rows" in expected:
            await self.until(lambda: self.rows == expected["rows"])
        if "until" in expected:
            await self.until(expected["until"])
        if "hides" in expected:
            await self.shows_no_longer(expected["hides"])

    async def go_to(self, number: int) -> None:
        """Move the cursor to a job as soon as it is listed, and wait until the screen shows it."""
        await self.until(lambda: self.table.move_to(job_id(number)))
        await self.until(lambda: self.showed_selection)
        await self.settle()

    async def mark(self, *numbers: int) -> None:
        for number in numbers:
            await self.press("space", on=number, until=lambda number=number: number in self.marked)  # type: ignore[misc]

    async def type(self, text: str, *keys: str, into: str | None = None, **expected: Unpack[Expected]) -> None:
        """Replace the text of a field, by default the focused one, and then press the keys."""
        if into is not None:
            await self.focus_on(into)
        await self.until(lambda: isinstance(self.app.focused, Input))
        field = self.app.focused
        assert isinstance(field, Input)
        field.value = text
        await self.settle()
        await self.press(*keys, **expected)

    async def filter(self, text: str, *keys: str, **expected: Unpack[Expected]) -> None:
        await self.press("slash")
        await self.type(text, *keys, **expected)

    async def act_as(self, actor: Actor, **expected: Unpack[Expected]) -> None:
        """Act as a user or as the operator, as the user picker does. The picker itself is slow."""
        self._earlier = len(self.messages)
        self.app.act_as(self.session.operator.acting_as(actor))
        await self.settle()
        await self.expects(**expected)

    def value(self, selector: str) -> object:
        """Return the value of a field in the top dialog."""
        field = self.app.screen.query_one(selector)
        assert isinstance(field, Input | Select)
        return field.value

    async def command(self, words: str, **expected: Unpack[Expected]) -> None:
        """Run a command from the palette. The palette fills slowly, so wait until Enter would run this one."""
        await self.press("ctrl+p")
        await self.until(lambda: isinstance(self.app.screen, CommandPalette))
        await self.type(words)
        await self.until(lambda: words in self.offered_command)
        await self.press("enter")
        await self.until(lambda: not isinstance(self.app.screen, CommandPalette))
        await self.expects(**expected)

    @property
    def session(self) -> Session:
        assert self.app.poller.session is not None
        return self.app.poller.session

    @property
    def offered_command(self) -> str:
        """The palette's command that Enter runs; empty if there is none."""
        commands = self.app.screen.query_one(CommandList)
        return "" if commands.highlighted is None else str(commands.get_option_at_index(commands.highlighted).prompt)

    async def shows(self, *texts: str) -> None:
        def are_shown() -> bool:
            screen = self.text
            return all(text in screen for text in texts)

        await self.until(are_shown)

    async def shows_no_longer(self, text: str) -> None:
        await self.until(lambda: text not in self.text)

    async def has_dialog(self, title: str) -> None:
        """Wait until the top dialog has this title. An empty title waits until no dialog is open."""
        await self.until(lambda: self.dialog == title)

    async def shows_message(self, text: str) -> None:
        """Wait until a message since the last keys has the text, even if another one has replaced it."""

        def is_shown() -> bool:
            since = list(self.app.messages.kept)[self._earlier :]
            return text in self.message or any(text in with_keys(one) for one in since)

        await self.until(is_shown)

    async def has_shown(self, text: str) -> None:
        """Wait until a message had the text, even if another one has replaced it."""
        await self.until(lambda: any(text in message for message in self.messages))

    @property
    def message(self) -> str:
        """The message on the line, with its keys; empty without one."""
        passing = self.app.messages.passing
        return "" if passing is None else with_keys(passing)

    async def focus_on(self, selector: str) -> None:
        self.app.screen.query_one(selector).focus()
        await self.settle()

    async def show_project(self, name: str) -> None:
        """Show a project, or "all projects", as the project picker does. Wait until its jobs and costs are shown."""

        def ids() -> dict[str, UUID | None]:
            listing = self.app.dashboard.listing
            return {"all projects": None, **({one.name: one.id for one in listing.projects} if listing else {})}

        await self.until(lambda: name in ids())
        self.app.dashboard.choose_project(ids()[name])
        await self.settle()
        # On a busy machine, "Counting …" can appear before the list does.
        await self.shows(f"Costs · {name}")
        await self.until(lambda: self.listed == self.app.dashboard.listed and self.costs != ["Counting …"])

    async def refreshes(self, **expected: Unpack[Expected]) -> None:
        """Press the refresh key and wait until list and totals were polled."""
        polls, totals_polls = self.app.polls, self.app.totals_polls
        await self.press("f5")
        await self.until(lambda: self.app.polls > polls and self.app.totals_polls > totals_polls)
        await self.settle()
        await self.expects(**expected)

    async def refreshes_behind(self, **expected: Unpack[Expected]) -> None:
        """Poll the list without a key, because a dialog or a field has the focus."""
        self.app.action_refresh()
        await self.polls_again()
        await self.expects(**expected)

    async def polls_again(self, times: int = 1) -> None:
        """Wait until the list was polled this many more times. An idle list is polled as after a key."""
        polls = self.app.polls

        def are_done() -> bool:
            if self.app.poller.is_idle:
                self.app.poller.touch()
            return self.app.polls >= polls + times

        await self.until(are_done)
        await self.settle()

    @property
    def header(self) -> str:
        return self.text.splitlines()[0]

    async def warnings_by_key(self, *keys: str) -> list[str]:
        """Press each key alone and return the warnings and errors that it caused."""
        warnings: list[str] = []
        for key in keys:
            self.clear_messages()
            await self.press(key)
            warnings += self.warnings
        return warnings

    def clear_messages(self) -> None:
        """Forget all messages, also the one on the line."""
        self.app.messages.forget()
        self.app.messages.clear_passing()

    @property
    def banner(self) -> str:
        """The text of the banner; empty if none is shown."""
        banner = self.app.dashboard.query_one(Banner)
        return str(banner.render()) if banner.display else ""

    @property
    def showed_selection(self) -> bool:
        """Whether the screen showed the selected job. True while there is no table."""
        return all(table.showed_selection(time.monotonic()) for table in self.app.dashboard.query(JobTable))

    @property
    def table(self) -> JobTable:
        return self.app.dashboard.jobs.table

    @property
    def cursor(self) -> int | None:
        job = self.table.cursor_job
        return None if job is None else number_of(job)

    @property
    def marked(self) -> set[int]:
        return {number_of(job) for job in self.table.marked_jobs}

    @property
    def listed(self) -> ListQuery | None:
        """The query of the listed rows; None before the first rows."""
        listing = self.app.dashboard.listing
        return listing.query.window.listed if listing else None

    @property
    def listed_jobs(self) -> tuple[GenerationJob, ...]:
        listing = self.app.dashboard.jobs._listing
        return listing.window.jobs if listing else ()

    @property
    def rows(self) -> list[int]:
        """The numbers of the listed jobs."""
        return [number_of(job) for job in self.listed_jobs]

    def row(self, place: int) -> str:
        """Return the text of a table line; line 0 has the column titles."""
        return self.table.render_line(place).text

    @property
    def costs(self) -> list[str]:
        """The lines of the cost panel, with single blanks and short arrows."""
        panel = self.app.dashboard.query_one(CostsPanel)
        return [" ".join(line.replace("─", "").split()) for line in str(panel.render()).splitlines()]

    @property
    def title(self) -> str:
        """The title of the job list."""
        return str(self.app.dashboard.jobs.border_title)

    @property
    def dialog(self) -> str:
        """The title of the top dialog; empty if none is open."""

        boxes = self.app.screen.query("#dialog")
        return str(boxes.first().border_title) if boxes else ""


def list_polled(store: Store, listing: Listing, fetched_at: datetime) -> ListPolled:
    """Return the message of a poll that has found a changed list."""
    result = PollResult(
        generation=1,
        value=listing,
        is_changed=True,
        fetched_at=fetched_at,
        requested_at=0.0,
        duration=0.0,
    )
    return ListPolled(store, result)


def number_of(job: GenerationJob) -> int:
    return job.id.int >> 96
