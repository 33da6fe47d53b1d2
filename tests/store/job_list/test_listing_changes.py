"""Repeated listings transfer only what changed, and equal those of a store that remembers nothing."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from gjobs.store.database.database import Database
from gjobs.store.database.query import ChangedRows, Query, clock, make_number
from gjobs.store.errors import TimedOut, UnexpectedError
from gjobs.store.job_list.list_query import (
    ListingQuery,
    ListOrder,
    ListQuery,
    OrderColumn,
    RowKey,
    RowWindowQuery,
)
from gjobs.store.jobs.job import JobStatus
from gjobs.store.statistics.statistics import TotalsQuery
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR, ActingUser, Actor
from tests.benchmarks.wire_proxy import wire_proxy
from tests.conftest import Conninfo
from tests.store.store_fixtures import ADA, BEN, NOW, Sql

PROJECT = UUID("a1000000-0000-4000-8000-000000000000")

ALL = ListingQuery(window=RowWindowQuery(after=8))

QUERIES = (
    ALL,
    ListingQuery(window=RowWindowQuery(listed=ListQuery(project_id=PROJECT, status=JobStatus.QUEUED), after=3)),
    ListingQuery(
        window=RowWindowQuery(
            listed=ListQuery(order=ListOrder(column=OrderColumn.TOTAL)),
            anchor=RowKey(value=timedelta(seconds=60), id=UUID(int=3)),
            before=2,
            after=2,
        )
    ),
)

CHANGES = (
    "update generation_jobs set cost_cents = 99 where id = '{2}'",
    "update generation_jobs set error = E'50 %% of \\u00e9t\\u00e9' where id = '{3}'",
    "delete from generation_jobs where id = '{1}'",
    """
    insert into generation_jobs (id, user_id, project_id, status, mode, cost_cents, created_at, updated_at)
    select '{9}', user_id, project_id, 'queued', mode, 5, created_at + interval '1 hour', updated_at
      from generation_jobs where id = '{5}'
    """,
    "update generation_jobs set created_at = created_at - interval '1 day' where id = '{2}'",
    "insert into projects (user_id, name) select user_id, 'New' from projects limit 1",
    "update projects set name = 'Renamed' where name = 'New'",
    "update generation_jobs set user_id = '{ben}' where id in ('{4}', '{5}')",
    "delete from generation_jobs",
)


class CountedDatabase(Database):
    """A database that counts queries."""

    def __init__(self, conninfo: Conninfo) -> None:
        super().__init__(conninfo)
        self.sent: list[int] = []

    async def read_together(self, actor: Actor, *queries: Query[Any], **options: Any) -> tuple[list[Any], ...]:
        self.sent.append(len(queries))
        return await super().read_together(actor, *queries, **options)


@pytest.fixture
def filled(app_sql: Sql) -> Sql:
    for user_id, email in ((ADA, "ada@example.com"), (BEN, "ben@example.com")):
        app_sql("insert into auth.users (id, email) values (%s, %s)", (user_id, email))
    app_sql("insert into projects (id, user_id, name) values (%s, %s, 'Catalog')", (PROJECT, ADA))
    for number in range(1, 7):
        app_sql(
            "insert into generation_jobs (id, user_id, project_id, status, mode, cost_cents, created_at, updated_at)"
            " values (%s, %s, %s, %s, 'lifestyle', 10, %s, %s)",
            (
                UUID(int=number),
                ADA,
                PROJECT,
                "failed" if number == 3 else "queued",
                NOW - timedelta(minutes=number),
                NOW,
            ),
        )
    return app_sql


@pytest.fixture
async def database(attached_database: Conninfo, filled: Sql) -> AsyncIterator[CountedDatabase]:
    database = CountedDatabase(attached_database)
    yield database
    await database.close()


async def test_listing_after_each_change_equals_one_that_is_read_whole(database: CountedDatabase, filled: Sql) -> None:
    stores = {(actor, query): Store(database, actor) for actor in (OPERATOR, ActingUser(id=ADA)) for query in QUERIES}
    for change in ("select", *CHANGES):
        filled(change.format(*(UUID(int=number) for number in range(10)), ben=BEN))
        for (actor, query), store in stores.items():
            whole = await Store(database, actor).get_listing(query)
            for repeat in range(3):
                listing = await store.get_listing(query)
                assert listing == whole, (change, actor, repeat)
                assert listing.taken_at > whole.taken_at
    assert listing.window.jobs == ()


async def test_unchanged_rows_are_not_sent_again(database: CountedDatabase, filled: Sql) -> None:
    store = Store(database)
    first = await store.get_listing(ALL)
    database.sent.clear()
    second = await store.get_listing(ALL)
    assert database.sent == [1]
    assert second.taken_at > first.taken_at
    assert all(one is other for one, other in zip(first.window.jobs, second.window.jobs, strict=True))

    filled("update generation_jobs set cost_cents = 11 where id = %s", (UUID(int=4),))
    changed = [await store.get_listing(ALL) for _ in range(3)]
    # The first read asks for the digest, then for the rows. The second read asks for changed rows immediately. The
    # third asks only for the digest.
    assert database.sent == [1, 1, 4, 4, 1]
    pairs = zip(second.window.jobs, changed[0].window.jobs, strict=True)
    assert [(job.id.int, job.cost_cents) for former, job in pairs if former is not job] == [(4, 11)]
    assert all(one.window.jobs == other.window.jobs for one, other in pairwise(changed))


@pytest.mark.parametrize("actor", [OPERATOR, ActingUser(id=ADA)], ids=["operator", "user"])
async def test_unchanged_poll_takes_one_round_trip(attached_database: Conninfo, filled: Sql, actor: Actor) -> None:
    with wire_proxy(attached_database) as proxy:
        # Without a delay, an answer may overtake the rest of what was asked.
        proxy.delay = 0.01
        async with Store(Database(proxy.conninfo(attached_database)), actor) as store:
            for _ in range(4):
                await store.get_listing(ALL)
                await store.get_totals(TotalsQuery())
            before = proxy.traffic
            await store.get_listing(ALL)
            listed = proxy.traffic.since(before)
            await store.get_totals(TotalsQuery())
            counted = proxy.traffic.since(before).since(listed)
    assert (listed.round_trips, counted.round_trips) == (1, 1)
    assert listed.both < (750 if actor == OPERATOR else 1500)
    assert counted.both < 2200


async def test_totals_with_and_without_flow_transfer_only_what_neither_has_read(
    database: CountedDatabase, filled: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    received: list[Sequence[Any]] = []
    read_together = database.read_together

    async def read(*asked: Any, **options: Any) -> tuple[list[Any], ...]:
        received[:] = answers = await read_together(*asked, **options)
        return answers

    monkeypatch.setattr(database, "read_together", read)
    store = Store(database)
    totals = await store.get_totals(TotalsQuery())
    flow = await store.get_flow(TotalsQuery())
    together = await store.get_totals(TotalsQuery(), with_flow=True)
    _, *answers = received
    assert [answer[0][0] for answer in answers] == [b""] * 7
    assert (together.statistics, together.days) == (totals.statistics, totals.days)
    assert together.flow is not None
    assert together.flow.outcomes == flow.outcomes

    filled("update generation_jobs set cost_cents = 11 where id = %s", (UUID(int=4),))
    changed = await store.get_totals(TotalsQuery(), with_flow=True)
    _, by_status, *_ = received
    assert [number for _, number, *_ in by_status] == [1], "other rows are not sent again"
    assert await store.get_totals(TotalsQuery()) == replace(changed, flow=None)
    _, *answers = received
    assert [answer[0][0] for answer in answers] == [b""] * len(answers)


async def test_listing_survives_a_changed_type_and_prepares_no_statement(
    database: CountedDatabase, filled: Sql
) -> None:
    store = Store(database)

    async def prepared() -> int:
        names = Query(text("select count(*) from pg_prepared_statements"), make_number)
        return (await database.read(OPERATOR, names))[0]

    for number in range(5):
        filled("update generation_jobs set cost_cents = %s", (number,))
        await store.get_listing(ALL)
    assert await prepared() > 4
    filled("alter table projects alter column name type varchar(100)")
    filled("update projects set name = 'Other'")
    assert [project.name for project in (await store.get_listing(ALL)).projects] == ["Other"]
    before = await prepared()
    for _ in range(5):
        await store.get_listing(QUERIES[1])
    assert await prepared() == before


@pytest.mark.parametrize("is_repaired", [True, False])
async def test_rows_that_do_not_match_the_digest_are_read_again(is_repaired: bool) -> None:
    digests = [sha256(bytes([number])).digest()[:16] for number in range(2)]
    # This digest of another row starts with the same prefix as the first digest.
    mistaken = digests[0][:4] + bytes(12)
    answers: list[list[Any]] = [
        [(sha256(digests[0]).digest()[:16] + digests[0][:4], 1, digests[0], 7)],
        [(sha256(mistaken).digest()[:16] + mistaken[:4], None, None, None)],
        [(sha256(mistaken).digest()[:16] + mistaken[:4], 1, mistaken, 8)]
        if is_repaired
        else [(bytes(16) + mistaken[:4], 1, mistaken, 8)],
    ]

    async def read(*queries: Query[Any]) -> tuple[list[Any], ...]:
        return ([(NOW, bytes(16))],) if len(queries) == 1 else ([NOW], answers.pop(0))

    changed_rows, query = ChangedRows(), Query(text("select 1"), make_number)
    assert await changed_rows.read(read, clock(None), query) == (NOW, ([7],))
    if is_repaired:
        assert await changed_rows.read(read, clock(None), query) == (NOW, ([8],))
        return
    with pytest.raises(UnexpectedError):
        await changed_rows.read(read, clock(None), query)


async def test_queries_too_slow_for_one_statement_are_read_apart() -> None:
    """Two queries are each fast enough. Their digests in one statement are not."""
    digest = sha256(bytes(16)).digest()[:16]
    may_compile = list[bool]()

    async def read(*queries: Query[Any]) -> tuple[list[Any], ...]:
        may_compile.extend(query.may_compile for query in queries if query is not now)
        if len(queries) == 1:
            raise TimedOut("The statement took too long.")
        knows_rows = queries[1].parameters["gjobs_digest"] != b""
        return ([NOW], *([("", None, None)] if knows_rows else [(digest + bytes(4), 1, bytes(16), 7)],) * 2)

    now, changed_rows = clock(None), ChangedRows()
    first, second = (Query(text(f"select {number}"), make_number, may_compile=False) for number in range(2))
    assert await changed_rows.read(read, now, first, second) == (NOW, ([7], [7]))
    with pytest.raises(TimedOut):
        await changed_rows.read(read, now, first, second)
    for _ in range(2):
        assert await changed_rows.read(read, now, first, second) == (NOW, ([7], [7]))
    # The digests of other queries are asked for together again.
    assert await changed_rows.read(read, now, second, first) == (NOW, ([7], [7]))
    with pytest.raises(TimedOut):
        await changed_rows.read(read, now, second, first)
    assert not any(may_compile)
