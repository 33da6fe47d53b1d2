"""Reads what rows and details show besides the jobs: owners, stuck jobs, events."""

import time
from collections.abc import Mapping, Set
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from gjobs.store.capabilities.capability import Capability
from gjobs.store.errors import StoreError
from gjobs.store.jobs.job import GenerationJob, JobStatus, ListedJob
from gjobs.store.jobs.job_results import AT_LEAST, NO_LINKS, RetryLinks, StuckVerdict
from gjobs.tui.dashboard.events import JobDetailsView
from gjobs.tui.text.format import short_id
from gjobs.tui.text.job_text import Names

if TYPE_CHECKING:
    from gjobs.store.store import Store
    from gjobs.tui.dashboard.actions.action_host import ActionHost
    from gjobs.tui.dashboard.memory import ObservedHistories
    from gjobs.tui.dashboard.session.session_poller import SessionPoller


_FRESH_SECONDS = 30.0
"""Seconds before the same jobs are checked again or a failed reading is repeated."""


class RowNotesReader:
    """Reads each owner once, and checks only jobs that may be stuck. If no job of the list may be stuck, nothing is
    queried about stuck jobs. While the dashboard is idle, jobs are checked only when the number of stuck jobs in the
    totals changes.
    """

    def __init__(self, host: "ActionHost") -> None:
        self._host = host
        self._owners_refused_by: Store | None = None
        """The store whose most recent attempt to read owners failed."""
        self._owners_refused_at = 0.0
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
        if (
            self._is_refused
            or listing is None
            or not jobs.shows_owners
            or listing.query.window.listed.project_id is not None
        ):
            return set()
        return {job.user_id for job in listing.window.jobs} - jobs.owners.keys()

    async def _read_owners(self, store: "Store", owners: Set[UUID]) -> None:
        if not owners:
            return
        try:
            emails = await store.get_user_emails(owners)
        except StoreError:  # The rows show ids until the next attempt.
            self._owners_refused_by, self._owners_refused_at = store, time.monotonic()
            return
        if self._host.poller.store is store:
            self._host.dashboard.jobs.know_owners({owner: emails.get(owner, short_id(owner)) for owner in owners})

    @property
    def _is_refused(self) -> bool:
        """Whether the owners could not be read a moment ago."""
        is_same = self._owners_refused_by is not None and self._owners_refused_by is self._host.poller.store
        return is_same and time.monotonic() - self._owners_refused_at < _FRESH_SECONDS

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

    async def _read_stuck(self, store: "Store", candidates: Mapping[UUID, datetime]) -> None:
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


async def load_pane(poller: "SessionPoller", observations: "ObservedHistories", details: JobDetailsView) -> None:
    """Load the events first, because they are shown first."""
    await tell_history(poller, observations, details)
    await tell_names(poller, details)


async def tell_names(poller: "SessionPoller", details: JobDetailsView) -> None:
    """Load names. The asset is read as the acting user, and the owner as the operator. If a name cannot be read, its
    id is shown instead. In the visibility view, the operator reads the whole error of a hidden job.
    """
    session, store, job = poller.session, poller.store, details.job
    if session is None or store is None:
        return
    if details.is_sought or (isinstance(job, ListedJob) and job.is_error_cut):
        with suppress(StoreError):
            reader = session.operator if details.is_hidden else store
            details.tell_whole(await reader.get_generation_job(job.id))
    owner, asset = await _email(session.operator, job), await _asset_path(store, job)
    details.tell_names(
        Names(owner=owner, asset=asset, links=await _links(store, job), stuck=await _verdict(store, job))
    )


async def _verdict(store: "Store", job: GenerationJob) -> StuckVerdict | None:
    with suppress(StoreError):
        return await store.get_stuck_verdict(job.id)
    return None


async def _links(store: "Store", job: GenerationJob) -> RetryLinks:
    with suppress(StoreError):
        return await store.get_job_links(job.id)
    return NO_LINKS


async def _email(operator: "Store", job: GenerationJob) -> str | None:
    with suppress(StoreError):
        return (await operator.find_actor(str(job.user_id))).email
    return None


async def _asset_path(store: "Store", job: GenerationJob) -> str | None:
    with suppress(StoreError):
        asset = await store.get_asset(job.input_asset_id) if job.input_asset_id else None
        return asset.storage_path if asset else None
    return None


async def tell_history(poller: "SessionPoller", observations: "ObservedHistories", details: JobDetailsView) -> None:
    """Load the events as the acting user, or explain why there are none."""
    if (store := poller.store) is None:
        return
    try:
        if missing := (await store.capability_cache.get()).missing(Capability.EVENTS, store.actor):
            seen = observations.of(store).history(details.job.id, now=details.now)
            details.tell_history(seen, note=f"{'Observed here. ' if seen.events else ''}{missing.words}")
        else:
            details.tell_history(await store.get_job_history(details.job.id))
    except StoreError as error:
        details.tell_no_history(error)
