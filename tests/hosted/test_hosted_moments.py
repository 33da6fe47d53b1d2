"""Earlier moments on the migrated database of the app: as each user, through a pooler, and with few grants."""

from datetime import datetime

import pytest

from gjobs.migrations.runner import upgrade
from gjobs.store.database.database import Database
from gjobs.store.jobs.job import GenerationJob
from gjobs.store.moments.past_store import past_store
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR, ActingUser, Actor
from tests.hosted.access_routes import Login
from tests.tui.jobs_database import ADA, BEN, JobsDatabase, job_id

ACTORS: tuple[Actor, ...] = (OPERATOR, ActingUser(id=ADA), ActingUser(id=BEN))


async def listed(store: Store) -> dict[int, tuple[str, int]]:
    jobs: tuple[GenerationJob, ...] = (await store.get_generation_jobs(limit=100)).items
    return {job.id.int >> 96: (job.status, job.cost_cents) for job in jobs}


def change(jobs_db: JobsDatabase) -> datetime:
    """Change, archive and delete jobs of both users, and return the time before."""
    ((moment,),) = jobs_db.sql("select clock_timestamp()")
    jobs_db.sql("update generation_jobs set cost_cents = 7, status = 'failed'")
    jobs_db.delete(2, 8)
    jobs_db.sql("select gjobs.archive_jobs(array[%s::uuid])", job_id(3))
    found: datetime = moment
    return found


async def test_each_user_sees_their_own_jobs_of_the_moment(
    request: pytest.FixtureRequest, jobs_db: JobsDatabase, owner: Login
) -> None:
    upgrade(owner.conninfo)
    jobs_db.set_status(1, "running")
    async with Store(Database(owner.conninfo)) as operator:
        before = {actor: await listed(operator.acting_as(actor)) for actor in ACTORS}
    assert len(before[OPERATOR]) == 8
    moment = change(jobs_db)
    for route in ("owner", "pooled_by_transaction", "least_privilege"):
        login: Login = request.getfixturevalue(route)
        async with Store(Database(login.conninfo)) as operator:
            for actor in ACTORS if login.is_owner else ACTORS[:1]:
                past = past_store(operator.acting_as(actor), moment)
                assert await listed(past) == before[actor], (route, actor)
                counts = await past.get_job_statistics()
                costs = [cost for _, cost in before[actor].values()]
                assert (counts.total_count, counts.total_cost_cents) == (len(costs), sum(costs)), (route, actor)
