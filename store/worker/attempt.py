"""Runs one attempt at a job, and keeps the jobs in flight. Handles time-outs, and handlers that don't stop."""

import asyncio
import contextvars
import inspect
import threading
import time
from collections.abc import Coroutine, Generator, Iterable
from dataclasses import dataclass
from functools import partial
from random import Random
from types import coroutine
from typing import Any
from uuid import UUID

from gjobs.store.leases.lease import ClaimedJob, Ending, LeaseKey, ProgressNote, Released
from gjobs.store.worker.handlers import Handler, HandlerSpec, Registry, Retry, Work
from gjobs.store.worker.worker_events import (
    AttemptStarted,
    AttemptTimedOut,
    HandlerAbandoned,
    HandlerRaised,
    LeaseLost,
    Outcome,
    Report,
    decide_end,
    failed,
    out_of_attempts,
)

_TICK = 0.1
_SHORTEST = 0.2
"""Seconds. A shorter block doesn't count."""


class LoopClock:
    """Measures how long the event loop was blocked. It ticks only between `start` and `stop`."""

    def __init__(self) -> None:
        self._blocked = 0.0
        self._ran_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        if self._timer is None:
            self._ran_at = time.monotonic()
            self._timer = asyncio.get_running_loop().call_later(_TICK, self._tick)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def blocked(self) -> float:
        """Return the seconds in total, including a block that has just ended."""
        now = time.monotonic()
        late = now - self._ran_at - _TICK
        if self._timer is not None and late >= _SHORTEST - _TICK:
            self._blocked += late
        self._ran_at = now
        return self._blocked

    def _tick(self) -> None:
        self.blocked()
        self._timer = asyncio.get_running_loop().call_later(_TICK, self._tick)


class StepTimer:
    """Measures how long one coroutine blocks the event loop, from one `await` to the next."""

    __slots__ = ("_began_at", "seconds")

    def __init__(self) -> None:
        self.seconds = 0.0
        """Seconds in total, without the current step."""
        self._began_at: float | None = None

    @property
    def is_blocking(self) -> bool:
        """Whether the coroutine is blocking the event loop now. Another thread may ask."""
        began_at = self._began_at
        return began_at is not None and time.monotonic() - began_at >= _SHORTEST

    @coroutine
    def run(self, timed: Coroutine[Any, Any, object]) -> Generator[Any, Any, object]:
        """Run the coroutine and return its result, as `await` does."""
        step = partial(timed.send, None)
        while True:
            self._began_at = time.monotonic()
            try:
                waits_for = step()
            except StopIteration as stop:
                return stop.value
            finally:
                seconds = time.monotonic() - self._began_at
                self._began_at = None
                if seconds >= _SHORTEST:
                    self.seconds += seconds
            try:
                step = partial(timed.send, (yield waits_for))
            except GeneratorExit:
                timed.close()
                raise
            except BaseException as error:
                step = partial(timed.throw, error)


STOP_SECONDS = 5.0
"""Seconds that a cancelled coroutine has to stop. After that, it is abandoned."""


HandlerTask = asyncio.Task[Outcome]


_abandoned: set[HandlerTask] = set()
"""Kept until the process ends. Python closes unreferenced coroutines. A coroutine that ignores this may then loop
without end.
"""


def has_abandoned() -> bool:
    """Return whether an abandoned coroutine is still running. It may keep Python from exiting."""
    return any(not task.done() for task in _abandoned)


class InFlightJob:
    """A job that this worker holds."""

    __slots__ = ("claimed", "claimed_at", "run", "seconds", "started_at", "work")

    def __init__(self, claimed: ClaimedJob) -> None:
        self.claimed = claimed
        self.work = Work(claimed)
        self.run: HandlerRun | None = None
        """None after its attempt has ended."""
        self.started_at = time.monotonic()
        self.seconds = 0.0
        """Seconds that the attempt took."""
        self.claimed_at = self.started_at
        """When the last claim of this attempt was answered. A worker claims an attempt again that it had released, or
        whose claim was lost in a crash of the server.
        """

    def stop(self) -> bool:
        """Stop its attempt and ignore the outcome. Return whether it was running."""
        run, self.run = self.run, None
        if run is not None:
            run.stop()
        return run is not None


class HandlerRun:
    """A running handler. It has its own task, so a handler that cancels itself doesn't affect others.

    Its outcome is reported once, in the event loop, unless `stop` was called first.

    Its time-out doesn't count time in which other handlers block the event loop, because it can't run then.
    """

    def __init__(self, jobs: "InFlightJobs", in_flight_job: InFlightJob, spec: HandlerSpec) -> None:
        loop = asyncio.get_running_loop()
        self._jobs, self._job, self._spec = jobs, in_flight_job, spec
        self._has_outcome = False
        """Whether the outcome was reported, or is ignored."""
        self._is_late = False
        self._started_at = time.monotonic()
        self._blocked_before = jobs.clock.blocked()
        self.steps = StepTimer()
        self._task: HandlerTask = loop.create_task(self._handle())
        self._task.add_done_callback(self._ended)
        self._timer = loop.call_later(spec.time_out, self._check_time)

    def stop(self) -> None:
        """Stop the handler and ignore its outcome."""
        self._has_outcome = True
        self._cancel()

    async def _handle(self) -> Outcome:
        """Return exceptions instead of raising them. asyncio would let KeyboardInterrupt and SystemExit escape."""
        try:
            if self._spec.is_coroutine:
                return error_of_unrun(await self.steps.run(_await(self._spec.handler, self._job.work)))
            await self._run_in_thread()
        except BaseException as error:
            return error
        return None

    async def _run_in_thread(self) -> None:
        """Run a blocking handler and raise what it raises. A thread can't be stopped, so an overdue one runs until it
        returns. It is a daemon: it ends with the process.
        """
        loop, work = asyncio.get_running_loop(), self._job.work
        ended: asyncio.Future[BaseException | None] = loop.create_future()

        def end(error: BaseException | None) -> None:
            self._jobs.overdue.discard(thread)
            if not ended.done():
                ended.set_result(error)
            self._jobs.wake()

        def body() -> None:
            error: BaseException | None = None
            try:
                error = error_of_unrun(self._spec.handler(work))
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
            self._jobs.overdue.add(thread)
            raise
        if error is not None:
            raise error

    def _seconds_left(self) -> float:
        blocked_by_others = self._jobs.clock.blocked() - self._blocked_before - self.steps.seconds
        return self._spec.time_out + max(0.0, blocked_by_others) - (time.monotonic() - self._started_at)

    def _check_time(self) -> None:
        if (left := self._seconds_left()) > 0:
            self._timer = asyncio.get_running_loop().call_later(left, self._check_time)
            return
        self._is_late = True
        self._cancel()

    def _cancel(self) -> None:
        self._timer.cancel()
        self._job.work.should_stop = True
        self._timer = asyncio.get_running_loop().call_later(STOP_SECONDS, self._abandon)
        self._task.cancel()

    def _ended(self, task: HandlerTask) -> None:
        self._timer.cancel()
        # It may be cancelled before it has started.
        outcome = asyncio.CancelledError() if task.cancelled() else task.result()
        # A cancelled coroutine may have returned in the middle of its work. One that blocked the event loop may have
        # returned before the loop could cancel it.
        if self._is_late or (outcome is None and self.steps.seconds and self._seconds_left() <= 0):
            outcome = AttemptTimedOut()
        _abandoned.discard(task)
        self._jobs.forget_run(self, is_left=False)
        self._report(outcome)

    def _abandon(self) -> None:
        """Stop waiting for the handler, which keeps its slot until it ends.

        It is removed from asyncio's list of tasks, because asyncio.run would wait for it forever.
        """
        _abandoned.add(self._task)
        asyncio.tasks._unregister_task(self._task)  # noqa: SLF001
        self._task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001
        self._jobs.forget_run(self, is_left=True)
        self._report(AttemptTimedOut())
        self._jobs.report(HandlerAbandoned(self._job.claimed))

    def _report(self, outcome: Outcome) -> None:
        if not self._has_outcome:
            self._has_outcome = True
            self._jobs.end_attempt(self._job, self._spec, outcome)


async def _await(handler: Handler, work: Work) -> object:
    return await handler(work)  # It may return an awaitable other than a coroutine.


def error_of_unrun(returned: object) -> TypeError | None:
    """Return an error if the handler returned an awaitable or a generator, which has not run."""
    if inspect.isawaitable(returned):
        return TypeError("The handler returned an awaitable. Define it with 'async def'.")
    if inspect.isgenerator(returned) or inspect.isasyncgen(returned):
        return TypeError("The handler returned a generator, which never runs. Remove its 'yield'.")
    return None


HUNG_SECONDS = 300.0
"""An event loop that is blocked longer than a job's time-out plus these seconds loses the job."""


HELD_PER_SLOT = 4
"""The most jobs that a worker holds for each slot. With fewer, claims would wait while the results of finished jobs
are being saved.
"""


Pair = tuple[InFlightJob, Ending]


@dataclass(eq=False, repr=False)
class InFlightJobs:
    registry: Registry
    concurrency: int
    report: Report
    random: Random

    def __post_init__(self) -> None:
        self.clock = LoopClock()
        self.overdue: set[threading.Thread] = set()
        """The threads that are still running after their attempt was cancelled."""
        self._runs: set[HandlerRun] = set()
        """The running handlers except abandoned ones."""
        self._abandoned_runs: set[HandlerRun] = set()
        self._jobs: dict[UUID, InFlightJob] = {}
        self.ends: asyncio.Queue[Pair] = asyncio.Queue()
        """The ends that are not saved yet."""
        self.abandoned: set[LeaseKey] = set()
        """Jobs whose end the database refuses. They remain this worker's until their leases expire."""
        self._changed = asyncio.Event()

    @property
    def is_empty(self) -> bool:
        return not self._jobs

    @property
    def free(self) -> int:
        """How many more jobs may be started.

        Jobs whose end is not saved yet take no slot. But there are at most HELD_PER_SLOT times as many jobs as slots.
        """
        running = len(self._runs) + len(self._abandoned_runs) + len(self.overdue)
        room = HELD_PER_SLOT * self.concurrency - len(self._jobs)
        return max(0, min(self.concurrency - running, room))

    def held(self) -> list[LeaseKey]:
        return [in_flight_job.claimed.held for in_flight_job in self._jobs.values()]

    def kept_while_blocked(
        self, held_jobs: Iterable[ClaimedJob], seconds: float
    ) -> tuple[list[LeaseKey], list[Released]]:
        """Return the leases to renew and the jobs to release, after the event loop was blocked for these seconds.

        Another thread calls this. A job is kept for its time-out plus HUNG_SECONDS. Then other workers may run it.
        The job of the blocking handler is not released: its lease expires, which counts as an attempt. `held_jobs`
        are those of the database, because the event loop may not know the latest ones yet.
        """
        blocking = {
            job_id for job_id, one in list(self._jobs.items()) if one.run is not None and one.run.steps.is_blocking
        }
        kept, released = list[LeaseKey](), list[Released]()
        for claimed in held_jobs:
            spec = self.registry.of(claimed.job.mode)
            if claimed.held in self.abandoned:
                continue
            if seconds < HUNG_SECONDS + (spec.time_out if spec else 0.0):
                kept.append(claimed.held)
            elif blocking and claimed.job.id not in blocking:
                released.append(_released(claimed))
        return kept, released

    def progress(self) -> list[ProgressNote]:
        """Return progress notes that are not saved yet."""
        return [
            ProgressNote(job_id=job_id, attempt=in_flight_job.claimed.attempt, note=note)
            for job_id, in_flight_job in self._jobs.items()
            if (note := in_flight_job.work.unsaved_note) is not None
        ]

    def mark_saved(self, progress: Iterable[ProgressNote]) -> None:
        """Mark progress notes as saved."""
        for one in progress:
            if one.job_id in self._jobs:
                self._jobs[one.job_id].work.mark_saved(one.note)

    async def wait_for_change(self) -> None:
        """Wait until there may be more free slots or fewer jobs than at the call."""
        self._changed.clear()
        await self._changed.wait()

    def wake(self) -> None:
        """Wake the tasks that wait for a change."""
        self._changed.set()

    def begin(self, claimed: ClaimedJob) -> None:
        """Start a claimed job. If this worker had held it and renewed too late, the former attempt is dropped.

        If this worker has claimed the same attempt before, the attempt continues under the new claim. A second run
        would have the same lease, and their ends would look alike to the database.
        """
        if (former := self._jobs.get(claimed.job.id)) is not None:
            if former.claimed.held == claimed.held:
                former.claimed_at = time.monotonic()
                return
            self._drop(former)
        in_flight_job = InFlightJob(claimed)
        self._jobs[claimed.job.id] = in_flight_job
        spec = self.registry.of(claimed.job.mode)
        if spec is None:  # Its mode has changed since the claim.
            self.ends.put_nowait((in_flight_job, _released(claimed)))
        elif over := out_of_attempts(claimed, spec):
            self.ends.put_nowait((in_flight_job, over))
        else:
            self.report(AttemptStarted(claimed))
            self.clock.start()
            in_flight_job.run = HandlerRun(self, in_flight_job, spec)
            self._runs.add(in_flight_job.run)

    def forget_run(self, run: HandlerRun, *, is_left: bool) -> None:
        """Forget a handler that has ended. If `is_left`, only stop waiting for it."""
        self._runs.discard(run)
        (self._abandoned_runs.add if is_left else self._abandoned_runs.discard)(run)
        if not self._runs:
            self.clock.stop()
        self.wake()

    def end_attempt(self, in_flight_job: InFlightJob, spec: HandlerSpec, outcome: Outcome) -> None:
        claimed, cost_cents = in_flight_job.claimed, in_flight_job.work.cost_cents
        in_flight_job.run = None
        in_flight_job.seconds = time.monotonic() - in_flight_job.started_at
        try:
            ending = decide_end(claimed, spec, outcome, cost_cents=cost_cents, random=self.random)
        except Exception as error:
            ending = failed(claimed, error, cost_cents=cost_cents)
        self.ends.put_nowait((in_flight_job, ending))
        if outcome is not None and not isinstance(outcome, (AttemptTimedOut, Retry)):
            self.report(HandlerRaised(claimed, outcome))

    async def stop(self) -> None:
        """Stop all handlers, and return when none is running except abandoned ones."""
        for run in list(self._runs):
            run.stop()
        while self._runs:
            await self.wait_for_change()

    def remove(self, in_flight_job: InFlightJob) -> None:
        """Forget a job whose end is saved, or that this worker has lost."""
        if self._jobs.get(in_flight_job.claimed.job.id) is in_flight_job:
            del self._jobs[in_flight_job.claimed.job.id]
            self._changed.set()

    def abandon(self, in_flight_job: InFlightJob) -> None:
        """Forget a job whose end the database refuses."""
        self.abandoned.add(in_flight_job.claimed.held)
        self.remove(in_flight_job)

    def drop_lost(self, lost: Iterable[LeaseKey], *, asked_at: float) -> None:
        """Stop running jobs that this worker had lost when it asked the database, by the clock `time.monotonic`.

        A job that was claimed since then is kept, because the answer may precede its claim.
        """
        for one in lost:
            in_flight_job = self._jobs.get(one.job_id)
            if in_flight_job is not None and in_flight_job.claimed.held == one and in_flight_job.claimed_at < asked_at:
                self._drop(in_flight_job)

    def _drop(self, in_flight_job: InFlightJob) -> None:
        if in_flight_job.stop():
            self.remove(in_flight_job)
            self.report(LeaseLost(in_flight_job.claimed))

    def release(self) -> None:
        """Stop running jobs, and release them to other workers."""
        for in_flight_job in list(self._jobs.values()):
            if in_flight_job.stop():
                self.ends.put_nowait((in_flight_job, _released(in_flight_job.claimed)))


def _released(claimed: ClaimedJob) -> Released:
    return Released(job_id=claimed.job.id, attempt=claimed.attempt)
