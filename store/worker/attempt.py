"""Runs one attempt at a job: a coroutine or a thread, its time-out, and what does not stop when it should."""

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Callable
from functools import partial

from store.worker.attempt_outcome import AttemptTimedOut, Outcome, Raised, Returned
from store.worker.handlers import Handler, HandlerSpec, Work, is_coroutine_function

STOP_SECONDS = 5.0
"""So long a cancelled coroutine may take to stop. One that does not is left behind."""


HandlerTask = asyncio.Task[BaseException | None]
"""Its result is what the handler raised; None where it returned."""


_abandoned: set[HandlerTask] = set()
"""Kept for as long as the process lasts: one that is let go is closed, which some coroutines survive in a busy loop."""


def has_abandoned() -> bool:
    """Whether a coroutine was left behind that has not ended: it may keep Python from ending."""
    return any(not task.done() for task in _abandoned)


class HandlerRunner:
    """Runs handlers. `on_end` is called when one has ended that nobody waited for any more."""

    def __init__(self, *, on_end: Callable[[], None]) -> None:
        self._on_end = on_end
        self._threads = Threads()
        self._left: set[HandlerTask] = set()

    @property
    def overdue(self) -> int:
        """How many handlers last although nobody waits for them any more."""
        return self._threads.overdue_threads + len(self._left)

    async def run(self, spec: HandlerSpec, work: Work, *, on_abandoned: Callable[[], None]) -> Outcome:
        """Raises nothing but that it was cancelled.

        The handler has a task of its own: cancelling itself, it ends itself alone.
        """
        task = asyncio.create_task(self._handle(spec, work), name=f"job {work.job.id}")
        try:
            done, _ = await asyncio.wait({task}, timeout=spec.time_out)
        except asyncio.CancelledError:
            await self._stop(task, on_abandoned)
            raise
        if done:
            return _outcome(task)
        work.should_stop = True
        if not await self._stop(task, on_abandoned):
            return AttemptTimedOut()
        outcome = _outcome(task)
        if isinstance(outcome, Raised) and isinstance(outcome.error, (asyncio.CancelledError, TimeoutError)):
            return AttemptTimedOut()
        return outcome

    async def _handle(self, spec: HandlerSpec, work: Work) -> BaseException | None:
        """Raises nothing: asyncio would pass KeyboardInterrupt and SystemExit on to whoever runs the event loop."""
        try:
            if is_coroutine_function(spec.handler):
                return error_of_unrun(await spec.handler(work))
            await self._threads.run(spec.handler, work, on_end=self._on_end)
        except BaseException as error:
            return error
        return None

    async def _stop(self, task: HandlerTask, on_abandoned: Callable[[], None]) -> bool:
        """Whether it has stopped, having been cancelled. One that does not is abandoned."""
        task.cancel()
        try:
            await asyncio.wait({task}, timeout=STOP_SECONDS)
        finally:
            if not task.done():
                self._abandon(task)
                on_abandoned()
        return task.done()

    def _abandon(self, task: HandlerTask) -> None:
        """It keeps its slot until it ends, and does not keep the process: asyncio.run would wait for it for ever."""
        self._left.add(task)
        _abandoned.add(task)
        task.add_done_callback(self._forget)
        asyncio.tasks._unregister_task(task)  # noqa: SLF001
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001

    def _forget(self, task: HandlerTask) -> None:
        self._left.discard(task)
        _abandoned.discard(task)
        self._on_end()


def _outcome(task: HandlerTask) -> Outcome:
    if task.cancelled():  # before it began
        return Raised(asyncio.CancelledError())
    error = task.result()
    return Returned() if error is None else Raised(error)


def error_of_unrun(returned: object) -> TypeError | None:
    """Of a handler that returned its work instead of doing it."""
    if inspect.isawaitable(returned):
        return TypeError("the handler returned an awaitable: define it with 'async def'")
    if inspect.isgenerator(returned) or inspect.isasyncgen(returned):
        return TypeError("the handler returned a generator, which nobody runs: remove its 'yield'")
    return None


class Threads:
    """A thread for each blocking handler. It cannot be stopped: one whose time is over lasts until it returns.

    They end with the process, whatever they are about.
    """

    def __init__(self) -> None:
        self._overdue: set[threading.Thread] = set()

    @property
    def overdue_threads(self) -> int:
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
                error = error_of_unrun(handler(work))
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
