"""Jobs in flight, and what becomes of each."""

import asyncio
import time
from collections.abc import Callable, Iterable
from functools import partial
from random import Random
from uuid import UUID

from store.leases.lease import ClaimedJob, Ending, LeaseKey, ProgressNote, Released
from store.worker.attempt import HandlerRun, HandlerRunner
from store.worker.attempt_outcome import Outcome, Raised, decide_end, failed, out_of_attempts
from store.worker.handlers import HandlerSpec, Registry, Retry, Work
from store.worker.worker_events import AttemptStarted, HandlerAbandoned, HandlerRaised, LeaseLost, Report


class InFlightJob:
    """A job that the worker has."""

    __slots__ = ("claimed", "run", "seconds", "started_at", "time_out", "work")

    def __init__(self, claimed: ClaimedJob) -> None:
        self.claimed = claimed
        self.work = Work(claimed)
        self.run: HandlerRun | None = None
        """None when its attempt is over."""
        self.started_at = time.monotonic()
        self.time_out = 0.0
        """Seconds that its attempt may take."""
        self.seconds = 0.0
        """How long the attempt took."""


OnEnd = Callable[[InFlightJob, Ending], None]


class InFlightJobs:
    def __init__(self, registry: Registry, *, concurrency: int, on_end: OnEnd, report: Report, random: Random) -> None:
        self._registry = registry
        self._concurrency = concurrency
        self._on_end = on_end
        self._report = report
        self._random = random
        self._handlers = HandlerRunner(on_end=self.wake)
        self._jobs: dict[UUID, InFlightJob] = {}
        self._abandoned: set[LeaseKey] = set()
        self._changed = asyncio.Event()

    @property
    def is_empty(self) -> bool:
        return not self._jobs

    @property
    def free(self) -> int:
        """So many more may be begun. What waits to be ended takes a place beyond twice as many as may be at work."""
        return max(0, min(self._concurrency - self._handlers.running, 2 * self._concurrency - len(self._jobs)))

    def held(self) -> list[LeaseKey]:
        return [in_flight_job.claimed.held for in_flight_job in self._jobs.values()]

    def held_while_blocked(self) -> list[LeaseKey]:
        """Without those that should have timed out; none where nothing else is at work.

        For another thread, while the event loop is blocked.
        """
        now, jobs = time.monotonic(), list(self._jobs.values())
        late = [one for one in jobs if one.run is not None and now >= one.started_at + one.time_out]
        if all(one.run is None or one in late for one in jobs):
            return []
        return [one.claimed.held for one in jobs if one not in late]

    def progress(self) -> list[ProgressNote]:
        """What handlers have told, and the database does not have yet."""
        return [
            ProgressNote(job_id=job_id, attempt=in_flight_job.claimed.attempt, note=note)
            for job_id, in_flight_job in self._jobs.items()
            if (note := in_flight_job.work.unsaved_note) is not None
        ]

    def mark_saved(self, progress: Iterable[ProgressNote]) -> None:
        """The database has it."""
        for one in progress:
            if one.job_id in self._jobs:
                self._jobs[one.job_id].work.mark_saved(one.note)

    async def wait_for_change(self) -> None:
        """Returns when there may be more places, or fewer jobs, than when it was called."""
        self._changed.clear()
        await self._changed.wait()

    def wake(self) -> None:
        """Whoever waits for changes is to look again."""
        self._changed.set()

    def begin(self, claimed: ClaimedJob) -> None:
        """Where it was late to renew its lease, and has taken over what it has in hand, the former attempt is lost."""
        if (former := self._jobs.get(claimed.job.id)) is not None:
            self.drop_lost([former.claimed.held])
        in_flight_job = InFlightJob(claimed)
        self._jobs[claimed.job.id] = in_flight_job
        spec = self._registry.of(claimed.job.mode)
        if spec is None:  # its mode was changed since it was claimed
            self._on_end(in_flight_job, _released(claimed))
        elif over := out_of_attempts(claimed, spec):
            self._on_end(in_flight_job, over)
        else:
            self._report(AttemptStarted(claimed))
            in_flight_job.time_out = spec.time_out
            in_flight_job.run = self._handlers.start(
                spec,
                in_flight_job.work,
                on_outcome=partial(self._ended, in_flight_job, spec),
                on_abandoned=partial(self._report, HandlerAbandoned(claimed)),
            )

    def _ended(self, in_flight_job: InFlightJob, spec: HandlerSpec, outcome: Outcome) -> None:
        claimed, cost_cents = in_flight_job.claimed, in_flight_job.work.cost_cents
        in_flight_job.run = None
        in_flight_job.seconds = time.monotonic() - in_flight_job.started_at
        try:
            ending = decide_end(claimed, spec, outcome, cost_cents=cost_cents, random=self._random)
        except Exception as error:
            ending = failed(claimed, error, cost_cents=cost_cents)
        self._on_end(in_flight_job, ending)
        if isinstance(outcome, Raised) and not isinstance(outcome.error, Retry):
            self._report(HandlerRaised(claimed, outcome.error))

    async def stop(self) -> None:
        """Returns when no handler lasts but those that do not stop, which are left behind."""
        self._handlers.stop_all()
        while not self._handlers.is_idle:
            await self.wait_for_change()

    def remove(self, in_flight_job: InFlightJob) -> None:
        """The database has its end, or it is not this worker's any more."""
        if self._jobs.get(in_flight_job.claimed.job.id) is in_flight_job:
            del self._jobs[in_flight_job.claimed.job.id]
            self._changed.set()

    def abandon(self, in_flight_job: InFlightJob) -> None:
        """The database does not take its end, and keeps it as this worker's until the lease expires."""
        self._abandoned.add(in_flight_job.claimed.held)
        self.remove(in_flight_job)

    def was_abandoned(self, held: LeaseKey) -> bool:
        return held in self._abandoned

    def drop_lost(self, lost: Iterable[LeaseKey]) -> None:
        """Those at work that are not this worker's any more are stopped."""
        for one in lost:
            in_flight_job = self._jobs.get(one.job_id)
            if (
                in_flight_job is not None
                and in_flight_job.run is not None
                and in_flight_job.claimed.attempt == one.attempt
            ):
                _stop(in_flight_job)
                self.remove(in_flight_job)
                self._report(LeaseLost(in_flight_job.claimed))

    def release(self) -> None:
        """Stops what is at work, for somebody else to do it."""
        for in_flight_job in list(self._jobs.values()):
            if in_flight_job.run is not None:
                _stop(in_flight_job)
                self._on_end(in_flight_job, _released(in_flight_job.claimed))


def _stop(in_flight_job: InFlightJob) -> None:
    if in_flight_job.run is not None:
        in_flight_job.run.stop()
        in_flight_job.run = None


def _released(claimed: ClaimedJob) -> Released:
    return Released(job_id=claimed.job.id, attempt=claimed.attempt)
