"""The state after a run: jobs, events, leases and the records of the handlers."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from psycopg import Connection

from tests.chaos.recorder import HandlerRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    id: UUID
    status: str
    cost_cents: int
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    job_id: UUID
    kind: str
    from_status: str | None = None
    to_status: str | None = None
    lease_owner: str | None = None
    application: str
    """The application name of the session, which is the name of the worker."""
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    queued: Sequence[UUID]
    """The ids of all queued jobs."""
    jobs: Sequence[Job]
    events: Sequence[Event]
    """All events in order."""
    leased: Sequence[UUID]
    """The jobs with a lease."""
    seen: Sequence[HandlerRecord]
    crashes: Sequence[float]
    """When the server crashed, in seconds since 1970."""
    lease: float
    """The duration of a lease in seconds."""

    def may_lack_claim(self, began: HandlerRecord) -> bool:
        """Whether a crash may have lost the claim of this attempt.

        Claims of the last second are lost. The handler may begin later, if its worker was frozen or cut off meanwhile.
        """
        return any(-1.0 <= began.at - crash <= 2 * self.lease for crash in self.crashes)


def read_record(
    connection: Connection,
    queued: Sequence[UUID],
    seen: Sequence[HandlerRecord],
    *,
    crashes: Sequence[float],
    lease: float,
) -> Record:
    jobs = connection.execute("select id, status, cost_cents, error from public.generation_jobs")
    events = connection.execute(
        "select job_id, kind, from_status, to_status, lease_owner, application, note from gjobs.job_events order by id"
    )
    leases = connection.execute("select job_id from gjobs.job_leases")
    return Record(
        queued=queued,
        jobs=[Job(id=job_id, status=status, cost_cents=cents, error=error) for job_id, status, cents, error in jobs],
        events=[
            Event(
                job_id=job_id,
                kind=kind,
                from_status=from_status,
                to_status=to_status,
                lease_owner=lease_owner,
                application=application,
                note=note,
            )
            for job_id, kind, from_status, to_status, lease_owner, application, note in events
        ],
        leased=[job_id for (job_id,) in leases],
        seen=seen,
        crashes=crashes,
        lease=lease,
    )
