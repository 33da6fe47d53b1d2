"""gjobs: a worker of the store on the jobs table with all its triggers."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import psycopg

from gjobs.store.database import connection_url
from gjobs.store.database.database import Database
from gjobs.store.store import Store
from gjobs.store.worker.handlers import Registry
from gjobs.store.worker.worker import Worker
from tests.benchmarks.queues.protocol import main, woken

_PROJECT = "select user_id, id from public.projects order by id limit 1"

_QUEUE = """
insert into public.generation_jobs (user_id, project_id, mode, cost_cents)
select %s, %s, 'lifestyle', 3 from generate_series(1, %s)"""


class Gjobs:
    async def drain(self, url: str, *, jobs: int, batch: int, at_a_time: int) -> list[float]:
        registry = Registry()

        @registry.handler()
        async def nothing(_: object) -> None:
            pass

        async with _producing(url) as queue:
            await queue(jobs)
        async with Store(Database(connection_url.parse(url))) as store:
            worker = Worker(store, registry, batch=batch, concurrency=at_a_time)
            loop = asyncio.get_running_loop()
            start = loop.time()
            gc.freeze()  # As `gjobs worker` does.
            await worker.run(once=True)
            return [loop.time() - start]

    async def wake(self, url: str, *, jobs: int, far_url: str | None) -> list[float]:
        registry, begun = Registry(), asyncio.Event()

        @registry.handler()
        async def nothing(_: object) -> None:
            begun.set()

        async with Store(Database(connection_url.parse(far_url or url))) as store, _producing(url) as queue:
            worker = Worker(store, registry)
            working = asyncio.create_task(worker.run())
            taken = await woken(begun, lambda: queue(1), jobs=jobs, is_far=far_url is not None)
            worker.stop()
            await working
            return taken


@asynccontextmanager
async def _producing(url: str) -> AsyncIterator[Callable[[int], Awaitable[object]]]:
    """Return a function that queues jobs in one project."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as producer:
        ((user_id, project_id),) = await (await producer.execute(_PROJECT)).fetchall()

        async def queue(jobs: int) -> None:
            await producer.execute(_QUEUE, [user_id, project_id, jobs], prepare=True)

        yield queue


if __name__ == "__main__":
    main(Gjobs())
