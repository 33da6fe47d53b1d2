"""Reads what rows show besides the jobs: owners and stuck jobs."""

import time
from collections.abc import Mapping, Set
from datetime import datetime
from uuid import UUID

from gjobs.store.errors import StoreError
from gjobs.store.jobs.job import JobStatus
from gjobs.store.jobs.job_results import AT_LEAST
from gjobs.store.store import Store
from gjobs.tui.dashboard.actions.action_host import ActionHost
from gjobs.tui.text.format import short_id

_FRESH_SECONDS = 30.0
"""Seconds before the same jobs are checked again or a failed reading is repeated."""


class RowNotesReader:
    """Reads each owner once, and checks only jobs that may be stuck. If no job of the list may be stuck, nothing is
    queried about stuck jobs. While the dashboard is idle, jobs are checked only when the number of stuck jobs in the
    totals changes.
    """

    def __init__(self, host: ActionHost) -> None:
        self._host = host
        self._owners_refused: tuple[Store | None, float] = None, 0.0
        """The store whose most recent attempt to read owners failed, and when."""
        self._checked: Mapping[UUID, datetime] = {}
        """The jobs checked last, and when each was last updated."""
        self._checked_by: Store | None = None
        self._checked_at = 0.0
        self._counted: int | None = None
        """The number of stuck jobs according to the totals at the last check. None if unknown, or if that check
        failed."""

    @property
    def is_needed(self) -> bool:
        return bool(self._unknown_owners()) or not self._is_checked(self._candidates())

    async def read(self) -> None:
        """Read what is not known yet. Drop the answers if the actor has changed since."""
        store = self._host.poller.store
        if store is not None:
            await self._read_owners(store, self._unknown_owners())
            await self._read_stuck(store, self._candidates())

    def _unknown_owners(self) -> Set[UUID]:
        jobs, listing = self._host.dashboard.jobs, self._host.dashboard.listing
        refused_by, refused_at = self._owners_refused
        was_refused = refused_by is not None and refused_by is self._host.poller.store
        if (
            (was_refused and time.monotonic() - refused_at < _FRESH_SECONDS)
            or listing is None
            or not jobs.shows_owners
            or listing.query.window.listed.project_id is not None
        ):
            return set()
        return {job.user_id for job in listing.window.jobs} - jobs.owners.keys()

    async def _read_owners(self, store: Store, owners: Set[UUID]) -> None:
        if not owners:
            return
        try:
            emails = await store.get_user_emails(owners)
        except StoreError:  # The rows show ids until the next attempt.
            self._owners_refused = store, time.monotonic()
            return
        if self._host.poller.store is store:
            self._host.dashboard.jobs.set_owners({owner: emails.get(owner, short_id(owner)) for owner in owners})

    def _candidates(self) -> Mapping[UUID, datetime]:
        """Return the running jobs that were not updated for some minutes."""
        dashboard = self._host.dashboard
        oldest, listing = dashboard.now - AT_LEAST, dashboard.listing
        return {
            job.id: job.updated_at
            for job in (listing.window.jobs if listing else ())
            if job.status is JobStatus.RUNNING and job.updated_at < oldest
        }

    def _is_checked(self, candidates: Mapping[UUID, datetime]) -> bool:
        if self._checked_by is not self._host.poller.store:
            return False
        # If a job becomes stuck, the next poll of the totals counts it.
        if self._host.poller.is_idle and self._counted is not None and self._counted == self._count():
            return True
        is_fresh = not candidates or time.monotonic() - self._checked_at < _FRESH_SECONDS
        return is_fresh and self._checked == candidates

    def _count(self) -> int | None:
        """Return the number of stuck jobs according to the totals. None if unknown. It may be older than the list."""
        totals = self._host.dashboard.totals
        stuck = totals.stuck_jobs if totals else None
        return None if stuck is None or stuck.is_more else stuck.number

    async def _read_stuck(self, store: Store, candidates: Mapping[UUID, datetime]) -> None:
        if self._is_checked(candidates):
            return
        stuck: frozenset[UUID] | None = frozenset()
        counted = self._count()
        if candidates:
            try:
                stuck = await store.find_stuck_jobs(candidates.keys())
            except StoreError:
                stuck = counted = None  # The marks stay. The list itself reports the error.
        if self._host.poller.store is store:
            self._checked, self._checked_by, self._checked_at = candidates, store, time.monotonic()
            self._counted = counted
            if stuck is not None:
                found = {job_id: candidates[job_id] for job_id in stuck}
                self._host.dashboard.jobs.set_stuck(found, checked=candidates.keys())
