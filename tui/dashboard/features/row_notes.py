"""Reads what rows and details show besides the jobs: owners, stuck jobs, events."""

import time
from collections.abc import Awaitable, Mapping, Set
from contextlib import suppress
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from gjobs.store.capabilities.capability import Capability
from gjobs.store.errors import StoreError
from gjobs.store.jobs.job import JobStatus, ListedJob
from gjobs.store.jobs.job_results import AT_LEAST, NO_LINKS, ObservedEvents
from gjobs.store.store import Store
from gjobs.tui.dashboard.actions.action_host import ActionHost
from gjobs.tui.dashboard.details.details_pane import HISTORY, NAMES, JobSections
from gjobs.tui.session import Session
from gjobs.tui.text.format import short_id
from gjobs.tui.text.job_text import Names

T = TypeVar("T")

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
            self._host.dashboard.jobs.know_owners({owner: emails.get(owner, short_id(owner)) for owner in owners})

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
                self._host.dashboard.jobs.know_stuck(found, checked=candidates.keys())


async def load_details(
    session: Session, store: Store, sections: JobSections, group: str, observed: ObservedEvents
) -> None:
    """Load what the worker group is for. Load the events first, because they are shown first."""
    if group != NAMES:
        await _load_history(store, observed, sections)
    if group != HISTORY:
        await _load_names(session.operator, store, sections)


async def _load_names(operator: Store, store: Store, sections: JobSections) -> None:
    """Load names. The asset is read as the acting user, and the owner as the operator. If a name cannot be read, its
    id is shown instead. In the visibility view, the operator reads the whole error of a hidden job.
    """
    job = sections.job
    if sections.is_sought or (isinstance(job, ListedJob) and job.is_error_cut):
        with suppress(StoreError):
            sections.show_whole(await (operator if sections.shown.hiding else store).get_generation_job(job.id))
    user = await _or_else(operator.find_actor(str(job.user_id)), None)
    asset = await _or_else(store.get_asset(job.input_asset_id), None) if job.input_asset_id else None
    links = await _or_else(store.get_job_links(job.id), NO_LINKS)
    stuck = await _or_else(store.get_stuck_verdict(job.id), None)
    path = asset.storage_path if asset else None
    sections.show_names(Names(owner=user.email if user else None, asset=path, links=links, stuck=stuck))


async def _or_else(reading: Awaitable[T], otherwise: T) -> T:
    """Return what was read, or something else if it cannot be read."""
    with suppress(StoreError):
        return await reading
    return otherwise


async def _load_history(store: Store, observed: ObservedEvents, sections: JobSections) -> None:
    """Load the events as the acting user, or explain why there are none."""
    try:
        if missing := (await store.capability_cache.get()).missing(Capability.MIGRATED, store.actor):
            seen = observed.history(sections.job.id, now=sections.shown.now)
            sections.show_history(seen, note=f"{'Observed here. ' if seen.events else ''}{missing.words}")
        else:
            sections.show_history(await store.get_job_history(sections.job.id))
    except StoreError as error:
        sections.show_no_history(error)
