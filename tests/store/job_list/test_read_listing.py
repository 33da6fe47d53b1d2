"""The visibility comparison: what a user sees, what is hidden from them, and why. On the app's schema."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from gjobs.store.database.database import Database
from gjobs.store.database.query import TimeLimits
from gjobs.store.errors import InvalidValue
from gjobs.store.job_list import list_sql, read_listing
from gjobs.store.job_list.list_query import ListingQuery, ListQuery, ReadRules, RowWindowQuery, VisibilityComparison
from gjobs.store.jobs.job import JobStatus
from gjobs.store.jobs.job_results import CappedCount
from gjobs.store.store import Store
from gjobs.store.users.actor import ActingUser
from gjobs.tui.text.statistics_text import why_hidden
from tests.conftest import Conninfo
from tests.store.store_fixtures import ADA, BEN, NOW, Sql

OWN = UUID("a1000000-0000-4000-8000-000000000000")
"""Ada's project."""

BENS = UUID("b1000000-0000-4000-8000-000000000000")
OWN_ROWS = "Users can view own generation jobs"


@pytest.fixture
def app_sql(app_sql: Sql) -> Sql:
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
async def as_ada(attached_database: Conninfo, app_sql: Sql) -> AsyncIterator[Store]:
    store = Store(Database(attached_database))
    yield store.acting_as(ActingUser(id=ADA, email="ada@example.com"))
    await store.close()


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


async def test_snapshot_shows_both_actors_the_same_moment(as_ada: Store, app_sql: Sql) -> None:
    """A row inserted between the two reads would look hidden."""
    async with as_ada.database.snapshot() as snapshot:
        count = list_sql.length(OF_OWN.listed, limit=11, readable=frozenset())
        (before,) = await snapshot.read(Store(as_ada.database).actor, count)
        app_sql(
            "insert into generation_jobs (user_id, project_id, mode) values (%s, %s, 'lifestyle')", (str(ADA), str(OWN))
        )
        (after,) = await snapshot.read(as_ada.actor, count)
    assert (before, after) == ([4], [3])


class TestRules:
    async def test_visibility_says_that_users_have_no_grant(self, as_ada: Store, app_sql: Sql) -> None:
        for right in ("all on generation_jobs", "all on projects, assets", "usage on schema public"):
            app_sql(f"revoke {right} from authenticated, public")
            await as_ada.capability_cache.refresh()
            listing = await as_ada.get_listing(ListingQuery(window=OF_OWN, with_visibility=True))
            assert listing.visibility is not None
            assert numbers(listing.visibility) == ([1, 2, 3, 4], {1, 2, 3, 4})
            rules = listing.visibility.rules
            assert (rules.is_granted, rules.has_row_security) == (False, True)
            assert why_hidden(rules) == "The role authenticated has no grant to read the jobs, so no user sees any."
            assert listing.projects == ()

    async def test_visibility_reports_no_policy_or_no_row_level_security(self, as_ada: Store, app_sql: Sql) -> None:
        app_sql(f'drop policy "{OWN_ROWS}" on generation_jobs')
        visibility = await as_ada.compare_visibility(OF_OWN)
        assert numbers(visibility) == ([1, 2, 3, 4], {1, 2, 3, 4})
        rules = visibility.rules
        assert (rules.is_granted, rules.has_row_security, rules.policies) == (True, True, ())
        assert why_hidden(rules) == "Row level security is on, but no policy lets authenticated read any job."

        app_sql("alter table generation_jobs disable row level security")
        visibility = await as_ada.compare_visibility(OF_OWN)
        assert numbers(visibility) == ([1, 2, 3, 4], set())
        assert (visibility.rules.is_granted, visibility.rules.has_row_security) == (True, False)

    async def test_visibility_lists_only_read_policies_that_apply_to_users_without_running_them(
        self, as_ada: Store, app_sql: Sql
    ) -> None:
        """A policy that ran with the operator's rights could do anything."""
        app_sql("create function public.trap() returns boolean language plpgsql as $$ begin raise 'run'; end $$")
        app_sql("create policy trap on generation_jobs for select to authenticated using (user_id is null and trap())")
        visibility = await as_ada.compare_visibility(OF_OWN)
        assert numbers(visibility) == ([1, 2, 3, 4], {4})
        assert visibility.rules.policies[1].using == "((user_id IS NULL) AND trap())"

        app_sql("drop policy trap on generation_jobs")
        for name, clause in (
            ("everyone's", "for select to anon using (true)"),
            ("all", "for all to authenticated using (false)"),
            ("writing", "for update using (true)"),
            ("strict", "as restrictive for select to public using (cost_cents > 0)"),
            ("empty", "for select to authenticated"),
        ):
            app_sql(f'create policy "{name}" on generation_jobs {clause}')

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
        self, as_ada: Store, app_sql: Sql, attached_database: Conninfo, recording_login: str
    ) -> None:
        app_sql(f"grant select on generation_jobs, projects to {recording_login}")
        few_rights = Store(Database({**attached_database, "user": recording_login}), as_ada.actor)

        visibility = await few_rights.compare_visibility(OF_OWN)

        assert visibility.rules.holds_for_operator
        assert (visibility.everything.number, visibility.seen.number) == (0, 3)
        await few_rights.close()
