"""The database has committed, and the client never hears of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID

import pytest

from store.database import Database, TimeLimits
from store.errors import OutcomeUnknown
from store.model import JobStatus
from store.store import Store
from tests.conftest import Conninfo
from tests.store.servers import Proxy, fatal, proxied
from tests.store.support import MakeJob, MakeProject, Sql


@pytest.fixture
def job_id(make_project: MakeProject, make_job: MakeJob) -> UUID:
    return make_job(make_project())


@asynccontextmanager
async def opened_through_proxy(database: Conninfo) -> AsyncIterator[tuple[Store, Proxy]]:
    async with proxied(database) as (proxy, through_proxy):
        store = Store(Database(through_proxy, limits=TimeLimits(statement=0.2, answer=0.1)))
        yield store, proxy
        await store.close()


async def cut_the_link(client: asyncio.StreamWriter) -> None:
    client.close()


async def say_farewell(client: asyncio.StreamWriter) -> None:
    client.write(fatal("57P01", "terminating connection due to administrator command"))
    client.close()


async def fall_silent(client: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("ending", [cut_the_link, say_farewell, fall_silent])
async def test_the_answer_to_a_commit_is_lost(
    database: Conninfo, job_id: UUID, sql: Sql, ending: Callable[[asyncio.StreamWriter], Awaitable[None]]
) -> None:
    async with opened_through_proxy(database) as (store, proxy):
        proxy.instead_of_commit_answer = ending
        with pytest.raises(OutcomeUnknown, match=r"^The link broke .* may or may not have been made\.$"):
            await store.transition_job_status(job_id, JobStatus.RUNNING)
    assert sql("select status from generation_jobs") == [("running",)]


async def test_the_caller_is_stopped_while_it_waits_for_the_answer(database: Conninfo, job_id: UUID, sql: Sql) -> None:
    committed = asyncio.Event()

    async def withhold(client: asyncio.StreamWriter) -> None:
        committed.set()
        await asyncio.Event().wait()

    async with opened_through_proxy(database) as (store, proxy):
        proxy.instead_of_commit_answer = withhold
        starting = asyncio.create_task(store.transition_job_status(job_id, JobStatus.RUNNING))
        await committed.wait()
        starting.cancel()
        with pytest.raises(OutcomeUnknown, match=r"^Stopped before .* may or may not have been made\.$"):
            await starting
    assert sql("select status from generation_jobs") == [("running",)]
