"""Six dashboards and the app share a transaction pool of two connections for two minutes of simulated time."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID

import psycopg
from psycopg.conninfo import make_conninfo
from textual import on

from gjobs.store.job_list.list_query import Listing, ListingQuery
from gjobs.store.poller import DEFAULT_INTERVAL
from gjobs.store.statistics.statistics import Totals, TotalsQuery
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR, ActingUser, Actor
from gjobs.tui.dashboard.session.session_poller import ListPolled
from gjobs.tui.dashboard.terminal.appearance import frame_text
from tests.hosted.access_routes import Login
from tests.hosted.pooler import POOL_SIZE
from tests.hosted.statement_log import record_transcript
from tests.tui.dashboard.dashboard_driver import WatchedApp, opener_of
from tests.tui.jobs_database import ADA, BEN, FROZEN, JobsDatabase

INTERVAL = timedelta(seconds=DEFAULT_INTERVAL)

POLLS = timedelta(minutes=2) // INTERVAL

ASSET = UUID("c1000000-0000-4000-8000-000000000000")

MOST_POLLS_BETWEEN = timedelta(seconds=20) // INTERVAL
"""The maximum number of polls of one dashboard between two polls of another."""

OWNERS: dict[Actor, set[UUID]] = {OPERATOR: {ADA, BEN}, ActingUser(id=ADA): {ADA}, ActingUser(id=BEN): {BEN}}
"""The owners of the projects that each actor sees."""

ACTORS = (*OWNERS, *OWNERS)

STATE = """
    select current_user, current_setting('role'), nullif(current_setting('request.jwt.claims', true), ''),
           current_setting('statement_timeout'), current_setting('lock_timeout'),
           current_setting('idle_in_transaction_session_timeout'), current_setting('transaction_read_only'),
           current_setting('transaction_isolation')
"""

UNCHANGED_STATE = ("postgres", "none", None, "2min", "0", "0", "off", "read committed")


class SimulatedDashboard(WatchedApp):
    """A dashboard whose clock advances by an interval after each poll, which makes the next poll due."""

    def __init__(self, login: Login, actor: Actor, polls: list["SimulatedDashboard"]) -> None:
        def now() -> datetime:
            return FROZEN + self.polls * INTERVAL

        class SimulatedStore(Store):
            async def get_listing(self, query: ListingQuery, *, at: datetime | None = None) -> Listing:
                return await super().get_listing(query, at=now())

            async def get_totals(
                self, query: TotalsQuery, *, at: datetime | None = None, with_flow: bool = False
            ) -> Totals:
                return await super().get_totals(query, at=now(), with_flow=with_flow)

        super().__init__(opener_of(login.conninfo, actor=actor, make=SimulatedStore), clock=now)
        self.seen: set[frozenset[UUID]] = set()
        """The owners of the projects in the result of each poll."""
        self.done = asyncio.Event()
        self.last_frame = ""
        self._polls = polls

    @on(ListPolled)
    def _poll_again(self, message: ListPolled) -> None:
        self._polls.append(self)
        self.seen.add(frozenset(project.user_id for project in message.result.value.projects))
        if self.polls < POLLS:
            self.call_later(self.poller.refresh)
        else:
            self.done.set()

    async def run_until_done(self) -> None:
        async with self.run_test(size=(80, 24)) as pilot:
            await self.done.wait()
            await pilot.pause()
            self.last_frame = frame_text(self)
            self.exit()


async def run_the_app(login: Login, stopped: asyncio.Event) -> int:
    """Write through the same pool, check the state of its connections, and return the number of writes."""
    address = make_conninfo(login.url, application_name="app")
    writes = 0
    async with await psycopg.AsyncConnection.connect(address, autocommit=True, prepare_threshold=None) as connection:
        while not stopped.is_set():
            assert await (await connection.execute(STATE)).fetchone() == UNCHANGED_STATE
            written = await connection.execute("update assets set width = width + 1 where id = %s", [ASSET])
            writes += written.rowcount
    return writes


def longest_wait(polls: Sequence[SimulatedDashboard]) -> int:
    """Return the highest number of polls of one dashboard between two polls of another."""
    waits = []
    for app in set(polls):
        own = [place for place, other in enumerate(polls) if other is app]
        waits += [max(Counter(polls[before + 1 : after]).values(), default=0) for before, after in pairwise(own)]
    return max(waits)


async def test_six_dashboards_share_a_pool_without_blocking_or_leaving_traces(
    pooled_by_transaction: Login, jobs_db: JobsDatabase
) -> None:
    jobs_db.asset(ASSET, "mug.png")
    jobs_db.sql("update assets set width = 0")
    polls: list[SimulatedDashboard] = []
    stopped = asyncio.Event()
    with record_transcript(pooled_by_transaction) as transcript:
        apps = [SimulatedDashboard(pooled_by_transaction, actor, polls) for actor in ACTORS]
        async with asyncio.TaskGroup() as tasks:
            app_writes = tasks.create_task(run_the_app(pooled_by_transaction, stopped))
            await asyncio.gather(*(app.run_until_done() for app in apps))
            stopped.set()
        recorded = transcript()

    for app, actor in zip(apps, ACTORS, strict=True):
        assert (app.failures, app.internal_error, app.seen) == (0, None, {frozenset(OWNERS[actor])})
        assert ("Trail gear" if actor == ActingUser(id=BEN) else "Autumn catalog") in app.last_frame
    assert longest_wait(polls) <= MOST_POLLS_BETWEEN
    assert jobs_db.sql("select width from assets") == [(app_writes.result(),)]
    assert app_writes.result() >= POLLS // 2
    assert (recorded.traces, recorded.problems, recorded.writes) == ([], [], 0)
    assert len(recorded.by_session) <= POOL_SIZE
