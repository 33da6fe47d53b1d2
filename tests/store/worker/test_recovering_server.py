"""A worker waits while its server recovers from a crash, and then continues."""

from store.database.database import Database
from store.store import Store
from store.worker.worker_events import DatabaseRecovered, DatabaseUnavailable
from tests.conftest import Conninfo
from tests.store.faulty_servers import recovering
from tests.store.store_fixtures import until
from tests.store.worker.conftest import SUCCEEDED, WorkerEnv, kinds, until_reported


async def test_worker_survives_a_server_in_crash_recovery(env: WorkerEnv, database: Conninfo) -> None:
    async with recovering(database) as (server, conninfo), Store(Database(conninfo)) as store:
        server.become_ready()
        async with env.running(store=store) as (worker, events):
            await until(lambda: worker.is_notified)
            server.crash()
            env.queue()
            await until(lambda: server.refusals > 2)
            server.become_ready()
            await until_reported(events)
    assert env.outcomes() == [SUCCEEDED]
    assert {DatabaseUnavailable, DatabaseRecovered} <= set(kinds(events))
