"""Procrastinate, which fetches one job at a time."""

import asyncio

from procrastinate import App, PsycopgConnector

from tests.benchmarks.queues.protocol import main, woken


class Procrastinate:
    async def drain(self, url: str, *, jobs: int, batch: int, at_a_time: int) -> list[float]:
        app = App(connector=PsycopgConnector(conninfo=url))

        @app.task(name="nothing")
        async def nothing() -> None:
            pass

        async with app.open_async():
            await app.schema_manager.apply_schema_async()
            await nothing.batch_defer_async(*[{} for _ in range(jobs)])
            loop = asyncio.get_running_loop()
            start = loop.time()
            await app.run_worker_async(concurrency=at_a_time, wait=False, install_signal_handlers=False)
            return [loop.time() - start]

    async def wake(self, url: str, *, jobs: int, far_url: str | None) -> list[float]:
        app, begun = App(connector=PsycopgConnector(conninfo=url)), asyncio.Event()

        @app.task(name="nothing")
        async def nothing() -> None:
            begun.set()

        working_app = app.with_connector(PsycopgConnector(conninfo=far_url or url))
        async with app.open_async(), working_app.open_async():
            await app.schema_manager.apply_schema_async()
            working = asyncio.create_task(working_app.run_worker_async(install_signal_handlers=False))
            taken = await woken(begun, nothing.defer_async, jobs=jobs, is_far=far_url is not None)
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            return taken


if __name__ == "__main__":
    main(Procrastinate())
