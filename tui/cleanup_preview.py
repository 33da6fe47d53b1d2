"""prototype only."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from store.jobs.job import JobStatus
from store.retention.archive import require_archive
from store.retention.cleanup import count_expired, find_expired
from store.retention.retention import RetentionAction
from tui.text.retention_text import CleanUp, CleanupTarget

if TYPE_CHECKING:
    from store.store import Store


async def look_for_old(
    store: "Store",
    older_than: timedelta,
    *,
    statuses: Sequence[JobStatus],
    project_id: UUID | None,
    action: RetentionAction,
    place: CleanupTarget,
    otherwise: str,
) -> CleanUp:
    """`otherwise` says what to do where there is no archive. Raises a StoreError."""
    if action is RetentionAction.ARCHIVE:
        await require_archive(store, otherwise=otherwise)
    expired = await find_expired(store, older_than, statuses=statuses, project_id=project_id)
    return CleanUp(
        expired=expired,
        counts=await count_expired(store, expired),
        action=action,
        place=place,
        following=await store.get_cascading_tables(),
    )
