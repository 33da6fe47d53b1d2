"""Claims, renews and ends leases for one worker, and lists workers and the jobs that they hold."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text

from gjobs.store.database.database import Database
from gjobs.store.database.query import Query, Row, first_column, row_maker, typed_text
from gjobs.store.jobs.job_sql import make_job
from gjobs.store.leases.lease import (
    ClaimedJob,
    Ending,
    JobFinish,
    LeasedJob,
    LeaseKey,
    ProgressNote,
    Released,
    Rescheduled,
    WorkerInfo,
    WorkerStatus,
)
from gjobs.store.users.actor import OPERATOR


def _make_claimed(row: Row) -> ClaimedJob:
    *job, attempt, lost_by, note = row
    return ClaimedJob(job=make_job(job), attempt=attempt, lost_by=lost_by, note=note)


_CLAIM = text("""
select id, user_id, project_id, status, mode, input_asset_id, error, cost_cents, created_at, updated_at,
       attempt, lost_by, note
  from gjobs.claim_jobs(CAST(:owner AS uuid), CAST(:modes AS text[]), CAST(:most AS integer), CAST(:seconds AS float8)),
       set_config('synchronous_commit',
                  case when CAST(:durable AS boolean) then current_setting('synchronous_commit') else 'off' end, true)
""")
_HELD = text("""
select j.id, j.user_id, j.project_id, j.status, j.mode, j.input_asset_id, j.error, j.cost_cents, j.created_at,
       j.updated_at, l.attempt, CAST(null AS uuid), CAST(null AS text)
  from gjobs.job_leases l join public.generation_jobs j on j.id = l.job_id and j.status = 'running'
 where l.owner = CAST(:owner AS uuid)
""")
NEXT_DUE: Query[float | None] = Query(
    text("""
select CAST(extract(epoch from min(expires_at)) - extract(epoch from clock_timestamp()) AS float8)
  from gjobs.job_leases where expires_at > now() - interval '1 second'
"""),
    first_column,
)
"""Returns the seconds until the next lease expires unless renewed, or None if there is no such lease.

Ignores leases that expired more than a second ago. The caller could not claim those jobs, for example because no
worker accepts their mode, and their leases may stay.
"""
_FINISH = text("""
select gjobs.finish_jobs(CAST(:owner AS uuid), CAST(:ids AS uuid[]), CAST(:attempts AS integer[]),
                         CAST(:statuses AS text[]), CAST(:errors AS text[]), CAST(:costs AS integer[]))
""")
_POSTPONE = text("""
select gjobs.postpone_jobs(CAST(:owner AS uuid), CAST(:ids AS uuid[]), CAST(:attempts AS integer[]),
                           CAST(:errors AS text[]), CAST(:costs AS integer[]), CAST(:waits AS float8[]))
""")


def _release(chosen: str) -> TextClause:
    """Return a statement that releases jobs to other workers at once, as if this worker had not started them."""
    return text(f"""
update gjobs.job_leases set owner = null, attempt = attempt - 1, expires_at = now(), note = null
 where job_id = any (array(
           select job_id from gjobs.job_leases where owner = CAST(:owner AS uuid) {chosen} for no key update skip locked
       ))
returning job_id
""")  # noqa: S608 - of constants


RELEASE = _release(
    "and (job_id, attempt) in (select * from unnest(CAST(:ids AS uuid[]), CAST(:attempts AS integer[])))"
)
_RELEASE_ALL = _release("")
_IS_SAVED = text("""
select exists (select from gjobs.job_events e
                where e.job_id = CAST(:job_id AS uuid) and e.lease_owner = CAST(:owner AS text)
                  and (e.to_status = CAST(:status AS text) or e.note = CAST(:note AS text)))
""")
_RENEW = text("""
select gjobs.renew_leases(CAST(:owner AS uuid), CAST(:ids AS uuid[]), CAST(:attempts AS integer[]),
                          CAST(:seconds AS float8), CAST(:notes AS text[]))
""")
_DELETE_OLD_WORKERS: Query[UUID] = Query(
    text("""
delete from gjobs.workers where coalesce(stopped_at, seen_at) < now() - make_interval(days => 7) returning id
"""),
    first_column,
)
"""Deletes workers that have been gone for a week."""
_REGISTER = text("""
insert into gjobs.workers (id, name, host, process, modes, concurrency)
values (CAST(:id AS uuid), CAST(:name AS text), CAST(:host AS text), CAST(:process AS integer),
        CAST(:modes AS text[]), CAST(:concurrency AS integer))
    on conflict (id) do update set seen_at = now(), stopped_at = null
returning id
""")
_MARK_SEEN = text("update gjobs.workers set seen_at = clock_timestamp() where id = CAST(:owner AS uuid) returning id")
_DEREGISTER = text("""
update gjobs.workers set seen_at = clock_timestamp(), stopped_at = clock_timestamp()
 where id = CAST(:owner AS uuid) returning id
""")


@dataclass(eq=False, repr=False)
class LeaseClient:
    """The database side of one worker. Every method may raise a StoreError. Leases last `seconds` unless renewed.

    The commit of a claim doesn't wait for the disk unless `claims_are_durable`. A crash of the server may lose the
    claim, but not after the end of one of its jobs is saved: that commit also writes all earlier ones to the disk.
    """

    database: Database
    worker: WorkerInfo
    seconds: float
    claims_are_durable: bool

    def __post_init__(self) -> None:
        self._owner: Mapping[str, object] = {"owner": self.worker.id}
        self._modes = None if self.worker.modes is None else list(self.worker.modes)
        self._renewing = asyncio.Lock()
        """Prevents the release of leases during a renewal. The database doesn't release a locked lease, and a renewal
        locks it.
        """
        self.other_renewal = threading.Lock()
        """Held by another thread while it renews the leases."""
        self.renewed_at = time.monotonic()
        """When the leases were last renewed or, at first, when this worker started."""

    async def register_worker(self) -> None:
        registered = Query[UUID](_REGISTER, first_column, {**asdict(self.worker), "modes": self._modes})
        await self._write("start a worker", _DELETE_OLD_WORKERS, registered)

    async def deregister_worker(self) -> None:
        """Sign the worker off, and release all jobs that it still holds, even if it doesn't know them."""
        queries = [Query[UUID](one, first_column, self._owner) for one in (_RELEASE_ALL, _DEREGISTER)]
        async with self._no_renewal():
            await self._write("stop a worker", *queries)

    async def claim(self, most: int) -> list[ClaimedJob]:
        """Claim jobs with an expired lease, then the oldest queued jobs."""
        settings = {"modes": self._modes, "seconds": self.seconds, "durable": self.claims_are_durable}
        query = Query(_CLAIM, _make_claimed, {**self._owner, **settings, "most": most})
        (claimed,) = await self._write("claim jobs", query)
        return claimed

    async def held_jobs(self) -> list[ClaimedJob]:
        """Return all jobs that this worker has claimed and not ended, even if they are unknown here."""
        return await self.database.read(OPERATOR, Query(_HELD, _make_claimed, self._owner))

    async def next_due(self) -> float | None:
        """Return the seconds until the next lease expires, or None if there is no lease."""
        (seconds,) = await self.database.read(OPERATOR, NEXT_DUE)
        return seconds

    async def end(self, endings: Sequence[Ending]) -> set[UUID]:
        """Save the ends of jobs, and return the jobs that this worker still held."""
        queries = list[Query[UUID]]()
        if finished := [one for one in endings if isinstance(one, JobFinish)]:
            statuses = [one.status.value for one in finished]
            queries.append(self._of_each(_FINISH, finished, statuses=statuses, **_results(finished)))
        if postponed := [one for one in endings if isinstance(one, Rescheduled)]:
            waits = [one.wait for one in postponed]
            queries.append(self._of_each(_POSTPONE, postponed, waits=waits, **_results(postponed)))
        if released := [one for one in endings if isinstance(one, Released)]:
            queries.append(self._of_each(RELEASE, released))
        async with self._no_renewal() if released else nullcontext():
            answers = await self._write("end jobs", *queries)
        return {job_id for answer in answers for job_id in answer}

    async def renew(self, held: Sequence[LeaseKey], progress: Sequence[ProgressNote]) -> set[UUID]:
        """Renew leases, store progress notes, and mark the worker as alive. Return the jobs that it still holds."""
        notes = {(one.job_id, one.attempt): one.note for one in progress}
        of_each = [notes.get((one.job_id, one.attempt)) for one in held]
        renewal = self._of_each(_RENEW, held, notes=of_each, seconds=self.seconds)
        async with self._renewing:
            still_held, _ = await self._write("renew leases", renewal, Query(_MARK_SEEN, first_column, self._owner))
        return set(still_held)

    @asynccontextmanager
    async def _no_renewal(self) -> AsyncIterator[None]:
        async with self._renewing:
            while not self.other_renewal.acquire(blocking=False):  # noqa: ASYNC110 - a thread sets no asyncio.Event
                await asyncio.sleep(0.01)
            try:
                yield
            finally:
                self.other_renewal.release()

    def for_another_loop(self) -> "LeaseClient":
        """Return a copy for an event loop in another thread. The caller must close its database."""
        return replace(self, database=self.database.for_another_loop())

    async def is_saved(self, ending: Ending) -> bool:
        """Return whether this worker has saved the end of the attempt. The job's status would not say who ended it."""
        match ending:
            case JobFinish(status=status):
                saved = {"status": status.value, "note": None}
            case Rescheduled(attempt=attempt):
                saved = {"status": None, "note": f"attempt {attempt} failed"}
            case Released():
                saved = {"status": None, "note": "handed back"}
        values = {"job_id": ending.job_id, "owner": str(self.worker.id), **saved}
        (answer,) = await self.database.read(OPERATOR, Query[bool](_IS_SAVED, first_column, values))
        return answer

    def _of_each(self, statement: TextClause, jobs: Sequence[LeaseKey], **values: object) -> Query[UUID]:
        """Return a query for those of the jobs that the worker still held. Lists of `values` have the jobs' order."""
        keys = {"ids": [one.job_id for one in jobs], "attempts": [one.attempt for one in jobs]}
        return Query(statement, first_column, {**self._owner, **keys, **values})

    async def _write(self, what: str, *queries: Query[Any]) -> tuple[list[Any], ...]:
        return await self.database.write_pipelined(OPERATOR, what, *queries)


def _results(endings: Sequence[JobFinish | Rescheduled]) -> dict[str, object]:
    return {"errors": [one.error for one in endings], "costs": [one.cost_cents for one in endings]}


_make_worker = row_maker(WorkerStatus, modes=lambda modes: None if modes is None else tuple(modes))


def list_workers(*, limit: int, at: datetime | None) -> Query[WorkerStatus]:
    """List workers: running ones first, then by when they were last seen. `at` replaces the server's time."""
    sql = """
select w.id, w.name, w.host, w.process, w.modes, w.concurrency, w.started_at, w.seen_at, w.stopped_at,
       count(j.id), count(j.id) filter (where l.expires_at <= moment.at),
       min(l.acquired_at) filter (where j.id is not null), moment.at
  from (select coalesce(CAST(:at AS timestamptz), now()) as at) moment
 cross join gjobs.visible_workers w
  left join gjobs.visible_leases l on l.owner = w.id
  left join public.generation_jobs j on j.id = l.job_id and j.status = 'running'
 group by w.id, w.name, w.host, w.process, w.modes, w.concurrency, w.started_at, w.seen_at, w.stopped_at,
          moment.at
 order by w.stopped_at is null desc, w.seen_at desc, w.id
 limit CAST(:rows AS integer)
"""
    return Query(typed_text(sql), _make_worker, {"rows": limit, "at": at})


def leased_jobs(*, limit: int) -> Query[LeasedJob]:
    """List running jobs with a lease, earliest claims first.

    If a job was ended by anyone but its worker, its lease may remain for a while. Such leases are left out.
    """
    sql = """
select l.job_id, j.mode, j.project_id, l.owner, l.attempt, l.acquired_at, l.expires_at, l.note
  from gjobs.visible_leases l
  join public.generation_jobs j on j.id = l.job_id and j.status = 'running'
 order by l.acquired_at, l.job_id
 limit CAST(:rows AS integer)
"""
    return Query(typed_text(sql), row_maker(LeasedJob), {"rows": limit})
