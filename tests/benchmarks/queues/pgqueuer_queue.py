"""PgQueuer with its recommended driver."""

import asyncio

import asyncpg
from pgqueuer.db import AsyncpgDriver
from pgqueuer.qm import QueueManager
from pgqueuer.queries import Queries
from pgqueuer.types import QueueExecutionMode

from tests.benchmarks.queues.protocol import main, woken


class PgQueuer:
    async def drain(self, url: str, *, jobs: int, batch: int, at_a_time: int) -> list[float]:
        queries = Queries(AsyncpgDriver(await asyncpg.connect(url)))
        await queries.install()
        await queries.enqueue(["nothing"] * jobs, [None] * jobs, [0] * jobs)
        manager = QueueManager(queries)

        @manager.entrypoint("nothing")
        async def nothing(_: object) -> None:
            pass

        loop = asyncio.get_running_loop()
        start = loop.time()
        await manager.run(batch_size=batch, max_concurrent_tasks=at_a_time, mode=QueueExecutionMode.drain)
        return [loop.time() - start]

    async def wake(self, url: str, *, jobs: int, far_url: str | None) -> list[float]:
        producer = Queries(AsyncpgDriver(await asyncpg.connect(url)))
        await producer.install()
        manager, begun = QueueManager(Queries(AsyncpgDriver(await asyncpg.connect(far_url or url)))), asyncio.Event()

        @manager.entrypoint("nothing")
        async def nothing(_: object) -> None:
            begun.set()

        working = asyncio.create_task(manager.run())
        taken = await woken(begun, lambda: producer.enqueue("nothing", None), jobs=jobs, is_far=far_url is not None)
        manager.shutdown.set()
        await working
        return taken


if __name__ == "__main__":
    main(PgQueuer())
