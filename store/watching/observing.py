"""What happened between two looks at the jobs, where nothing records it. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from store.model import GenerationJob, JobStatus
from store.watching.model import Transition

LATE = timedelta(minutes=1)
"""A job is created when its transaction begins, and seen when that is committed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The jobs as they were at a time: those that may still move, the newest, and those that were asked for."""

    at: datetime
    jobs: Mapping[UUID, GenerationJob]


def observed(former: Look, look: Look, asked: Iterable[UUID]) -> tuple[Transition, ...]:
    """In the order in which the jobs were changed.

    `asked` are jobs of the former look that were looked for: one that is not there now was deleted. What comes and goes
    between two looks is not seen, nor is a step between two others.
    """
    changed = [
        _transition(job, from_status=before.status if before else None, to_status=job.status, at=look.at)
        for job in sorted(look.jobs.values(), key=lambda job: (job.updated_at, job.id))
        if ((before := former.jobs.get(job.id)) is None and _is_new(job, former))
        or (before is not None and before.status is not job.status)
    ]
    gone = [former.jobs[job_id] for job_id in asked if job_id not in look.jobs]
    return (*changed, *(_transition(job, from_status=job.status, to_status=None, at=look.at) for job in gone))


def _is_new(job: GenerationJob, former: Look) -> bool:
    """Else it comes into sight only because others are gone."""
    return job.created_at >= former.at - LATE


def _transition(
    job: GenerationJob, *, from_status: JobStatus | None, to_status: JobStatus | None, at: datetime
) -> Transition:
    return Transition(
        job_id=job.id,
        from_status=from_status,
        to_status=to_status,
        at=at,
        mode=job.mode,
        cost_cents=job.cost_cents,
        error=job.error,
        user_id=job.user_id,
        project_id=job.project_id,
        cursor=None,
    )
