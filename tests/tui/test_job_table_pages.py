"""Two thousand pages of jobs of a real database: each is seen once, and few are held."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual import work
from textual.pilot import Pilot

from store.database.database import Database
from store.job_list.list_query import NEWEST_FIRST, End, RowWindowQuery, key_of
from store.store import Store
from tests.conftest import Conninfo
from tests.tui.support import NOON, TableApp
from tests.tui.world import AUTUMN, JobsDatabase
from tui.dashboard.job_list.job_table import JobTable
from tui.dashboard.job_list.loaded_rows import spare_rows

PAGE = 10

JOBS = 2_000 * PAGE

PATIENCE = 60.0


@pytest.fixture
def many(empty_jobs_db: JobsDatabase) -> JobsDatabase:
    empty_jobs_db.users()
    empty_jobs_db.project(AUTUMN, "Autumn catalog", days_ago=1)
    empty_jobs_db.many_jobs(JOBS)
    return empty_jobs_db


class StoreTableApp(TableApp):
    """The table's windows come from a store; one more than a page is in sight."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store
        self.windows = 0
        self.most_held = 0

    @work(exclusive=True)
    async def fetch(self, query: RowWindowQuery) -> None:
        window = await self.store.get_window(query)
        self.windows += 1
        self.most_held = max(self.most_held, len(window.jobs))
        self.table.show_window(window, now=NOON)

    def on_job_table_window_requested(self, message: JobTable.WindowRequested) -> None:
        anchor = message.anchor if isinstance(message.anchor, End) else key_of(message.anchor, NEWEST_FIRST)
        self.fetch(RowWindowQuery(anchor=anchor, before=message.before, after=message.after))

    async def until_nothing_waits(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while self.table._view.waiting or not self.table._view.rows:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.001)

    @property
    def in_sight(self) -> list[int]:
        """The numbers of the jobs, of which the lower were created later."""
        return [job.id.int >> 96 for job in self.table._view.visible_jobs]


@asynccontextmanager
async def scrolling(conninfo: Conninfo) -> AsyncIterator[tuple[StoreTableApp, Pilot[None]]]:
    database = Database(conninfo)
    app = StoreTableApp(Store(database))
    async with app.run_test(size=(40, PAGE + 2)) as pilot:
        app.table.focus()
        app.fetch(RowWindowQuery())
        await app.until_nothing_waits()
        yield app, pilot
        await app.workers.wait_for_complete()
    await database.close()


async def test_paging_through_a_long_list_shows_every_job_once(many: JobsDatabase, database: Conninfo) -> None:
    async with scrolling(database) as (app, pilot):
        seen = app.in_sight
        for _ in range(JOBS // PAGE):
            app.table.action_page(1)
            await app.until_nothing_waits()
            seen += [number for number in app.in_sight if number > seen[-1]]
        assert seen == list(range(1, JOBS + 1))
        assert app.most_held <= 3 * spare_rows(PAGE + 1)
        assert app.windows < 400

        position = app.table.position
        assert position is not None
        assert (position.number, position.is_exact) == (JOBS, True)
        await pilot.press("home")
        await app.until_nothing_waits()
        assert (app.in_sight[0], app.table.cursor_job) == (1, app.table._view.rows.jobs[0])
        await pilot.press("end", "up")
        await app.until_nothing_waits()
        assert app.in_sight[-1] == JOBS
        assert app.table.cursor_job is not None
        assert app.table.cursor_job.id.int >> 96 == JOBS - 1
