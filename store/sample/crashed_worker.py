"""Shows the crash of a simulated worker without the usual wait."""

from sqlalchemy import text

from store.database.query import Query, make_id
from store.leases.lease import SILENT_AFTER
from store.store import Store

_SILENCE = text("""
update gjobs.workers set seen_at = now() - make_interval(secs => CAST(:silent_after AS double precision))
 where name = CAST(:name AS text) and stopped_at is null
   and seen_at < now() - make_interval(secs => CAST(:lease_seconds AS double precision))
returning id
""")


async def mark_as_silent(operator: Store, name: str, *, lease_seconds: float) -> None:
    """Let workers of this name count as silent if they have not reported for `lease_seconds`.

    Leases of a demo are short, and a demo is accelerated. Only a demo may do this, on its own database.
    """
    values = {"name": name, "lease_seconds": lease_seconds, "silent_after": SILENT_AFTER.total_seconds()}
    await operator.database.write_pipelined(operator.actor, "mark a worker as silent", Query(_SILENCE, make_id, values))
