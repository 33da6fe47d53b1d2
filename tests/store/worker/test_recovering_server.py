"""A worker waits while its server recovers from a crash, and then does what is left."""

import asyncio
from collections.abc import Callable
from uuid import UUID

from store.database.database import Database
from store.store import Store
from store.worker.worker_events import AttemptEnded, DatabaseRecovered, DatabaseUnavailable
from tests.conftest import Conninfo
from tests.store.servers import recovering
from tests.store.support import Sql, until
from tests.store.worker.conftest import MakeWorker
from tests.store.worker.test_worker import ends, with_nothing_to_do


async def test_worker_survives_a_server_in_crash_recovery(
    database: Conninfo, make_worker: MakeWorker, queue: Callable[..., list[UUID]], sql: Sql
) -> None:
    async with recovering(database) as (server, conninfo), Store(Database(conninfo)) as store:
        server.become_ready()
        worker, told = make_worker(with_nothing_to_do(), store=store)
        running = asyncio.create_task(worker.run())
        await until(lambda: worker.is_notified)
        server.crash()
        queue()
        await until(lambda: server.refusals > 2)
        server.become_ready()
        await until(lambda: any(isinstance(one, AttemptEnded) for one in told))
        worker.stop()
        await running
    assert ends(sql) == [("succeeded", None, 250)]
    assert {DatabaseUnavailable, DatabaseRecovered} <= {type(one) for one in told}
