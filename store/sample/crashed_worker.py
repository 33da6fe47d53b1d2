"""Shows the crash of a simulated worker without the usual wait."""

from sqlalchemy import text

from gjobs.store.database.query import Query, make_id
from gjobs.store.leases.lease import SILENT_AFTER
from gjobs.store.store import Store

_SILENCE = text("""
update gjobs.workers w
   set started_at = w.started_at - (w.seen_at - silent.since), seen_at = silent.since
  from (select now() - make_interval(secs => CAST(:silent_after AS double precision)) as since) silent
 where w.name = CAST(:name AS text) and w.stopped_at is null and w.seen_at > silent.since
   and w.seen_at < now() - make_interval(secs => CAST(:lease_seconds AS double precision))
returning w.id
""")


async def mark_as_silent(operator: Store, name: str, *, lease_seconds: float) -> None:
    """Let workers of this name count as silent if they have not reported for `lease_seconds`.

    Their start and their last report move to the past. Only a demo may do this, because it is accelerated and its
    leases are short.
    """
    values = {"name": name, "lease_seconds": lease_seconds, "silent_after": SILENT_AFTER.total_seconds()}
    await operator.database.write_pipelined(operator.actor, "mark a worker as silent", Query(_SILENCE, make_id, values))
