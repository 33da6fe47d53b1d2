"""A replica that is promoted while it is used accepts writes with its next answer."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from gjobs.store.database.database import Database
from gjobs.store.errors import ReadOnly
from gjobs.store.job_list.list_query import ListingQuery
from gjobs.store.jobs.job import JobStatus
from gjobs.store.jobs.job_results import Applied
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR
from tests.conftest import Conninfo
from tests.hosted.access_routes import Login
from tests.hosted.cluster import Server
from tests.hosted.replica import Replica, start_replica
from tests.tui.dashboard.dashboard_driver import WatchedApp, drive_dashboard, opener_of
from tests.tui.jobs_database import JobsDatabase, job_id


@pytest.fixture
def promotable(hosted_server: Server, app_database: Conninfo, jobs_db: JobsDatabase) -> Iterator[Replica]:
    with start_replica(hosted_server, f"of_{app_database['dbname']}") as replica:
        replica.catch_up()
        yield replica


async def test_promoted_replica_accepts_writes_with_the_next_answer(promotable: Replica, owner: Login) -> None:
    async with Store(Database(promotable.login(owner.database))) as store:
        with pytest.raises(ReadOnly, match="replica"):
            await store.transition_job_status(job_id(1), JobStatus.RUNNING)
        await store.get_listing(ListingQuery())
        assert not store.database.access.may_write
        promotable.promote()
        await store.get_listing(ListingQuery())
        assert store.database.access.may_write
        assert isinstance(await store.transition_job_status(job_id(1), JobStatus.RUNNING), Applied)


async def test_first_statement_after_a_promotion_may_be_a_write(promotable: Replica, owner: Login) -> None:
    async with Store(Database(promotable.login(owner.database))) as store:
        await store.get_listing(ListingQuery())
        promotable.promote()
        assert isinstance(await store.transition_job_status(job_id(1), JobStatus.RUNNING), Applied)


async def test_dashboard_writes_as_soon_as_an_answer_shows_the_promotion(promotable: Replica, owner: Login) -> None:
    login = replace(owner, conninfo=promotable.login(owner.database), server=promotable.server)
    async with drive_dashboard(WatchedApp(opener_of(login.conninfo, actor=OPERATOR))) as driver:
        await driver.shows("read-only")
        await driver.press("s")
        await driver.shows_message("This server is a replica and accepts no writes.")
        promotable.promote()
        await driver.refreshes()
        await driver.shows_no_longer("read-only")
        await driver.press("s")
        await driver.shows("3 ▸ running 3")
