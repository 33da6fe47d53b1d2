"""Loads what the details of a job show besides its row."""

from contextlib import suppress
from typing import TYPE_CHECKING

from gjobs.store.capabilities.capability import Capability
from gjobs.store.errors import StoreError
from gjobs.store.jobs.job import GenerationJob, ListedJob
from gjobs.store.jobs.job_results import NO_LINKS, RetryLinks, StuckVerdict
from gjobs.tui.dashboard.messages import JobDetailsView
from gjobs.tui.text.job_text import Names

if TYPE_CHECKING:
    from gjobs.store.store import Store
    from gjobs.tui.dashboard.memory import ObservedHistories
    from gjobs.tui.dashboard.session_poller import SessionPoller


async def load_pane(poller: "SessionPoller", observations: "ObservedHistories", details: JobDetailsView) -> None:
    """Load the events first, because they are shown first."""
    if (store := poller.store) is not None:
        await tell_history(store, observations, details)
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


async def tell_history(store: "Store", observations: "ObservedHistories", details: JobDetailsView) -> None:
    """Load the events as the acting user, or explain why there are none."""
    try:
        if missing := (await store.capability_cache.get()).missing(Capability.EVENTS, store.actor):
            seen = observations.of(store).history(details.job.id, now=details.now)
            details.tell_history(seen, note=f"{'Observed here. ' if seen.events else ''}{missing.words}")
        else:
            details.tell_history(await store.get_job_history(details.job.id))
    except StoreError as error:
        details.tell_no_history(error)
