"""Who works on the jobs, and what they hold."""

from sqlalchemy import text

from store.database import Query
from store.model.worker import WorkerStatus
from store.statements.rows import Row

_LISTED = text("""
select w.id, w.user_id, w.name, w.host, w.process, w.modes, w.concurrency, w.started_at, w.seen_at, w.stopped_at,
       count(l.job_id), min(l.acquired_at), now()
  from gjobs.workers w
  left join gjobs.job_leases l on l.owner = w.id and l.expires_at > now()
 group by w.id
 order by w.stopped_at is null desc, w.seen_at desc, w.id
 limit CAST(:rows AS integer)
""")


def listed(*, limit: int) -> Query[WorkerStatus]:
    """Those that have not stopped first, the last seen first."""
    return Query(_LISTED, _make, {"rows": limit})


def _make(row: Row) -> WorkerStatus:
    *facts, held, since, now = row
    names = ("id", "user_id", "name", "host", "process", "modes", "concurrency", "started_at", "seen_at", "stopped_at")
    values = dict(zip(names, facts, strict=True))
    modes = values.pop("modes")
    return WorkerStatus(
        **values, modes=None if modes is None else tuple(modes), held_jobs=held, held_since=since, taken_at=now
    )
