"""Workers: handlers by mode, run on the jobs that are queued, each job under a lease.

    registry = Registry()

    @registry.handler("lifestyle", time_out=120, attempts=5, retry_on=(ConnectionError,))
    async def lifestyle(work: Work) -> None:
        work.note("asking the model")
        work.cost_cents = await generate(work.job)

    async with Store.connect(url) as store:
        await Worker(store, registry, concurrency=4).run()

A job is done at least once, and ends once: whoever lost its lease cannot end it. So a handler should not mind if what
one did that died is done again.
"""

from typing import TYPE_CHECKING

from store.when_used import names_of
from store.worker.registry import Registry
from store.worker.retrying import Backoff, Retry
from store.worker.work import Work

if TYPE_CHECKING:
    from store.worker.worker import Worker

__all__ = ["Backoff", "Registry", "Retry", "Work", "Worker"]

__getattr__ = names_of(__name__, {"worker": ("Worker",)})
