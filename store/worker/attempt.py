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


_STOPPED = (asyncio.CancelledError, TimeoutError)

_abandoned: set[HandlerTask] = set()
"""Kept for as long as the process lasts: one that is let go is closed, which some coroutines survive in a busy loop."""


def has_abandoned() -> bool:
    """Whether a coroutine was left behind that has not ended: it may keep Python from ending."""
    return any(not task.done() for task in _abandoned)


class HandlerRun:
    """A handler at work, in a task of its own: cancelling itself, it ends itself alone.

    `on_outcome` is called once, in the event loop; not after `stop`.
    """

    __slots__ = ("_is_late", "_on_abandoned", "_on_outcome", "_runner", "_task", "_timer", "_work")

    def __init__(
        self,
        runner: "HandlerRunner",
        spec: HandlerSpec,
        work: Work,
        *,
        on_outcome: Callable[[Outcome], None],
        on_abandoned: Callable[[], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        self._runner, self._work = runner, work
        self._on_outcome: Callable[[Outcome], None] | None = on_outcome
        self._on_abandoned = on_abandoned
        self._is_late = False
        self._task: HandlerTask = loop.create_task(runner.handle(spec, work))
        self._task.add_done_callback(self._ended)
        self._timer = loop.call_later(spec.time_out, self._time_out)

    def stop(self) -> None:
        """What it does is for nothing, whatever comes of it."""
        self._on_outcome = None
        self._cancel()

    def _time_out(self) -> None:
        self._is_late = True
        self._cancel()

    def _cancel(self) -> None:
        self._timer.cancel()
        self._work.should_stop = True
        self._timer = asyncio.get_running_loop().call_later(STOP_SECONDS, self._abandon)
        self._task.cancel()

    def _ended(self, task: HandlerTask) -> None:
        self._timer.cancel()
        self._runner.forget(self, task)
        outcome = _outcome(task)
        if self._is_late and isinstance(outcome, Raised) and isinstance(outcome.error, _STOPPED):
            outcome = AttemptTimedOut()
        self._tell(outcome)

    def _abandon(self) -> None:
        """It keeps its slot until it ends, and does not keep the process: asyncio.run would wait for it for ever."""
        _abandoned.add(self._task)
        asyncio.tasks._unregister_task(self._task)  # noqa: SLF001
        self._task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001
        self._runner.leave(self)
        self._tell(AttemptTimedOut())
        self._on_abandoned()

    def _tell(self, outcome: Outcome) -> None:
        on_outcome, self._on_outcome = self._on_outcome, None
        if on_outcome is not None:
            on_outcome(outcome)


class HandlerRunner:
    """Runs handlers. `on_end` is called whenever one has ended."""

    def __init__(self, *, on_end: Callable[[], None]) -> None:
        self._on_end = on_end
        self._threads = Threads()
        self._at_work: set[HandlerRun] = set()
        self._left: set[HandlerRun] = set()

    @property
    def running(self) -> int:
        """How many handlers last, be they waited for or not."""
        return len(self._at_work) + len(self._left) + self._threads.overdue_threads

    @property
    def is_idle(self) -> bool:
        """Whether none lasts that is still waited for."""
        return not self._at_work

    def start(
        self, spec: HandlerSpec, work: Work, *, on_outcome: Callable[[Outcome], None], on_abandoned: Callable[[], None]
    ) -> HandlerRun:
        run = HandlerRun(self, spec, work, on_outcome=on_outcome, on_abandoned=on_abandoned)
        self._at_work.add(run)
        return run

    def stop_all(self) -> None:
        for run in list(self._at_work):
            run.stop()

    async def handle(self, spec: HandlerSpec, work: Work) -> BaseException | None:
        """Raises nothing: asyncio would pass KeyboardInterrupt and SystemExit on to whoever runs the event loop."""
        try:
            if is_coroutine_function(spec.handler):
                return error_of_unrun(await spec.handler(work))
            await self._threads.run(spec.handler, work, on_end=self._on_end)
        except BaseException as error:
            return error
        return None

    def leave(self, run: HandlerRun) -> None:
        self._at_work.discard(run)
        self._left.add(run)
        self._on_end()

    def forget(self, run: HandlerRun, task: HandlerTask) -> None:
        self._at_work.discard(run)
        self._left.discard(run)
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
