"""What the details of a job tell beyond the list: all of its error, the owner's e-mail, where the input asset is."""

from contextlib import suppress
from typing import TYPE_CHECKING

from store.errors import StoreError
from store.listing.model import ListedJob
from store.model import GenerationJob, JobLinks
from store.model.links import NO_LINKS
from store.stuck.model import StuckVerdict
from tui.screens.details import JobDetails
from tui.words.job_facts import Names

if TYPE_CHECKING:
    from store.store import Store
    from tui.connection import Connection


async def tell_names(connection: "Connection", details: JobDetails) -> None:
    """The asset with the present eyes; who a user is, only the operator is told. What is refused stays an id."""
    session, store, job = connection.session, connection.store, details.job
    if session is None or store is None:
        return
    if isinstance(job, ListedJob) and job.is_error_cut:
        with suppress(StoreError):
            details.tell_whole(await store.get_generation_job(job.id))
    owner, asset = await _email(session.operator, job), await _asset_path(store, job)
    details.tell_names(
        Names(owner=owner, asset=asset, links=await _links(store, job), stuck=await _verdict(store, job))
    )


async def _verdict(store: "Store", job: GenerationJob) -> StuckVerdict | None:
    with suppress(StoreError):
        return await store.get_stuck_verdict(job.id)
    return None


async def _links(store: "Store", job: GenerationJob) -> JobLinks:
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
