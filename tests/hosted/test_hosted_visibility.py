"""The visibility comparison and the searches on the app's own database with each login."""

import pytest

from gjobs.store.database.database import Database
from gjobs.store.errors import NoPrivilege
from gjobs.store.job_list.list_query import ListingQuery, ListQuery, RowWindowQuery
from gjobs.store.statistics.statistics import TotalsQuery
from gjobs.store.store import Store
from gjobs.store.users.actor import ActingUser
from gjobs.tui.text.statistics_text import why_hidden
from tests.conftest import Conninfo
from tests.hosted.access_routes import SOME_LOGINS, Login
from tests.hosted.statement_log import record_transcript
from tests.tui.jobs_database import ADA, AUTUMN, BEN, TRAIL, JobsDatabase, fill, job_id


async def compare_visibility(store: Store) -> tuple[set[int], int, int]:
    """Return the hidden jobs of Autumn, and the numbers of visible and of all jobs."""
    visibility = await store.compare_visibility(RowWindowQuery(listed=ListQuery(project_id=AUTUMN)))
    return (
        {identifier.int >> 96 for identifier in visibility.hidden},
        visibility.seen.number,
        visibility.everything.number,
    )


@pytest.mark.parametrize("login", SOME_LOGINS, indirect=True)
async def test_visibility_comparison_and_searches_leave_no_trace(login: Login, jobs_db: JobsDatabase) -> None:
    jobs_db.job(9, owner=BEN)
    with record_transcript(login) as transcript:
        async with Store(Database(login.conninfo)) as operator:
            store = operator.acting_as(ActingUser(id=ADA))
            assert {user.id for user in await operator.find_users("")} == {ADA, BEN}
            assert [job.id for job in (await operator.find_by_id("00000008")).jobs] == [job_id(8)]
            assert [user.id for user in (await operator.find_by_id(str(BEN))).users] == [BEN]
            if login.is_owner:
                assert [user.email for user in await operator.find_users("ADA@")] == ["ada@example.com"]
                assert await compare_visibility(store) == ({9}, 6, 7)
                window = RowWindowQuery(listed=ListQuery(project_id=AUTUMN))
                listing = await store.get_listing(ListingQuery(window=window, with_visibility=True))
                numbers = await store.get_totals(TotalsQuery(project_id=AUTUMN))
                assert numbers.statistics is not None
                assert (numbers.statistics.total_count, len(listing.window.jobs)) == (6, 7)
                assert (await store.find_by_id(str(TRAIL))).projects == ()
        recorded = transcript()

    assert (recorded.traces_of(login), recorded.problems, recorded.writes) == ([], [], 0)
    if not login.is_owner:
        async with Store(Database(login.conninfo)) as operator:
            with pytest.raises(NoPrivilege):
                await operator.acting_as(ActingUser(id=ADA)).compare_visibility(RowWindowQuery())


async def test_visibility_comparison_explains_jobs_hidden_by_a_missing_grant(ungranted_database: Conninfo) -> None:
    jobs_db = JobsDatabase(ungranted_database)
    fill(jobs_db)
    jobs_db.close()
    async with Store(Database(ungranted_database)) as operator:
        store = operator.acting_as(ActingUser(id=ADA))
        visibility = await store.compare_visibility(RowWindowQuery(listed=ListQuery(project_id=AUTUMN)))
        assert (len(visibility.hidden), visibility.everything.number, visibility.rules.is_granted) == (6, 6, False)
        assert "no grant" in why_hidden(visibility.rules)
