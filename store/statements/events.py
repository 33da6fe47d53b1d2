"""The statements on what happened to a job."""

from uuid import UUID

from sqlalchemy import Integer, Uuid, bindparam, select

from store import tables
from store.database import Query
from store.errors import UnexpectedError
from store.events.model import EventKind, JobEvent
from store.model import JobStatus
from store.statements.rows import Row, job_status

_events, _starts = tables.job_events, tables.job_starts

_JOB_ID = bindparam("job_id", type_=Uuid)

_OF_JOB = (
    select(
        _events.c.id,
        _events.c.at,
        _events.c.kind,
        _events.c.from_status,
        _events.c.to_status,
        _events.c.error,
        _events.c.cost_cents,
        _events.c.cents_change,
        _events.c.retry_count,
        _events.c.mode,
        _events.c.project_id,
        _events.c.user_id,
        _events.c.actor_user_id,
        _events.c.actor_role,
        _events.c.application,
        _events.c.lease_owner,
        _events.c.note,
    )
    .where(_events.c.job_id == _JOB_ID)
    .order_by(_events.c.id.desc())
    .limit(bindparam("rows", type_=Integer))
)


def of_job(job_id: UUID, *, limit: int) -> Query[JobEvent]:
    """The newest, newest first: by the index on job and id."""
    return Query(_OF_JOB, make_event, {"job_id": job_id, "rows": limit})


_STARTED = select(_starts.c.started_at).where(_starts.c.job_id == _JOB_ID)


def started(job_id: UUID) -> Query[object]:
    """No row of a job that has not run, or did so before that was noted."""
    return Query(_STARTED, lambda row: row[0], {"job_id": job_id})


def make_event(row: Row) -> JobEvent:
    (
        identifier,
        at,
        kind,
        from_status,
        to_status,
        error,
        cost_cents,
        cents_change,
        retry_count,
        mode,
        project_id,
        user_id,
        actor_user_id,
        actor_role,
        application,
        lease_owner,
        note,
    ) = row
    return JobEvent(
        id=identifier,
        at=at,
        kind=_kind(kind),
        from_status=_status(from_status),
        to_status=_status(to_status),
        error=error,
        cost_cents=cost_cents,
        cents_change=cents_change,
        retry_count=retry_count,
        mode=mode,
        project_id=project_id,
        user_id=user_id,
        actor_user_id=actor_user_id,
        actor_role=actor_role,
        application=application,
        lease_owner=lease_owner,
        note=note,
    )


def _kind(value: str) -> EventKind:
    """Raises UnexpectedError for one that only a newer program knows."""
    try:
        return EventKind(value)
    except ValueError:
        raise UnexpectedError(f"The database holds an event of the kind {value!r}, which is not known.") from None


def _status(value: str | None) -> JobStatus | None:
    return None if value is None else job_status(value)
