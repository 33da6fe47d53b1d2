"""Writes about jobs, and what to say of their results."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from store.applied import applied_job
from store.errors import StoreError
from store.model import GenerationJob, JobStatus, TransitionOutcome
from tui.outcomes import Toast, deleted_toast, interrupted_toast, transition_toast

if TYPE_CHECKING:
    from tui.desk import Desk


async def transition(desk: "Desk", jobs: Sequence[GenerationJob], target: JobStatus, error: str | None) -> Toast:
    """One after the other; those that their status does not permit are left. Raises a StoreError before the first."""
    outcomes: list[TransitionOutcome] = []
    try:
        for job in jobs:
            if outcomes:
                desk.working(f"{len(outcomes)} of {len(jobs)} done …")
            outcomes.append(await desk.store.transition_job_status(job.id, target, error))
    except StoreError as stopped_by:
        if not outcomes:
            raise
        return interrupted_toast(jobs, outcomes, target, stopped_by)
    finally:
        desk.working("")
        desk.changed(job.id for job in jobs)
    return transition_toast(jobs, outcomes, target)


async def fail_one(desk: "Desk", job: GenerationJob, error: str) -> Toast:
    """Raises a StoreError where it is refused, so that whoever typed the error's text still has it."""
    try:
        outcome = await desk.store.transition_job_status(job.id, JobStatus.FAILED, error)
    finally:
        desk.changed([job.id])
    applied_job(outcome, JobStatus.FAILED)
    return transition_toast([job], [outcome], JobStatus.FAILED)


async def delete(desk: "Desk", jobs: Sequence[GenerationJob]) -> Toast:
    """All of them as they were seen, or none. Raises a StoreError."""
    try:
        await desk.store.delete_generation_jobs({job.id: job.status for job in jobs})
    finally:
        desk.changed(job.id for job in jobs)
    return deleted_toast(jobs)
