"""Tasks of a worker: they renew leases, also while a handler blocks the event loop, and save the ends of attempts."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gjobs.store.errors import SchemaMissing, ServerFailure, SignInRefused, StoreError
from gjobs.store.leases.lease import SILENT_AFTER, Ending, Rescheduled
from gjobs.store.leases.lease_client import LeaseClient
from gjobs.store.worker.attempt import InFlightJob, InFlightJobs, Pair
from gjobs.store.worker.handlers import Backoff
from gjobs.store.worker.worker_events import (
    AttemptEnded,
    EventLoopBlocked,
    FinishDelayed,
    FinishRejected,
    LeaseLost,
    OutageBackoff,
    is_transient,
    refused,
)

RENEWALS = 3
"""Number of renewals during a lease, and during the time after which a worker counts as silent."""
NOTE_SECONDS = 1.0
"""Seconds between two checks for unsaved progress notes."""


def interval(lease_seconds: float) -> float:
    """Return the seconds between two renewals. Each renewal also marks the worker as alive."""
    return min(lease_seconds, SILENT_AFTER.total_seconds()) / RENEWALS


async def renew_leases(leases: LeaseClient, in_flight_jobs: InFlightJobs, outage_backoff: OutageBackoff) -> None:
    """Renew leases and save progress notes until cancelled. Raises permanent errors."""
    pause = interval(leases.seconds)
    tick = min(NOTE_SECONDS, pause)
    while True:
        await asyncio.sleep(tick)
        progress = in_flight_jobs.progress()
        now = time.monotonic()
        if not progress and now - leases.renewed_at < pause:
            continue
        held = in_flight_jobs.held()
        try:
            still_held = await leases.renew(held, progress)
        except StoreError as error:
            await asyncio.sleep(min(outage_backoff.failed(error), tick))
        else:
            leases.renewed_at = now
            outage_backoff.succeeded()
            in_flight_jobs.mark_saved(progress)
            in_flight_jobs.drop_lost((one for one in held if one.job_id not in still_held), asked_at=now)


MOST_AT_ONCE = 500
DELAYS = Backoff(first=0.5, longest=60.0)
"""Delays between the attempts to save a job's end after a server failure."""


@dataclass(eq=False, repr=False)
class Finisher:
    leases: LeaseClient
    in_flight_jobs: InFlightJobs
    outage_backoff: OutageBackoff
    on_postponed: Callable[[], None]

    def __post_init__(self) -> None:
        self._failures: dict[InFlightJob, int] = {}
        """How often the server has failed on the end of each job."""

    async def run(self) -> None:
        """Run until cancelled. Raises permanent errors."""
        ends = self.in_flight_jobs.ends
        while True:
            batch = [await ends.get()]
            while not ends.empty() and len(batch) < MOST_AT_ONCE:
                batch.append(ends.get_nowait())
            await self._end(batch)

    async def _end(self, batch: Sequence[Pair]) -> None:
        asked_at = time.monotonic()
        is_repeated = any(in_flight_job in self._failures for in_flight_job, _ in batch)
        while True:
            try:
                done = await self.leases.end([ending for _, ending in batch])
            except (SchemaMissing, SignInRefused):
                raise
            except StoreError as error:
                if isinstance(error, ServerFailure) or not is_transient(error):
                    await self._end_one_by_one(batch, error)
                    return
                is_repeated = True
                await asyncio.sleep(self.outage_backoff.failed(error))
            else:
                self.outage_backoff.succeeded()
                break
        left = [pair for pair in batch if pair[1].job_id not in done]
        if left and is_repeated:
            # An earlier try may have succeeded, with only its answer lost.
            left = [pair for pair in left if not await self._is_saved(pair[1])]
        for in_flight_job, ending in batch:
            self._failures.pop(in_flight_job, None)
            is_left = (in_flight_job, ending) in left
            if is_left and in_flight_job.claimed_at >= asked_at:
                # The answer may precede the last claim.
                self.in_flight_jobs.ends.put_nowait((in_flight_job, ending))
                continue
            self.in_flight_jobs.remove(in_flight_job)
            if is_left:
                self.in_flight_jobs.report(LeaseLost(in_flight_job.claimed))
            else:
                self.in_flight_jobs.report(AttemptEnded(in_flight_job.claimed, ending, in_flight_job.seconds))
        if any(isinstance(ending, Rescheduled) for _, ending in batch):
            self.on_postponed()

    async def _is_saved(self, ending: Ending) -> bool:
        while True:
            try:
                is_saved = await self.leases.is_saved(ending)
            except StoreError as error:
                await asyncio.sleep(self.outage_backoff.failed(error))
            else:
                self.outage_backoff.succeeded()
                return is_saved

    async def _end_one_by_one(self, batch: Sequence[Pair], error: StoreError) -> None:
        """Save ends one by one, so that one bad end doesn't block the others of its batch."""
        if len(batch) > 1:
            for pair in batch:
                await self._end([pair])
            return
        ((in_flight_job, ending),) = batch
        if isinstance(error, ServerFailure):
            self._delay(in_flight_job, ending, error)
            return
        self._failures.pop(in_flight_job, None)
        if (failure := refused(ending, error)) is not None:
            await self._end([(in_flight_job, failure)])
            return
        self.in_flight_jobs.abandon(in_flight_job)
        self.in_flight_jobs.report(FinishRejected(in_flight_job.claimed, error))

    def _delay(self, in_flight_job: InFlightJob, ending: Ending, error: StoreError) -> None:
        """Keep the result and its lease until the server can save it."""
        failures = self._failures[in_flight_job] = self._failures.get(in_flight_job, 0) + 1
        wait = DELAYS.wait(failures, self.in_flight_jobs.random)
        self.in_flight_jobs.report(FinishDelayed(in_flight_job.claimed, error, wait))
        asyncio.get_running_loop().call_later(wait, self.in_flight_jobs.ends.put_nowait, (in_flight_job, ending))


log = logging.getLogger(__name__)

_LOOKS = 4
"""Number of checks between two renewals."""


@dataclass(eq=False, repr=False)
class LeaseGuard:
    """Renews leases while the event loop is blocked. Otherwise it is idle and has no connection.

    A loop that is blocked forever loses its jobs in the end.
    """

    leases: LeaseClient
    in_flight_jobs: InFlightJobs

    def __post_init__(self) -> None:
        self._pause = interval(self.leases.seconds)
        self._tick = self._pause / _LOOKS
        self._alive_at = time.monotonic()
        """When the event loop last ran."""
        self._has_renewed = False
        """Whether it has renewed leases since the event loop last ran."""
        self._stopping = threading.Event()

    async def run(self) -> None:
        """Run until cancelled."""
        thread = threading.Thread(target=self._watch, name="lease guard", daemon=True)
        self._alive_at = time.monotonic()
        thread.start()
        try:
            while True:
                await asyncio.sleep(self._tick)
                now = time.monotonic()
                blocked, self._alive_at = now - self._alive_at, now
                if self._has_renewed:
                    self._has_renewed = False
                    self.in_flight_jobs.report(EventLoopBlocked(blocked))
        finally:
            self._stopping.set()
            while thread.is_alive():  # noqa: ASYNC110 - a thread sets no asyncio.Event
                await asyncio.sleep(0.005)

    @property
    def _is_blocked(self) -> bool:
        return not self._stopping.is_set() and time.monotonic() - self._alive_at > self._pause / 2

    def _watch(self) -> None:
        while not self._stopping.wait(self._tick):
            if self._is_blocked and not self.in_flight_jobs.is_empty:
                try:
                    asyncio.run(self._renew_while_blocked())
                except Exception:
                    # The guard must outlive any error, or the next block loses every lease.
                    log.exception("Leases were not renewed while the event loop was blocked.")

    async def _renew_while_blocked(self) -> None:
        leases = self.leases.for_another_loop()
        log.warning("A handler blocks the event loop, so another thread renews the leases.")
        try:
            keeps = True
            while self._is_blocked:
                if keeps and time.monotonic() - self.leases.renewed_at >= self._pause:
                    keeps = await self._renew(leases)
                await asyncio.sleep(min(self._tick, 0.1))
        finally:
            await leases.database.close()

    async def _renew(self, leases: LeaseClient) -> bool:
        """Renew leases, and release jobs if the loop is hung. Return whether any lease remains to be renewed."""
        now = time.monotonic()
        with self.leases.other_renewal:
            try:
                held_jobs = await leases.held_jobs()
                kept, released = self.in_flight_jobs.kept_while_blocked(held_jobs, now - self._alive_at)
                if released:
                    await leases.end(released)
                if kept:
                    await leases.renew(kept, ())
                    self.leases.renewed_at, self._has_renewed = now, True
            except StoreError as error:
                log.warning("Renewing the leases failed: %s", error)
                return True
        return bool(kept)
