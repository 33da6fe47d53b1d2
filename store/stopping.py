"""Asking the database something that may be stopped."""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

T = TypeVar("T")

PATIENCE_WITH_STOPPING = 0.5
"""Seconds. A server that lives stops a query within some milliseconds."""


async def answer_unless(stop: asyncio.Event, question: Awaitable[T]) -> tuple[T] | None:
    """The answer; None where `stop` was set first. The query has ended on the server, too, when this does."""
    asking = asyncio.ensure_future(question)
    stopped = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({asking, stopped}, return_when=asyncio.FIRST_COMPLETED)
        # It may have been set and cleared again before this is run.
        return None if stop.is_set() or not asking.done() else (asking.result(),)
    finally:
        stopped.cancel()
        await _stop(asking)
        await asyncio.gather(stopped, return_exceptions=True)


async def _stop(asking: "asyncio.Future[Any]") -> None:
    """At the first word the driver asks the server to stop, waiting some seconds for it; at the second it gives up."""
    asking.cancel()
    await asyncio.wait({asking}, timeout=PATIENCE_WITH_STOPPING)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
