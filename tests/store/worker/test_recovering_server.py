"""A worker waits while its server recovers from a crash, and then does what is left."""

import asyncio

from store.database.database import Database
from store.store import Store
from store.worker.worker_events import AttemptEnded, DatabaseRecovered, DatabaseUnavailable
from tests.conftest import Conninfo
from tests.store.faulty_servers import recovering
from tests.store.store_fixtures import until
from tests.store.worker.conftest import WorkerEnv, do_nothing


async def test_worker_survives_a_server_in_crash_recovery(env: WorkerEnv, database: Conninfo) -> None:
    async with recovering(database) as (server, conninfo), Store(Database(conninfo)) as store:
        server.become_ready()
        worker, told = env.make_worker(do_nothing, store=store)
        running = asyncio.create_task(worker.run())
        await until(lambda: worker.is_notified)
        server.crash()
        env.queue()
        await until(lambda: server.refusals > 2)
        server.become_ready()
        await until(lambda: any(isinstance(one, AttemptEnded) for one in told))
        worker.stop()
        await running
    assert env.ends() == [("succeeded", None, 250)]
    assert {DatabaseUnavailable, DatabaseRecovered} <= {type(one) for one in told}
