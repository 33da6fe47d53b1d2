"""Six dashboards on one transaction pool of two, and the app itself beside them, for five minutes of simulated time."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID

import psycopg
from psycopg.conninfo import make_conninfo
from textual import on

from store.job_list.list_query import ListingQuery
from store.job_list.listing import Listing
from store.poller import DEFAULT_INTERVAL
from store.statistics.totals import Totals, TotalsQuery
from store.store import Store
from store.users.actor import OPERATOR, ActingUser, Actor
from tests.hosted.access_routes import Login
from tests.hosted.pooler import POOL_SIZE
from tests.hosted.statement_log import record_transcript
from tests.tui.dashboard.dashboard_driver import WatchedApp, opener_of
from tests.tui.jobs_database import ADA, BEN, FROZEN, JobsDatabase
from tui.dashboard.messages import ListPolled
from tui.dashboard.run import frame_text

INTERVAL = timedelta(seconds=DEFAULT_INTERVAL)

LOOKS = timedelta(minutes=5) // INTERVAL

ASSET = UUID("c1000000-0000-4000-8000-000000000000")

PATIENCE = timedelta(seconds=20) // INTERVAL

"""How many looks another may have had since one's own last."""

OWNERS: dict[Actor, set[UUID]] = {OPERATOR: {ADA, BEN}, ActingUser(id=ADA): {ADA}, ActingUser(id=BEN): {BEN}}

"""Whose projects each sees."""

ACTORS = (*OWNERS, *OWNERS)

STATE = """
    select current_user, current_setting('role'), nullif(current_setting('request.jwt.claims', true), ''),
           current_setting('statement_timeout'), current_setting('lock_timeout'),
           current_setting('idle_in_transaction_session_timeout'), current_setting('transaction_read_only'),
           current_setting('transaction_isolation')
"""

UNTOUCHED = ("postgres", "none", None, "2min", "0", "0", "off", "read committed")


class Onlooker(WatchedApp):
    """Its clock goes on by an interval when a look has been shown, and then the next is due."""

    def __init__(self, login: Login, actor: Actor, diary: list["Onlooker"]) -> None:
        def now() -> datetime:
            return FROZEN + self.polls * INTERVAL

        class SimulatedStore(Store):
            async def get_listing(self, query: ListingQuery, *, at: datetime | None = None) -> Listing:
                return await super().get_listing(query, at=now())

            async def get_totals(self, query: TotalsQuery, *, at: datetime | None = None) -> Totals:
                return await super().get_totals(query, at=now())

        super().__init__(opener_of(login.conninfo, actor=actor, make=SimulatedStore), clock=now)
        self.seen: set[frozenset[UUID]] = set()
        """Whose projects a look has brought, of every look."""
        self.done = asyncio.Event()
        self.last_frame = ""
        self._diary = diary

    @on(ListPolled)
    def _go_on(self, message: ListPolled) -> None:
        self._diary.append(self)
        self.seen.add(frozenset(project.user_id for project in message.listing.projects))
        if self.polls < LOOKS:
            self.call_later(self.poller.refresh)
        else:
            self.done.set()

    async def look_on(self) -> None:
        async with self.run_test(size=(80, 24)) as pilot:
            await self.done.wait()
            await pilot.pause()
            self.last_frame = frame_text(self)
            self.exit()


async def be_the_app(login: Login, stopped: asyncio.Event) -> int:
    """Works on the same pool and expects its connections to be as it left them. How often it wrote."""
    address = make_conninfo(login.url, application_name="app")
    writes = 0
    async with await psycopg.AsyncConnection.connect(address, autocommit=True, prepare_threshold=None) as connection:
        while not stopped.is_set():
            assert await (await connection.execute(STATE)).fetchone() == UNTOUCHED
            written = await connection.execute("update assets set width = width + 1 where id = %s", [ASSET])
            writes += written.rowcount
    return writes


def longest_wait(diary: Sequence[Onlooker]) -> int:
    """The most looks that any other has had between two of the same dashboard's."""
    waits = []
    for app in set(diary):
        own = [place for place, other in enumerate(diary) if other is app]
        waits += [max(Counter(diary[before + 1 : after]).values(), default=0) for before, after in pairwise(own)]
    return max(waits)


async def test_six_dashboards_share_a_pool_without_blocking_or_leaving_traces(
    pooled_by_transaction: Login, jobs_db: JobsDatabase
) -> None:
    jobs_db.asset(ASSET, "mug.png")
    jobs_db.sql("update assets set width = 0")
    diary: list[Onlooker] = []
    stopped = asyncio.Event()
    with record_transcript(pooled_by_transaction) as transcript:
        apps = [Onlooker(pooled_by_transaction, actor, diary) for actor in ACTORS]
        async with asyncio.TaskGroup() as tasks:
            app_itself = tasks.create_task(be_the_app(pooled_by_transaction, stopped))
            await asyncio.gather(*(app.look_on() for app in apps))
            stopped.set()
        said = transcript()

    for app, actor in zip(apps, ACTORS, strict=True):
        assert (app.failures, app.mistake, app.seen) == (0, None, {frozenset(OWNERS[actor])})
        assert ("Trail gear" if actor == ActingUser(id=BEN) else "Autumn catalog") in app.last_frame
    assert longest_wait(diary) <= PATIENCE
    assert jobs_db.sql("select width from assets") == [(app_itself.result(),)]
    assert app_itself.result() >= LOOKS // 2
    assert (said.traces, said.complaints, said.writes) == ([], [], 0)
    assert len(said.by_session) <= POOL_SIZE
