"""Writes to one or many jobs in chunks; bulk report."""

from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any
from uuid import UUID

from gjobs.store.errors import BudgetExceeded, Conflict, Locked, NoPrivilege, StoreError
from gjobs.store.jobs.job import AnyStatus, GenerationJob, JobStatus
from gjobs.store.jobs.job_results import Applied, Deleted, Missing, RetryOutcome, TransitionOutcome, applied_job
from gjobs.store.journal.write_record import WrittenRow
from gjobs.store.users.actor import actor_name
from gjobs.tui.dashboard.actions.action_context import ActionContext, WriteResolved
from gjobs.tui.dashboard.actions.action_host import DeletedJobs
from gjobs.tui.text import write_text
from gjobs.tui.text.error_text import Message, error_words, hidden_from
from gjobs.tui.text.format import count, job_name, jobs_count
from gjobs.tui.text.status_text import ACTIONS_TO, JobAction
from gjobs.tui.text.write_text import (
    SKIPPED,
    UNKNOWN,
    MissingReasons,
    SkipReason,
    deleted_message,
    in_status,
    job_lines,
    refused_by,
    restored_message,
    retry_message,
    transition_message,
    why_kept,
    why_missing,
    why_skipped,
)

CHUNK = 50
"""Jobs in one transaction. A small chunk holds locks only for milliseconds and can be stopped soon."""

Send = Callable[[Sequence[GenerationJob]], Awaitable[Sequence[SkipReason | None]]]
"""Sends a chunk in one transaction. Returns for each job why it was skipped, or None if it was written."""

Refusal = Callable[[GenerationJob], SkipReason | None]

_OF_ONE_JOB = (Locked, Conflict, NoPrivilege, BudgetExceeded)
"""Errors that a single job of a chunk can cause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedJob:
    job: GenerationJob
    reason: SkipReason


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkOutcome:
    done: tuple[GenerationJob, ...]
    """As they were before the write."""
    skipped: tuple[SkippedJob, ...]
    not_reached: tuple[GenerationJob, ...]
    """The jobs that were left when the write stopped. The write changed none of them."""
    stopped_by: StoreError | WriteResolved | None
    """None if all jobs were reached with a known outcome, or the user stopped the write."""


class BulkWrite:
    """A write to the jobs that the user saw. Jobs that match later are not added."""

    def __init__(self, jobs: Sequence[GenerationJob], send: Send, *, refused: Refusal | None = None) -> None:
        """`refused` returns why a job may not be written as the user saw it. Such a job is never sent: the user did
        not agree to write it, even if it could be written by now.
        """
        reasons = {job.id: refused(job) if refused else None for job in jobs}
        self.jobs = tuple(job for job in jobs if reasons[job.id] is None)
        """The jobs to send."""
        self._refused = [SkippedJob(job=job, reason=reason) for job in jobs if (reason := reasons[job.id]) is not None]
        self._send = send
        self._is_stopping = False

    def stop(self) -> None:
        """Stop after the current chunk."""
        self._is_stopping = True

    async def run(self, progress: Callable[[int], object] = int) -> BulkOutcome:
        """Write all chunks. `progress` gets the number of processed jobs. Never raise a StoreError."""
        chunks = deque(self.jobs[at : at + CHUNK] for at in range(0, len(self.jobs), CHUNK))
        done: list[GenerationJob] = []
        skipped = list(self._refused)
        stopped_by: StoreError | WriteResolved | None = None
        while chunks and not self._is_stopping and stopped_by is None:
            chunk = chunks[0]
            try:
                reasons = await self._send(chunk)
            except _OF_ONE_JOB as error:
                if len(chunk) > 1:
                    # One job makes the whole chunk fail. Send each job alone.
                    chunks.popleft()
                    chunks.extendleft((job,) for job in reversed(chunk))
                    continue
                reasons = [refused_by(error)]
            except WriteResolved as resolved:
                if not resolved.was_made or len(chunks) > 1:
                    stopped_by = resolved
                if resolved.was_made is False:
                    break
                otherwise = SKIPPED if resolved.was_made else UNKNOWN
                reached = resolved.written.repeats or resolved.written.ids
                reasons = [None if resolved.was_made and job.id in reached else otherwise for job in chunk]
            except StoreError as error:
                stopped_by = error
                break
            chunks.popleft()
            done += [job for job, reason in zip(chunk, reasons, strict=True) if reason is None]
            skipped += [
                SkippedJob(job=job, reason=why) for job, why in zip(chunk, reasons, strict=True) if why is not None
            ]
            progress(len(done) + len(skipped) - len(self._refused))
        not_reached = tuple(chain.from_iterable(chunks))
        return BulkOutcome(done=tuple(done), skipped=tuple(skipped), not_reached=not_reached, stopped_by=stopped_by)


async def transition_one(context: ActionContext, job: GenerationJob, target: JobStatus) -> Message:
    """Change the status of one job. Raise a StoreError on failure."""
    try:
        with context.changing([job.id], ACTIONS_TO[target]):
            outcome = await context.resolve(context.store.transition_job_status(job.id, target))
        if not isinstance(outcome, Applied):
            context.drop_keys_after_failure(None)
    except Exception as error:
        context.drop_keys_after_failure(error)
        raise
    finally:
        context.refresh_after_write([job.id])
    if isinstance(outcome, Applied):
        context.host.tour.moved_jobs_to(target)
    if not isinstance(outcome, Missing):
        return transition_message(job, outcome, target)
    reason = why_missing(outcome, await _known(context, [outcome]))
    return transition_message(job, outcome, target, if_missing=reason.one)


async def end_with_error(context: ActionContext, job: GenerationJob, target: JobStatus, error: str) -> Message:
    """End a job with an error text. Raise a StoreError on refusal, so that the form can keep the text."""
    try:
        with context.changing([job.id], ACTIONS_TO[target]):
            outcome = await context.resolve(context.store.transition_job_status(job.id, target, error))
    finally:
        context.refresh_after_write([job.id])
    async with context.explaining_missing_rows():
        applied_job(outcome, target)
    context.host.tour.moved_jobs_to(target)
    return transition_message(job, outcome, target)


async def _known(context: ActionContext, outcomes: Iterable[object]) -> MissingReasons:
    """Return why jobs were not found. Only the operator can distinguish hidden jobs from deleted ones."""
    missing = [outcome.job_id for outcome in outcomes if isinstance(outcome, Missing)]
    hidden = await hidden_from(context.store, context.operator, missing)
    if hidden is None:
        return {}
    of_hidden = write_text.hidden_reason(actor_name(context.store.actor))
    return {job_id: of_hidden if job_id in hidden else write_text.GONE for job_id in missing}


def bulk_transition(
    context: ActionContext, jobs: Sequence[GenerationJob], target: JobStatus, error: str | None
) -> BulkWrite:
    send = _sends(context, ACTIONS_TO[target], lambda ids: context.store.transition_jobs(ids, target, error), why_kept)
    return BulkWrite(jobs, send, refused=lambda job: None if job.status in target.sources else why_kept(job.status))


def bulk_retry(context: ActionContext, jobs: Sequence[GenerationJob]) -> BulkWrite:
    send = _sends(context, JobAction.RETRY, context.store.retry_generation_jobs)
    return BulkWrite(jobs, send, refused=lambda job: None if job.status is JobStatus.FAILED else in_status(job.status))


def _sends(
    context: ActionContext,
    action: JobAction,
    write: Callable[[Sequence[UUID]], Coroutine[Any, Any, Sequence[TransitionOutcome | RetryOutcome]]],
    refused: Callable[[AnyStatus], SkipReason] = in_status,
) -> Send:
    """Return a sender of the write. `refused` returns why a job in another status was skipped."""

    async def send(chunk: Sequence[GenerationJob]) -> list[SkipReason | None]:
        job_ids = [job.id for job in chunk]
        with context.changing(job_ids, action):
            outcomes = await context.resolve(write(job_ids))
        known = await _known(context, outcomes)
        return [why_skipped(outcome, known, refused) for outcome in outcomes]

    return send


async def retry_one(context: ActionContext, job: GenerationJob, *, again: bool) -> tuple[RetryOutcome, Message]:
    """Retry one job. Raise a StoreError on failure."""
    with context.changing([job.id], JobAction.RETRY):
        (outcome,) = await context.write(context.store.retry_generation_jobs([job.id], again=again))
    known = await _known(context, [outcome])
    return outcome, retry_message(job, outcome, why_skipped(outcome, known))


async def delete_one(context: ActionContext, job: GenerationJob) -> Message:
    """Delete the job if its status is unchanged. Raise a StoreError on failure."""
    context.deleting([job.id])
    with context.host.undo.deletion(context.store) as deleted:
        try:
            async with context.explaining_missing_rows():
                with context.changing([job.id], JobAction.DELETE):
                    seen = {job.id: job.status}
                    deleted += await context.resolve(context.store.delete_generation_jobs(seen))
        except WriteResolved as resolved:
            deleted += deleted_rows(resolved)
            raise
        finally:
            context.refresh_after_write([job.id])
            context.deleting((row.id for row in deleted), are_deleted=True)
    return deleted_message([job])


def bulk_deletion(context: ActionContext, jobs: Sequence[GenerationJob], deleted: list[GenerationJob]) -> BulkWrite:
    """Return a write that adds the full rows of the deleted jobs to `deleted` after each chunk."""

    async def send(chunk: Sequence[GenerationJob]) -> list[SkipReason | None]:
        seen = {job.id: job.status for job in chunk}
        try:
            with context.changing(seen, JobAction.DELETE):
                outcomes = await context.resolve(context.store.delete_jobs_as_seen(seen))
        except WriteResolved as resolved:
            deleted.extend(deleted_rows(resolved))
            raise
        deleted.extend(outcome.job for outcome in outcomes if isinstance(outcome, Deleted))
        known = await _known(context, outcomes)
        return [why_skipped(outcome, known) for outcome in outcomes]

    return BulkWrite(jobs, send)


def deleted_rows(resolved: WriteResolved) -> list[GenerationJob]:
    """Return the deleted rows. Empty if the write was not made or its outcome is unknown."""
    rows: tuple[WrittenRow, ...] = resolved.written.before if resolved.was_made else ()
    return [row for row in rows if isinstance(row, GenerationJob)]


async def restore(context: ActionContext, deletion: DeletedJobs) -> Message:
    """Restore all jobs or none, as the actor who deleted them. On failure, undo can be tried again."""
    try:
        restored = await context.resolve(deletion.store.restore_generation_jobs(deletion.jobs), of=deletion.store)
    except WriteResolved as resolved:
        if not resolved.was_made:
            context.host.undo.remember(deletion)
        raise
    except BaseException:
        context.host.undo.remember(deletion)
        raise
    finally:
        context.refresh_after_write(())
    return restored_message(restored)


MOST_NAMED = 3
"""Maximum jobs that a message names. With more jobs, the message shows their number and a dialog lists them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkReport:
    message: Message
    title: str = ""
    lines: tuple[str, ...] = ()
    """Empty if the message says everything."""

    def with_note(self, note: str) -> "BulkReport":
        """Return the report with a further sentence, which makes it a warning."""
        message = replace(self.message, text=f"{self.message.text} {note}")
        return replace(self, message=message if message.severity == "error" else replace(message, severity="warning"))


def bulk_report(outcome: BulkOutcome, *, done: str, project_names: Mapping[UUID, str]) -> BulkReport:
    """Return the report. `done` is the action in the past tense, such as "Failed"."""
    total = len(outcome.done) + len(outcome.skipped) + len(outcome.not_reached)
    by_reason: dict[SkipReason, list[SkippedJob]] = {}
    for one in outcome.skipped:
        by_reason.setdefault(one.reason, []).append(one)
    named = len(outcome.skipped) <= MOST_NAMED
    parts = [f"{done} {count(len(outcome.done))} of {jobs_count(total)}"]
    parts += [_counted(reason, left, named=named) for reason, left in by_reason.items()]
    text = f"{'; '.join(parts)}.{_stopped(outcome)}"
    is_whole = not outcome.skipped and not outcome.not_reached
    message = Message(text=text, severity="error" if outcome.stopped_by else "information" if is_whole else "warning")
    lines = () if named else _lines(by_reason, project_names)
    return BulkReport(message=message, title=done, lines=lines)


def _counted(reason: SkipReason, left: Sequence[SkippedJob], *, named: bool) -> str:
    counted = f"{count(len(left))} {reason.one if len(left) == 1 else reason.many}"
    return f"{counted}: {', '.join(job_name(one.job) for one in left)}" if named else counted


def _stopped(outcome: BulkOutcome) -> str:
    """Return why not all jobs were reached. Empty if they were."""
    left = len(outcome.not_reached)
    were = f"{jobs_count(left)} {'was' if left == 1 else 'were'} not touched"
    if (error := outcome.stopped_by) is not None:
        reason = _resolved_words(error) if isinstance(error, WriteResolved) else error_words(error)
        return f" Stopped early{f', and {were}' if left else ''}: {reason}"
    return f" Stopped: {were}." if left else ""


def _resolved_words(resolved: WriteResolved) -> str:
    """Return why the write stopped. If the outcome is known, the report already counts the jobs."""
    if resolved.was_made is None:
        return resolved.message
    return "The connection was lost." if resolved.was_made else "The connection was lost before the change was made."


def _lines(by_reason: Mapping[SkipReason, Sequence[SkippedJob]], project_names: Mapping[UUID, str]) -> tuple[str, ...]:
    lines: list[str] = []
    for reason, left in by_reason.items():
        heading = f"{jobs_count(len(left))} {reason.one if len(left) == 1 else reason.many}, as last seen:"
        lines += [*([""] if lines else []), heading, *job_lines([one.job for one in left], project_names)]
    return tuple(lines)
