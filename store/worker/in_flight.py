"""Jobs in flight, and how each one ends."""

import asyncio
import time
from collections.abc import Callable, Iterable
from functools import partial
from random import Random
from uuid import UUID

from gjobs.store.leases.lease import ClaimedJob, Ending, LeaseKey, ProgressNote, Released
from gjobs.store.worker.attempt import HandlerRun, HandlerRunner
from gjobs.store.worker.attempt_outcome import Outcome, Raised, decide_end, failed, out_of_attempts
from gjobs.store.worker.handlers import HandlerSpec, Registry, Retry, Work
from gjobs.store.worker.worker_events import AttemptStarted, HandlerAbandoned, HandlerRaised, LeaseLost, Report

HUNG_SECONDS = 300.0
"""An event loop that is blocked longer than a job's time-out plus these seconds loses the job."""


HELD_PER_SLOT = 4
"""The most jobs that a worker holds for each slot. With fewer, claims would wait while the results of finished jobs
are being saved.
"""


class InFlightJob:
    """A job that this worker holds."""

    __slots__ = ("claimed", "run", "seconds", "started_at", "work")

    def __init__(self, claimed: ClaimedJob) -> None:
        self.claimed = claimed
        self.work = Work(claimed)
        self.run: HandlerRun | None = None
        """None after its attempt has ended."""
        self.started_at = time.monotonic()
        self.seconds = 0.0
        """Seconds that the attempt took."""


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
        """How many more jobs may be started.

        Jobs whose end is not saved yet take no slot. But there are at most HELD_PER_SLOT times as many jobs as slots.
        """
        room = HELD_PER_SLOT * self._concurrency - len(self._jobs)
        return max(0, min(self._concurrency - self._handlers.running, room))

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
        blocking = {job_id for job_id, one in list(self._jobs.items()) if one.run is not None and one.run.is_blocking}
        kept, released = list[LeaseKey](), list[Released]()
        for claimed in held_jobs:
            spec = self._registry.of(claimed.job.mode)
            if self.was_abandoned(claimed.held):
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
        """Start a claimed job. If this worker had held it and renewed too late, the former attempt is dropped."""
        if (former := self._jobs.get(claimed.job.id)) is not None:
            self.drop_lost([former.claimed.held])
        in_flight_job = InFlightJob(claimed)
        self._jobs[claimed.job.id] = in_flight_job
        spec = self._registry.of(claimed.job.mode)
        if spec is None:  # Its mode has changed since the claim.
            self._on_end(in_flight_job, _released(claimed))
        elif over := out_of_attempts(claimed, spec):
            self._on_end(in_flight_job, over)
        else:
            self._report(AttemptStarted(claimed))
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
        """Stop all handlers, and return when none is running except abandoned ones."""
        self._handlers.stop_all()
        while not self._handlers.is_idle:
            await self.wait_for_change()

    def remove(self, in_flight_job: InFlightJob) -> None:
        """Forget a job whose end is saved, or that this worker has lost."""
        if self._jobs.get(in_flight_job.claimed.job.id) is in_flight_job:
            del self._jobs[in_flight_job.claimed.job.id]
            self._changed.set()

    def abandon(self, in_flight_job: InFlightJob) -> None:
        """Forget a job whose end the database refuses. It remains this worker's until its lease expires."""
        self._abandoned.add(in_flight_job.claimed.held)
        self.remove(in_flight_job)

    def was_abandoned(self, held: LeaseKey) -> bool:
        return held in self._abandoned

    def drop_lost(self, lost: Iterable[LeaseKey]) -> None:
        """Stop running jobs that this worker has lost."""
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
        """Stop running jobs, and release them to other workers."""
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
