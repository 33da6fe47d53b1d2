"""Renew leases from another thread while a handler blocks the event loop."""

import asyncio
import logging
import threading
import time

from gjobs.store.errors import StoreError
from gjobs.store.worker.in_flight import InFlightJobs
from gjobs.store.worker.lease_client import LeaseClient, interval
from gjobs.store.worker.worker_events import EventLoopBlocked, Report

log = logging.getLogger(__name__)

_LOOKS = 4
"""Number of checks between two renewals."""


class LeaseGuard:
    """Renews leases while the event loop is blocked. Otherwise it is idle and has no connection.

    A loop that is blocked forever loses its jobs in the end.
    """

    def __init__(self, leases: LeaseClient, in_flight_jobs: InFlightJobs, report: Report) -> None:
        self._leases = leases
        self._in_flight_jobs = in_flight_jobs
        self._report = report
        self._pause = interval(leases.seconds)
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
                    self._report(EventLoopBlocked(blocked))
        finally:
            self._stopping.set()
            while thread.is_alive():  # noqa: ASYNC110 - a thread sets no asyncio.Event
                await asyncio.sleep(0.005)

    @property
    def _is_blocked(self) -> bool:
        return not self._stopping.is_set() and time.monotonic() - self._alive_at > self._pause / 2

    def _watch(self) -> None:
        while not self._stopping.wait(self._tick):
            if self._is_blocked and not self._in_flight_jobs.is_empty:
                try:
                    asyncio.run(self._renew_while_blocked())
                except Exception:
                    # The guard must outlive any error, or the next block loses every lease.
                    log.exception("Leases were not renewed while the event loop was blocked.")

    async def _renew_while_blocked(self) -> None:
        leases = self._leases.for_another_loop()
        log.warning("A handler blocks the event loop, so another thread renews the leases.")
        try:
            keeps = True
            while self._is_blocked:
                if keeps and time.monotonic() - self._leases.renewed_at >= self._pause:
                    keeps = await self._renew(leases)
                await asyncio.sleep(min(self._tick, 0.1))
        finally:
            await leases.database.close()

    async def _renew(self, leases: LeaseClient) -> bool:
        """Renew leases, and release jobs if the loop is hung. Return whether any lease remains to be renewed."""
        now = time.monotonic()
        with self._leases.other_renewal:
            try:
                held_jobs = await leases.held_jobs()
                kept, released = self._in_flight_jobs.kept_while_blocked(held_jobs, now - self._alive_at)
                if released:
                    await leases.end(released)
                if kept:
                    await leases.renew(kept, ())
                    self._leases.renewed_at, self._has_renewed = now, True
            except StoreError as error:
                log.warning("Renewing the leases failed: %s", error)
                return True
        return bool(kept)
