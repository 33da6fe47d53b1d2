"""A link from a job of another user, which an earlier build allowed, does not block a retry."""

from store.database.database import Database
from store.jobs.job_results import Retried
from store.store import Store
from tests.conftest import Conninfo, connect
from tests.migrations.conftest import ADA, BEN, add


async def test_link_from_a_job_of_another_user_does_not_count_as_a_retry(database: Conninfo) -> None:
    with connect(database) as connection:
        for person in (ADA, BEN):
            add(connection, person)
        connection.execute("update public.generation_jobs set status = 'failed' where id = %s", [ADA.job])
        connection.execute("insert into gjobs.job_links (job_id, repeats) values (%s, %s)", [BEN.job, ADA.job])

    async with Store(Database(database)) as operator:
        assert (await operator.get_job_links(ADA.job)).repeated_by == ()
        (outcome,) = await operator.retry_generation_jobs([ADA.job])
        assert isinstance(outcome, Retried)
        assert (await operator.get_job_links(ADA.job)).repeated_by == (outcome.job.id,)
