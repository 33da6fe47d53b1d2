"""One attempt at a job: its handler, in the event loop or in a thread, and its time-out."""

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Callable
from functools import partial

from store.cancelled import is_being_cancelled
from store.worker.deciding import Outcome, Raised, Returned, TookTooLong
from store.worker.registry import Handler, Handling
from store.worker.work import Work


class Threads:
    """A thread for each blocking handler. It cannot be stopped: one whose time is over lasts until it returns.

    They end with the process, whatever they are about.
    """

    def __init__(self) -> None:
        self._overdue: set[threading.Thread] = set()

    @property
    def overdue(self) -> int:
        """How many last although nobody waits for them any more."""
        return len(self._overdue)

    async def run(self, handler: Handler, work: Work, *, on_end: Callable[[], None]) -> None:
        """Raises what the handler raises. `on_end` is called in the event loop when the thread has ended."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[BaseException | None] = loop.create_future()

        def end(error: BaseException | None) -> None:
            self._overdue.discard(thread)
            if not ended.done():
                ended.set_result(error)
            on_end()

        def body() -> None:
            error: BaseException | None = None
            try:
                if inspect.isawaitable(handler(work)):
                    error = TypeError("the handler returned an awaitable: define it with 'async def'")
            except BaseException as raised:
                error = raised
            if not loop.is_closed():
                loop.call_soon_threadsafe(end, error)

        context = contextvars.copy_context()
        thread = threading.Thread(target=partial(context.run, body), name=f"job {work.job.id}", daemon=True)
        thread.start()
        try:
            error = await ended
        except asyncio.CancelledError:
            self._overdue.add(thread)
            raise
        if error is not None:
            raise error


async def attempt(handling: Handling, work: Work, threads: Threads, *, on_end: Callable[[], None]) -> Outcome:
    """Raises nothing but that it was cancelled."""
    timer = asyncio.timeout(handling.time_out)
    try:
        async with timer:
            if is_coroutine_function(handling.handler):
                await handling.handler(work)
            else:
                await threads.run(handling.handler, work, on_end=on_end)
    except asyncio.CancelledError as error:
        if is_being_cancelled():
            raise
        return Raised(error)
    except TimeoutError as error:
        return TookTooLong() if timer.expired() else Raised(error)
    except (Exception, SystemExit) as error:
        return Raised(error)
    return Returned()


def is_coroutine_function(handler: Handler) -> bool:
    """An object that is called like one is one, too."""
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(type(handler).__call__)
