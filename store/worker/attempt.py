"""Run one attempt at a job in a coroutine or a thread. Handles time-outs, and handlers that don't stop."""

import asyncio
import contextvars
import inspect
import threading
import time
from collections.abc import Callable
from functools import partial

from gjobs.store.worker.attempt_outcome import AttemptTimedOut, Outcome, Raised, Returned
from gjobs.store.worker.handlers import Handler, HandlerSpec, Work
from gjobs.store.worker.loop_clock import LoopClock, StepTimer

STOP_SECONDS = 5.0
"""Seconds that a cancelled coroutine has to stop. After that, it is abandoned."""


HandlerTask = asyncio.Task[BaseException | None]
"""The result is the exception that the handler raised; None if it returned."""


_abandoned: set[HandlerTask] = set()
"""Kept until the process ends. Python closes unreferenced coroutines. A coroutine that ignores this may then loop
without end.
"""


def has_abandoned() -> bool:
    """Return whether an abandoned coroutine is still running. It may keep Python from exiting."""
    return any(not task.done() for task in _abandoned)


class HandlerRun:
    """A running handler. It has its own task, so a handler that cancels itself doesn't affect others.

    `on_outcome` is called once, in the event loop, unless `stop` was called first.

    Its time-out doesn't count time in which other handlers block the event loop, because it can't run then.
    """

    __slots__ = (
        "_blocked_before",
        "_is_late",
        "_on_abandoned",
        "_on_outcome",
        "_runner",
        "_started_at",
        "_steps",
        "_task",
        "_time_out",
        "_timer",
        "_work",
    )

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
        self._time_out, self._started_at = spec.time_out, time.monotonic()
        self._blocked_before = runner.clock.blocked()
        self._steps = StepTimer()
        self._task: HandlerTask = loop.create_task(runner.handle(spec, work, self._steps))
        self._task.add_done_callback(self._ended)
        self._timer = loop.call_later(spec.time_out, self._check_time)

    @property
    def is_blocking(self) -> bool:
        """Whether the handler is blocking the event loop now. Another thread may ask."""
        return self._steps.is_blocking

    def stop(self) -> None:
        """Stop the handler and ignore its outcome."""
        self._on_outcome = None
        self._cancel()

    def _seconds_left(self) -> float:
        blocked_by_others = self._runner.clock.blocked() - self._blocked_before - self._steps.seconds
        return self._time_out + max(0.0, blocked_by_others) - (time.monotonic() - self._started_at)

    def _check_time(self) -> None:
        if (left := self._seconds_left()) > 0:
            self._timer = asyncio.get_running_loop().call_later(left, self._check_time)
            return
        self._is_late = True
        self._cancel()

    def _cancel(self) -> None:
        self._timer.cancel()
        self._work.should_stop = True
        self._timer = asyncio.get_running_loop().call_later(STOP_SECONDS, self._abandon)
        self._task.cancel()

    def _ended(self, task: HandlerTask) -> None:
        self._timer.cancel()
        outcome = _outcome(task)
        # A cancelled coroutine may have returned in the middle of its work. One that blocked the event loop may have
        # returned before the loop could cancel it.
        if self._is_late or (isinstance(outcome, Returned) and self._steps.seconds and self._seconds_left() <= 0):
            outcome = AttemptTimedOut()
        self._runner.forget(self, task)
        self._tell(outcome)

    def _abandon(self) -> None:
        """Stop waiting for the handler, which keeps its slot until it ends.

        It is removed from asyncio's list of tasks, because asyncio.run would wait for it forever.
        """
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
    """Runs handlers. `on_end` is called whenever one ends."""

    def __init__(self, *, on_end: Callable[[], None]) -> None:
        self._on_end = on_end
        self.clock = LoopClock()
        self._threads = Threads()
        self._at_work: set[HandlerRun] = set()
        self._left: set[HandlerRun] = set()

    @property
    def running(self) -> int:
        """How many handlers are running, including abandoned ones."""
        return len(self._at_work) + len(self._left) + self._threads.overdue_threads

    @property
    def is_idle(self) -> bool:
        """Whether no handler is running except abandoned ones."""
        return not self._at_work

    def start(
        self, spec: HandlerSpec, work: Work, *, on_outcome: Callable[[Outcome], None], on_abandoned: Callable[[], None]
    ) -> HandlerRun:
        self.clock.start()
        run = HandlerRun(self, spec, work, on_outcome=on_outcome, on_abandoned=on_abandoned)
        self._at_work.add(run)
        return run

    def stop_all(self) -> None:
        for run in list(self._at_work):
            run.stop()

    async def handle(self, spec: HandlerSpec, work: Work, steps: StepTimer) -> BaseException | None:
        """Return exceptions instead of raising them. asyncio would let KeyboardInterrupt and SystemExit escape."""
        try:
            if spec.is_coroutine:
                return error_of_unrun(await steps.run(_await(spec.handler, work)))
            await self._threads.run(spec.handler, work, on_end=self._on_end)
        except BaseException as error:
            return error
        return None

    def leave(self, run: HandlerRun) -> None:
        self._left.add(run)
        self._discard(run)

    def forget(self, run: HandlerRun, task: HandlerTask) -> None:
        self._left.discard(run)
        _abandoned.discard(task)
        self._discard(run)

    def _discard(self, run: HandlerRun) -> None:
        self._at_work.discard(run)
        if not self._at_work:
            self.clock.stop()
        self._on_end()


async def _await(handler: Handler, work: Work) -> object:
    return await handler(work)  # It may return an awaitable other than a coroutine.


def _outcome(task: HandlerTask) -> Outcome:
    if task.cancelled():  # before it started
        return Raised(asyncio.CancelledError())
    error = task.result()
    return Returned() if error is None else Raised(error)


def error_of_unrun(returned: object) -> TypeError | None:
    """Return an error if the handler returned an awaitable or a generator, which has not run."""
    if inspect.isawaitable(returned):
        return TypeError("The handler returned an awaitable. Define it with 'async def'.")
    if inspect.isgenerator(returned) or inspect.isasyncgen(returned):
        return TypeError("The handler returned a generator, which never runs. Remove its 'yield'.")
    return None


class Threads:
    """Runs each blocking handler in a thread. A thread can't be stopped, so an overdue one runs until it returns.

    The threads are daemons: they end with the process.
    """

    def __init__(self) -> None:
        self._overdue: set[threading.Thread] = set()

    @property
    def overdue_threads(self) -> int:
        """How many threads are still running after their attempt was cancelled."""
        return len(self._overdue)

    async def run(self, handler: Handler, work: Work, *, on_end: Callable[[], None]) -> None:
        """Run the handler and raise what it raises. `on_end` is called in the event loop when the thread ends."""
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
