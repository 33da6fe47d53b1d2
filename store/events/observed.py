"""What was seen of jobs where the database keeps no events: how they differed from one look to the next. In memory."""

from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime
from itertools import count
from uuid import UUID

from store.events.model import EventKind, History, JobEvent
from store.events.stays import history
from store.model import GenerationJob

OBSERVED = "observed"
"""Stands where a recorded event has the database role that acted."""
MOST_JOBS = 5_000
"""Those that were looked at last."""
MOST_EVENTS = 50
"""Of a job, the newest."""


class ObservedEvents:
    """Knows nothing of what came and went between two looks, nor who did it. An event's time is that of the look."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[UUID, GenerationJob] = OrderedDict()
        self._events: dict[UUID, list[JobEvent]] = {}
        self._ids = count(1)

    def look(self, jobs: Iterable[GenerationJob], *, at: datetime) -> None:
        for job in jobs:
            before = self._jobs.pop(job.id, None)
            self._jobs[job.id] = job
            if before is not None and (kind := _kind(before, job)):
                events = self._events.setdefault(job.id, [])
                events.append(_event(next(self._ids), kind, before, job, at))
                del events[:-MOST_EVENTS]
        while len(self._jobs) > MOST_JOBS:
            job_id, _ = self._jobs.popitem(last=False)
            self._events.pop(job_id, None)

    def history(self, job_id: UUID, *, now: datetime) -> History:
        events = self._events.get(job_id, [])
        return history(job_id, events[::-1], most=MOST_EVENTS, started_at=None, now=now)


def _kind(before: GenerationJob, job: GenerationJob) -> EventKind | None:
    if before.status is not job.status:
        return EventKind.STATUS
    if before.error != job.error:
        return EventKind.ERROR
    if before.cost_cents != job.cost_cents:
        return EventKind.COST
    if (before.mode, before.user_id, before.project_id) != (job.mode, job.user_id, job.project_id):
        return EventKind.CHANGED
    return None


def _event(number: int, kind: EventKind, before: GenerationJob, job: GenerationJob, at: datetime) -> JobEvent:
    return JobEvent(
        id=number,
        at=at,
        kind=kind,
        from_status=before.status,
        to_status=job.status,
        error=job.error if kind in (EventKind.STATUS, EventKind.ERROR) else None,
        cost_cents=job.cost_cents,
        cents_change=job.cost_cents - before.cost_cents,
        retry_count=job.retry_count,
        mode=job.mode,
        project_id=job.project_id,
        user_id=job.user_id,
        actor_user_id=None,
        actor_role=OBSERVED,
        application="",
        lease_owner=None,
        note=None,
    )
