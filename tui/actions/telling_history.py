"""What the details of a job tell of its past: what the database keeps of it, else what was seen here."""

from typing import TYPE_CHECKING

from store.capabilities import Feature
from store.errors import StoreError

if TYPE_CHECKING:
    from store.store import Store
    from tui.observations import Observations
    from tui.screens.details import JobDetails


async def tell_history(store: "Store", observations: "Observations", details: "JobDetails") -> None:
    """With the present eyes; where it is refused, or not kept, why."""
    try:
        if off := (await store.probed.get()).off(Feature.EVENTS, store.actor):
            seen = observations.of(store).history(details.job.id, now=details.now)
            details.tell_history(seen, note=f"{'Observed here. ' if seen.events else ''}{off.words}")
        else:
            details.tell_history(await store.get_job_history(details.job.id))
    except StoreError as error:
        details.tell_no_history(f"{error} {error.hint or ''}".rstrip())
