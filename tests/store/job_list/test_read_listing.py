"""Listings transfer only what changed, and compare what a user sees with what is hidden from them."""

import asyncio
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
from gjobs.store.database.query import ChangedRows, Query, TimeLimits, clock, make_number
from gjobs.store.errors import InvalidValue, TimedOut, UnexpectedError
from gjobs.store.job_list import list_sql, read_listing
from gjobs.store.job_list.list_query import (
    ListingQuery,
    ListOrder,
    ListQuery,
    OrderColumn,
    ReadRules,
    RowKey,
    RowWindowQuery,
    VisibilityComparison,
)
from gjobs.store.jobs.job import JobStatus
from gjobs.store.jobs.job_results import CappedCount
from gjobs.store.statistics.statistics import TotalsQuery
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR, ActingUser, Actor
from gjobs.tui.text.statistics_text import why_hidden
from tests.benchmarks.wire_proxy import wire_proxy
from tests.conftest import Conninfo
from tests.store.store_fixtures import ADA, BEN, NOW, Sql

OWN = UUID("a1000000-0000-4000-8000-000000000000")
"""Ada's project."""

BENS = UUID("b1000000-0000-4000-8000-000000000000")
OWN_ROWS = "Users can view own generation jobs"


@pytest.fixture
def shared_projects(app_sql: Sql) -> Sql:
    """Ada has the jobs 1 to 3 in her project and 5 in Ben's. Ben has 4 in Ada's project and 6 in his own."""
    for user_id, email, project_id in ((ADA, "ada@example.com", OWN), (BEN, "ben@example.com", BENS)):
        app_sql("insert into auth.users (id, email) values (%s, %s)", (user_id, email))
        app_sql("insert into projects (id, user_id, name) values (%s, %s, 'Catalog')", (project_id, user_id))
    rows = ((1, ADA, OWN), (2, ADA, OWN), (3, ADA, OWN), (4, BEN, OWN), (5, ADA, BENS), (6, BEN, BENS))
    for number, owner, project_id in rows:
        status, created_at = "failed" if number == 3 else "queued", NOW - timedelta(minutes=number)
        app_sql(
            "insert into generation_jobs (id, user_id, project_id, status, mode, cost_cents, created_at)"
            " values (%s, %s, %s, %s, 'lifestyle', 10, %s)",
            (UUID(int=number), owner, project_id, status, created_at),
        )
    return app_sql


@pytest.fixture
async def as_ada(attached_database: Conninfo, shared_projects: Sql) -> AsyncIterator[Store]:
    async with Store(Database(attached_database)) as store:
        yield store.acting_as(ActingUser(id=ADA, email="ada@example.com"))


OF_OWN = RowWindowQuery(listed=ListQuery(project_id=OWN))


def numbers(visibility: VisibilityComparison) -> tuple[list[int], set[int]]:
    """Return the numbers of all jobs and of the hidden ones."""
    return [job.id.int for job in visibility.window.jobs], {identifier.int for identifier in visibility.hidden}


async def test_visibility_lists_the_jobs_of_a_project_a_status_or_a_page_and_marks_hidden_ones(
    as_ada: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    visibility = await as_ada.compare_visibility(OF_OWN)

    assert numbers(visibility) == ([1, 2, 3, 4], {4})
    assert (visibility.seen, visibility.everything) == (CappedCount(number=3), CappedCount(number=4))
    assert visibility.user == ActingUser(id=ADA, email="ada@example.com")
    (own_rows,) = visibility.rules.policies
    assert (own_rows.name, own_rows.is_permissive, own_rows.using) == (OWN_ROWS, True, "(auth.uid() = user_id)")
    assert visibility.rules == ReadRules(
        role="authenticated", is_granted=True, has_row_security=True, holds_for_operator=False, policies=(own_rows,)
    )
    assert why_hidden(visibility.rules) == f"The policy “{OWN_ROWS}” does not allow it."

    all_projects = await as_ada.compare_visibility(RowWindowQuery())
    assert numbers(all_projects) == ([1, 2, 3, 4, 5], {4})
    assert (all_projects.seen.number, all_projects.everything.number) == (4, 5)
    of_ben = await as_ada.compare_visibility(RowWindowQuery(listed=ListQuery(project_id=BENS)))
    assert numbers(of_ben) == ([5, 6], {6})

    failed = await as_ada.compare_visibility(RowWindowQuery(listed=ListQuery(status=JobStatus.FAILED)))
    assert numbers(failed) == ([3], set())
    queued = await as_ada.compare_visibility(RowWindowQuery(listed=ListQuery(project_id=OWN, status=JobStatus.QUEUED)))
    assert numbers(queued) == ([1, 2, 4], {4})
    assert (queued.seen.number, queued.everything.number) == (2, 3)

    # A listing with visibility shows everything else as the user.
    plain = await as_ada.get_listing(ListingQuery(window=OF_OWN))
    listing = await as_ada.get_listing(ListingQuery(window=OF_OWN, with_visibility=True))
    assert plain.visibility is None
    assert listing.visibility == visibility
    assert listing.window == listing.visibility.window
    assert replace(listing, visibility=None, query=plain.query, window=plain.window) == plain
    assert [project.id for project in listing.projects] == [OWN]

    monkeypatch.setattr(read_listing, "MOST_COUNTED", 3)
    page = await as_ada.compare_visibility(RowWindowQuery(after=2))
    assert numbers(page) == ([1, 2], set())
    assert page.window.has_after
    assert page.seen == page.everything == CappedCount(number=3, is_more=True)


async def test_concurrent_first_visibility_reads_do_not_deadlock_and_need_an_acting_user(as_ada: Store) -> None:
    """Each holds one of the two connections, so neither may wait for another one."""
    async with asyncio.timeout(TimeLimits().patience):
        one, other = await asyncio.gather(
            as_ada.compare_visibility(RowWindowQuery()), as_ada.compare_visibility(RowWindowQuery())
        )
    assert one == other

    operator = Store(as_ada.database)
    with pytest.raises(InvalidValue, match="needs a user"):
        await operator.compare_visibility(RowWindowQuery())
    with pytest.raises(InvalidValue, match="needs a user"):
        await operator.get_listing(ListingQuery(with_visibility=True))


async def test_snapshot_shows_both_actors_the_same_moment(as_ada: Store, shared_projects: Sql) -> None:
    """A row inserted between the two reads would look hidden."""
    async with as_ada.database.snapshot() as snapshot:
        count = list_sql.length(OF_OWN.listed, limit=11, readable=frozenset())
        (before,) = await snapshot.read(Store(as_ada.database).actor, count)
        shared_projects(
            "insert into generation_jobs (user_id, project_id, mode) values (%s, %s, 'lifestyle')", (str(ADA), str(OWN))
        )
        (after,) = await snapshot.read(as_ada.actor, count)
    assert (before, after) == ([4], [3])


class TestRules:
    async def test_visibility_says_that_users_have_no_grant(self, as_ada: Store, shared_projects: Sql) -> None:
        for right in ("all on generation_jobs", "all on projects, assets", "usage on schema public"):
            shared_projects(f"revoke {right} from authenticated, public")
            await as_ada.capability_cache.refresh()
            listing = await as_ada.get_listing(ListingQuery(window=OF_OWN, with_visibility=True))
            assert listing.visibility is not None
            assert numbers(listing.visibility) == ([1, 2, 3, 4], {1, 2, 3, 4})
            rules = listing.visibility.rules
            assert (rules.is_granted, rules.has_row_security) == (False, True)
            assert why_hidden(rules) == "The role authenticated has no grant to read the jobs, so no user sees any."
            assert listing.projects == ()

    async def test_visibility_reports_no_policy_or_no_row_level_security(
        self, as_ada: Store, shared_projects: Sql
    ) -> None:
        shared_projects(f'drop policy "{OWN_ROWS}" on generation_jobs')
        visibility = await as_ada.compare_visibility(OF_OWN)
        assert numbers(visibility) == ([1, 2, 3, 4], {1, 2, 3, 4})
        rules = visibility.rules
        assert (rules.is_granted, rules.has_row_security, rules.policies) == (True, True, ())
        assert why_hidden(rules) == "Row level security is on, but no policy lets authenticated read any job."

        shared_projects("alter table generation_jobs disable row level security")
        visibility = await as_ada.compare_visibility(OF_OWN)
        assert numbers(visibility) == ([1, 2, 3, 4], set())
        assert (visibility.rules.is_granted, visibility.rules.has_row_security) == (True, False)

    async def test_visibility_lists_only_read_policies_that_apply_to_users_without_running_them(
        self, as_ada: Store, shared_projects: Sql
    ) -> None:
        """A policy that ran with the operator's rights could do anything."""
        shared_projects(
            "create function public.trap() returns boolean language plpgsql as $$ begin raise 'run'; end $$"
        )
        shared_projects(
            "create policy trap on generation_jobs for select to authenticated using (user_id is null and trap())"
        )
        visibility = await as_ada.compare_visibility(OF_OWN)
        assert numbers(visibility) == ([1, 2, 3, 4], {4})
        assert visibility.rules.policies[1].using == "((user_id IS NULL) AND trap())"

        shared_projects("drop policy trap on generation_jobs")
        for name, clause in (
            ("everyone's", "for select to anon using (true)"),
            ("all", "for all to authenticated using (false)"),
            ("writing", "for update using (true)"),
            ("strict", "as restrictive for select to public using (cost_cents > 0)"),
            ("empty", "for select to authenticated"),
        ):
            shared_projects(f'create policy "{name}" on generation_jobs {clause}')

        rules = (await as_ada.compare_visibility(OF_OWN)).rules

        assert [(policy.name, policy.is_permissive, policy.using) for policy in rules.policies] == [
            (OWN_ROWS, True, "(auth.uid() = user_id)"),
            ("all", True, "false"),
            ("empty", True, None),
            ("strict", False, "(cost_cents > 0)"),
        ]
        assert why_hidden(rules) == (
            "None of the 3 permissive policies allows this job, or this restrictive policy hides it: “strict”."
        )

    async def test_visibility_reports_that_the_policies_apply_to_the_operator(
        self, as_ada: Store, shared_projects: Sql, attached_database: Conninfo, recording_login: str
    ) -> None:
        shared_projects(f"grant select on generation_jobs, projects to {recording_login}")
        few_rights = Store(Database({**attached_database, "user": recording_login}), as_ada.actor)

        visibility = await few_rights.compare_visibility(OF_OWN)

        assert visibility.rules.holds_for_operator
        assert (visibility.everything.number, visibility.seen.number) == (0, 3)
        await few_rights.close()


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
        status = "failed" if number == 3 else "queued"
        app_sql(
            "insert into generation_jobs (id, user_id, project_id, status, mode, cost_cents, created_at, updated_at)"
            " values (%s, %s, %s, %s, 'lifestyle', 10, %s, %s)",
            (UUID(int=number), ADA, PROJECT, status, NOW - timedelta(minutes=number), NOW),
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
