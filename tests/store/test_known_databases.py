"""How often a new session waits for the server before its first rows, and what happens after a wrong guess."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text

from gjobs.store.configuration.settings import resolve
from gjobs.store.database import query
from gjobs.store.database.database import Database
from gjobs.store.database.query import EarlyAnswers, Query, TimeLimits, make_number
from gjobs.store.job_list.list_query import ListingQuery, ListQuery
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR, ActingUser
from gjobs.tui.session import (
    MOST_KNOWN,
    Expected,
    Known,
    KnownDatabase,
    Session,
    first_listing,
    first_page,
    open_session,
)
from tests.benchmarks.wire_proxy import WireProxy, wire_proxy
from tests.conftest import Conninfo
from tests.store.store_fixtures import ADA, BEN, Db

FILE = "known-databases.json"
CONNECTED = 2
"""Round trips: one of TCP, and one of Postgres."""


@pytest.fixture(autouse=True)
def _no_time_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the time limits, so that a slow machine can't change the results."""
    monkeypatch.setattr("gjobs.store.database.query.MOST_SECONDS", 600.0)
    monkeypatch.setattr("gjobs.store.database.transactions._FURTHER_LIMITS", TimeLimits())


@pytest.fixture
def proxy(database: Conninfo) -> Iterator[WireProxy]:
    with wire_proxy(database) as proxy:
        # Without a delay, an answer may arrive mid-request. The rest then counts as another round trip.
        proxy.delay = 0.01
        yield proxy


class Sessions:
    """Opens sessions that share what they know, and counts their round trips after connecting."""

    def __init__(self, proxy: WireProxy, database: Conninfo, directory: Path) -> None:
        self._proxy, self._url, self._directory = proxy, proxy.url(database), directory
        self.conninfo = database
        self.round_trips = 0

    @asynccontextmanager
    async def open(self, expected: Expected = first_listing, act_as: str | None = None) -> AsyncIterator[Session]:
        settings = resolve(database_url=self._url, act_as=act_as, data_dir=self._directory, environment={})
        before = self._proxy.traffic
        async with open_session(settings, print, expected=expected) as session:
            yield session
            self.round_trips = self._proxy.traffic.since(before).round_trips - CONNECTED

    async def listed(self, expected: Expected = first_listing) -> list[UUID]:
        async with self.open(expected) as session:
            listing = await session.store.get_listing(ListingQuery())
            session.remember(None)
        return [job.id for job in listing.window.jobs]


@pytest.fixture
def sessions(proxy: WireProxy, database: Conninfo, tmp_path: Path) -> Sessions:
    return Sessions(proxy, database, tmp_path)


async def test_known_database_answers_at_once_with_its_first_list(sessions: Sessions, db: Db) -> None:
    for trips in (2, 1, 1):
        added = db.make_job()
        assert added in await sessions.listed()
        assert sessions.round_trips == trips
    async with sessions.open() as session:
        for _ in range(2):
            assert len((await session.store.get_listing(ListingQuery())).window.jobs) == 3
    assert sessions.round_trips == 2


async def test_page_with_names_takes_one_round_trip_and_two_as_a_user(sessions: Sessions, db: Db) -> None:
    project = db.make_project()
    job_id = db.make_job(project)
    for act_as, trips in (("operator", 2), ("operator", 1), (str(ADA), 2), ("ada@example.com", 2)):
        async with sessions.open(partial(first_page, limit=20), act_as) as session:
            page, names = await session.store.get_page_with_names(ListQuery(), limit=20)
            session.remember(None)
        assert ([job.id for job in page.items], names) == ([job_id], {project: "Catalog"})
        assert sessions.round_trips == trips
    async with sessions.open() as session:
        in_project = await session.store.get_page_with_names(ListQuery(project_id=project), limit=20)
        assert in_project == (page, {project: "Catalog"})


async def test_wrong_guess_leaves_the_list_right(sessions: Sessions, db: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gjobs.tui.session.STARTS_WITHOUT_GUESS", 2)
    job_id = db.make_job()

    def failing(_: Known) -> list[Query[int]]:
        return [Query(text("select 1 / 0"), make_number)]

    def missing(_: Known) -> list[Query[int]]:
        return [*first_listing(Known("app"))]

    await sessions.listed()
    for expected, trips in ((missing, 2), (failing, 3), (failing, 2), (failing, 2), (first_listing, 1)):
        assert await sessions.listed(expected) == [job_id]
        assert sessions.round_trips == trips


async def test_own_write_drops_the_early_answers(sessions: Sessions, db: Db) -> None:
    project = db.make_project()
    await sessions.listed()
    async with sessions.open() as session:
        session.access.open_permit("a test", 60)
        job = await session.store.create_generation_job(project_id=project, mode="product_to_image")
        assert [one.id for one in (await session.store.get_listing(ListingQuery())).window.jobs] == [job.id]
    counted = Query(text("select count(*) from public.projects"), make_number)
    insert = text("insert into projects (user_id, name) values (:owner, 'New') returning 1")
    added = Query(insert, make_number, {"owner": ADA})
    async with Store(Database(sessions.conninfo)) as store:
        store.database.early.expected = [counted]
        await store.database.inspect()
        await store.database.write_pipelined(OPERATOR, "add", added)
        assert await store.database.read(OPERATOR, counted) == [2]


async def test_user_never_gets_the_answer_of_an_operator(database: Conninfo, db: Db) -> None:
    counted = Query(text("select count(*) from public.projects"), make_number)
    db.make_project(BEN)
    async with Store(Database(database)) as store:
        store.database.early.expected = [counted]
        await store.database.inspect()
        assert await store.database.read(ActingUser(id=ADA), counted) == [0]
        db.make_project(BEN)
        assert await store.database.read(OPERATOR, counted) == [1], "the early answer is still there for the operator"


def test_early_answer_serves_one_equal_query_within_a_second() -> None:
    statement, now = text("select 1"), 0.0
    answers = EarlyAnswers(lambda: now)
    one, other = (Query(statement, make_number, {"rows": rows}) for rows in (1, 2))
    answers.expected = (one,)
    answers.keep([[(1,)]])
    assert answers.take([one, other]) is None
    assert answers.take([other]) is None
    assert answers.take([one]) == ([1],)
    assert answers.take([one]) is None
    answers.expected = (one,)
    answers.keep([[(1,)]])
    now = query.MOST_SECONDS + 0.1
    assert answers.take([one]) is None


def test_file_keeps_the_newest_databases_and_no_address(tmp_path: Path) -> None:
    path, known = tmp_path / "state" / FILE, Known("start", project_id=ADA)

    def database(port: int) -> KnownDatabase:
        return KnownDatabase(path, {"host": "db.example.com", "port": port})

    for port in (*range(MOST_KNOWN), 0, MOST_KNOWN):
        database(port).remember(known)
    assert [database(port).known for port in (0, 1)] == [known, None], "the one used again is kept"
    newest: Conninfo = {"host": "db.example.com", "port": MOST_KNOWN}
    last = KnownDatabase(path, newest)
    assert last.known == known
    for name, value in (("port", 1), ("host", "db.example.org"), ("dbname", "other"), ("user", "other")):
        assert KnownDatabase(path, {**newest, name: value}).known is None
    assert "example" not in path.read_text()
    last.remember(None)
    assert len(json.loads(path.read_text())) == MOST_KNOWN - 1
    for damaged in (
        "",
        "[1]",
        "{",
        json.dumps({key: {"columns": 1} for key in json.loads(path.read_text())}),
    ):
        path.write_text(damaged)
        assert KnownDatabase(path, {"host": "db.example.com", "port": 1}).known is None
