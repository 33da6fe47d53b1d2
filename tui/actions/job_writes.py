"""Writes about jobs, and what to say of their results."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from store.applied import applied_job
from store.model import Deleted, GenerationJob, JobStatus, Missing, RetryOutcome
from store.writing.written import WrittenRow
from tui.actions.bulk import Send
from tui.actions.certainty import Learned
from tui.actions.undo import Deletion
from tui.actions.whereabouts import hidden_from
from tui.words import why_left
from tui.words.eyes import eyes_name
from tui.words.outcomes import deleted_toast, restored_toast, retry_toast, transition_toast
from tui.words.toast import Toast
from tui.words.why_left import MissingWhys, WhyLeft, of_deletion, of_missing, of_retry, of_transition

if TYPE_CHECKING:
    from tui.actions.desk import Desk


async def transition_one(desk: "Desk", job: GenerationJob, target: JobStatus) -> Toast:
    """Raises a StoreError."""
    try:
        outcome = await desk.certainty.of(desk.store.transition_job_status(job.id, target))
    finally:
        desk.changed([job.id])
    if not isinstance(outcome, Missing):
        return transition_toast(job, outcome, target)
    why = of_missing(outcome, await _known(desk, [outcome]))
    return transition_toast(job, outcome, target, if_missing=why.one)


async def fail_one(desk: "Desk", job: GenerationJob, error: str) -> Toast:
    """Raises a StoreError where it is refused, so that whoever typed the error's text still has it."""
    try:
        outcome = await desk.certainty.of(desk.store.transition_job_status(job.id, JobStatus.FAILED, error))
    finally:
        desk.changed([job.id])
    async with desk.telling_apart():
        applied_job(outcome, JobStatus.FAILED)
    return transition_toast(job, outcome, JobStatus.FAILED)


async def _known(desk: "Desk", outcomes: Iterable[object]) -> MissingWhys:
    """Why those that were not found were not: the operator can tell, where these are not the operator's own eyes."""
    missing = [outcome.job_id for outcome in outcomes if isinstance(outcome, Missing)]
    hidden = await hidden_from(desk.store, desk.operator, missing)
    if hidden is None:
        return {}
    of_hidden = why_left.hidden_from(eyes_name(desk.store.actor))
    return {job_id: of_hidden if job_id in hidden else why_left.GONE for job_id in missing}


def sends_transition(desk: "Desk", target: JobStatus, error: str | None) -> Send:
    async def send(chunk: Sequence[GenerationJob]) -> list[WhyLeft | None]:
        write = desk.store.transition_jobs([job.id for job in chunk], target, error)
        outcomes = await desk.certainty.of(write)
        known = await _known(desk, outcomes)
        return [of_transition(outcome, known) for outcome in outcomes]

    return send


async def retry_one(desk: "Desk", job: GenerationJob, *, again: bool) -> RetryOutcome:
    """Raises a StoreError."""
    try:
        (outcome,) = await desk.certainty.of(desk.store.retry_generation_jobs([job.id], again=again))
    finally:
        desk.changed(())
    return outcome


async def retried(desk: "Desk", job: GenerationJob, outcome: RetryOutcome) -> Toast:
    known = await _known(desk, [outcome])
    return retry_toast(job, outcome, of_retry(outcome, known))


def sends_retry(desk: "Desk") -> Send:
    async def send(chunk: Sequence[GenerationJob]) -> list[WhyLeft | None]:
        outcomes = await desk.certainty.of(desk.store.retry_generation_jobs([job.id for job in chunk]))
        known = await _known(desk, outcomes)
        return [of_retry(outcome, known) for outcome in outcomes]

    return send


async def delete_one(desk: "Desk", job: GenerationJob) -> Toast:
    """As it was seen, or not. Raises a StoreError."""
    deleted: list[GenerationJob] = []
    try:
        async with desk.telling_apart():
            deleted += await desk.certainty.of(desk.store.delete_generation_jobs({job.id: job.status}))
    except Learned as learned:
        deleted += deleted_rows(learned)
        raise
    finally:
        desk.undo.remember(Deletion(desk.store, tuple(deleted)))
        desk.changed([job.id])
    return deleted_toast([job])


def sends_deletion(desk: "Desk", deleted: list[GenerationJob]) -> Send:
    """Adds to `deleted` the whole rows of those that it deleted, as each chunk is done."""

    async def send(chunk: Sequence[GenerationJob]) -> list[WhyLeft | None]:
        write = desk.store.delete_jobs_as_seen({job.id: job.status for job in chunk})
        try:
            outcomes = await desk.certainty.of(write)
        except Learned as learned:
            deleted.extend(deleted_rows(learned))
            raise
        deleted.extend(outcome.job for outcome in outcomes if isinstance(outcome, Deleted))
        known = await _known(desk, outcomes)
        return [of_deletion(outcome, known) for outcome in outcomes]

    return send


def deleted_rows(learned: Learned) -> list[GenerationJob]:
    """None where it was not made, or cannot be told."""
    rows: tuple[WrittenRow, ...] = learned.written.before if learned.was_made else ()
    return [row for row in rows if isinstance(row, GenerationJob)]


async def restore(desk: "Desk", deletion: Deletion) -> Toast:
    """All of it or nothing, with the eyes that deleted. What could not be restored can be tried again."""
    try:
        restored = await desk.certainty_of(deletion.store).of(deletion.store.restore_generation_jobs(deletion.jobs))
    except Learned as learned:
        if not learned.was_made:
            desk.undo.remember(deletion)
        raise
    except BaseException:
        desk.undo.remember(deletion)
        raise
    finally:
        desk.changed(())
    return restored_toast(restored)
