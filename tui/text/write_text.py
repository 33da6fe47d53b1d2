"""Confirmations, results of writes, and reasons why jobs were skipped."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never
from uuid import UUID

from rich.cells import cell_len

from gjobs.store.budgets.budget import Budget, budget_name
from gjobs.store.errors import BudgetExceeded, StoreError, command
from gjobs.store.jobs import job_results
from gjobs.store.jobs.job import LIVE_STATUSES, AnyStatus, GenerationJob, JobStatus, Project, why_refused
from gjobs.store.journal.write_record import ResolvedWrite, WriteOutcome, WriteRecord, WrittenRow
from gjobs.store.values.data_classes import by_member
from gjobs.store.values.formats import money
from gjobs.tui.text.clean_text import clean, pad
from gjobs.tui.text.error_text import Message, warning
from gjobs.tui.text.format import count, job_name, jobs_count, jobs_name, short_id
from gjobs.tui.text.status_text import STATUS_TEXTS, status_label, status_word

_MOST_LISTED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    title: str
    lines: tuple[str, ...]
    """Clean text."""
    warning: str | None = None
    """A warning if pending work would be lost."""
    agree: str
    """The label of the confirming button."""
    is_dangerous: bool = False
    """Whether it is hard to undo."""
    declined: str
    """What was not done, and the key that does it, as `{key}`."""


def confirm_deletion(
    jobs: Sequence[GenerationJob], *, project_names: Mapping[UUID, str], database: str, undo: str
) -> Confirmation:
    """`undo` is a sentence that says how to restore the jobs."""
    noun = "this job" if len(jobs) == 1 else f"these {count(len(jobs))} jobs"
    return Confirmation(
        title=f"Delete {noun}?",
        lines=(*first_job_lines(jobs, project_names), "", where(database), undo),
        warning=_live_warning(jobs),
        agree="Delete" if len(jobs) == 1 else f"Delete {count(len(jobs))}",
        is_dangerous=True,
        declined="Nothing was deleted. {key} deletes.",
    )


def undo_words(key: str, jobs: int, following: Sequence[str]) -> str:
    """`following` are the tables whose rows or references are lost permanently when a job is deleted."""
    them = "it" if jobs == 1 else "them"
    return " ".join([f"{key} restores {them} while this dashboard is open.", *cascading_words(following, them)])


def cascading_words(tables: Sequence[str], them: str = "them") -> list[str]:
    """Return a sentence on the rows that are lost with jobs, if there are such tables."""
    named = ", ".join(clean(name, limit=60) for name in tables[:_MOST_LISTED])
    return [f"Rows of {named} that refer to {them} are permanently deleted or unlinked."] if tables else []


def confirm_transition(
    jobs: Sequence[GenerationJob], target: JobStatus, *, project_names: Mapping[UUID, str], database: str
) -> Confirmation:
    """Ask before several jobs change status. A single job needs no confirmation."""
    able = sum(job.status in target.sources for job in jobs)
    title, lines = change_words(jobs, target, project_names=project_names, database=database)
    return Confirmation(
        title=f"{title}?",
        lines=lines,
        agree=f"{STATUS_TEXTS[target].verb} {count(able)}",
        declined="Nothing was changed. {key} confirms.",
    )


def change_words(
    jobs: Sequence[GenerationJob], target: JobStatus, *, project_names: Mapping[UUID, str], database: str
) -> tuple[str, tuple[str, ...]]:
    """Return the title and the lines of a dialog before jobs change status. Only those that may change are listed."""
    able = [job for job in jobs if job.status in target.sources]
    every = jobs_name(jobs) if len(jobs) == 1 else f"these {count(len(jobs))} jobs"
    which = every if len(able) == len(jobs) else f"{count(len(able))} of {every}"
    lines = (*first_job_lines(able, project_names), *_unchanged_line(len(jobs) - len(able)), "", where(database))
    return f"{STATUS_TEXTS[target].verb} {which}", lines


def _unchanged_line(number: int) -> list[str]:
    """Return a line about the chosen jobs that cannot be changed. Empty if there are none."""
    if not number:
        return []
    return ["The other job stays as it is." if number == 1 else f"The other {count(number)} jobs stay as they are."]


def confirm_retry(
    jobs: Sequence[GenerationJob],
    *,
    project_names: Mapping[UUID, str],
    database: str,
    repeated: bool = False,
    about: Sequence[str] = (),
) -> Confirmation:
    """Ask before several jobs are retried. Only those that may be retried are listed. Also ask about a single job that
    was retried before. `about` says what the jobs have in common, in clean lines.
    """
    failed = [job for job in jobs if job.status is JobStatus.FAILED]
    every = "this job" if len(jobs) == 1 else f"these {count(len(jobs))} jobs"
    which = every if len(failed) == len(jobs) else f"{count(len(failed))} of {every}"
    listed = (*first_job_lines(failed, project_names), *_unchanged_line(len(jobs) - len(failed)))
    kept = "Each is queued as a new job. The failed job stays as it is."
    several = [
        "Those that were already retried are skipped.",
        f"The new jobs cost at most {money(sum(job.cost_cents for job in failed))}.",
    ]
    return Confirmation(
        title=f"Retry {which}{' again' if repeated else ''}?",
        lines=(*about, *listed, "", where(database), kept, *(several if len(failed) > 1 else ())),
        warning="This job was already retried." if repeated else None,
        agree="Retry" if len(jobs) == 1 else f"Retry {count(len(failed))}",
        declined="Nothing was retried. {key} retries.",
    )


def first_job_lines(jobs: Sequence[GenerationJob], project_names: Mapping[UUID, str]) -> list[str]:
    """Return aligned lines: status, mode, cost, id, project. Of many jobs, only the first are listed."""
    lines = job_lines(jobs[:_MOST_LISTED], project_names)
    more = len(jobs) - _MOST_LISTED
    return [*lines, f"and {count(more)} more"] if more > 0 else lines


def job_lines(jobs: Sequence[GenerationJob], project_names: Mapping[UUID, str]) -> list[str]:
    rows = [_cells(job, project_names) for job in jobs]
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(pad, row, widths)).rstrip() for row in rows]


def job_line(job: GenerationJob, project_names: Mapping[UUID, str]) -> str:
    """Return one line that identifies a job."""
    return "  ".join(_cells(job, project_names))


def _cells(job: GenerationJob, project_names: Mapping[UUID, str]) -> tuple[str, ...]:
    project = clean(project_names.get(job.project_id, str(job.project_id)), limit=60)
    return (status_label(job.status), clean(job.mode, limit=40), money(job.cost_cents), short_id(job.id), project)


def where(database: str) -> str:
    """Name the database that is about to change."""
    return f"Database: {clean(database, limit=120)}"


def _live_warning(jobs: Sequence[GenerationJob]) -> str | None:
    counts = Counter(status for status in LIVE_STATUSES for job in jobs if job.status is status)
    if len(jobs) == len(counts) == 1:
        (status,) = counts
        return f"This job is {status}. {STATUS_TEXTS[status].lost}"
    return never_finish_words(counts.items())


def never_finish_words(counts: Iterable[tuple[AnyStatus, int]]) -> str | None:
    """Return a warning about the unfinished ones of jobs that are counted by status, None if all are finished."""
    live = {status: number for status, number in counts if status in LIVE_STATUSES}
    if not live:
        return None
    named = " and ".join(f"{count(number)} {status}" for status, number in live.items())
    return f"{named} {'job' if sum(live.values()) == 1 else 'jobs'} will never finish."


def not_permitted_message(jobs: Sequence[GenerationJob], target: JobStatus) -> Message:
    """Return a message that says why none of the jobs may change to `target`."""
    if len(jobs) == 1:
        return warning(clean(why_refused(jobs[0].status, target)))
    needed = " or ".join(target.sources)
    done = STATUS_TEXTS[target].done.lower()
    return warning(f"Only {needed} jobs can be {done}, and none of these {count(len(jobs))} jobs is {needed}.")


def transition_message(
    job: GenerationJob,
    outcome: job_results.TransitionOutcome,
    target: JobStatus,
    *,
    if_missing: str = "is gone or hidden",
) -> Message:
    match outcome:
        case job_results.Applied():
            return Message(text=f"{STATUS_TEXTS[target].done} {job_name(job)}.")
        case job_results.Refused(current=current):
            return warning(f"{clean(why_refused(current, target))} ({job_name(job)})")
        case job_results.Missing():
            return warning(f"{job_name(job)} {clean(if_missing, limit=100)}: nothing was changed.")
    assert_never(outcome)


def retry_message(job: GenerationJob, outcome: job_results.RetryOutcome, why: "SkipReason | None") -> Message:
    if isinstance(outcome, job_results.Retried):
        return Message(text=f"Queued {job_name(outcome.job)} as a retry of {job_name(job)}.")
    if isinstance(outcome, job_results.Refused):
        return only_failed_message([job])
    left = clean(why.one, limit=100) if why else "was skipped"
    return warning(f"{job_name(job)} {left}: nothing was changed.")


def only_failed_message(jobs: Sequence[GenerationJob]) -> Message:
    """For jobs that can't be retried."""
    which = (
        f"this one is {status_word(jobs[0].status)}"
        if len(jobs) == 1
        else f"none of these {count(len(jobs))} jobs has failed"
    )
    return warning(f"Only a failed job can be retried; {which}.")


def deleted_message(jobs: Sequence[GenerationJob]) -> Message:
    return Message(text=f"Deleted {jobs_name(jobs)}.")


def dropped_words(columns: Sequence[str]) -> str:
    """Return which values were not restored, and where they are. Empty if all were restored."""
    if not columns:
        return ""
    names = ", ".join(clean(column, limit=60) for column in columns)
    gone, whose = (f"column {names} is", "its") if len(columns) == 1 else (f"columns {names} are", "their")
    return (
        f"The {gone} gone, so {whose} values were not restored. The jobs' events keep them:"
        f" {command('jobs show ID --events')}."
    )


def restoring_words(jobs: Sequence[GenerationJob]) -> str:
    """Return what the message line shows until the jobs are restored. Deleted jobs have no row that could show it."""
    return f"Restoring {jobs_name(jobs)} …"


def unchanged_words(jobs: Sequence[GenerationJob], done: str) -> str:
    """Return what a failed write did not do. `done` is the action in the past tense, such as "Started"."""
    return f"{jobs_name(jobs)} {'was' if len(jobs) == 1 else 'were'} not {done.lower()}"


def restored_message(jobs: Sequence[GenerationJob], dropped_columns: Sequence[str] = ()) -> Message:
    done = f"Restored {jobs_name(jobs)}."
    words = dropped_words(dropped_columns)
    return warning(f"{done} {words}") if words else Message(text=done)


def created_message(job: GenerationJob, *, project: str) -> Message:
    return Message(text=f"Queued {job_name(job)} for {money(job.cost_cents)} in {clean(project, limit=60)}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SkipReason:
    one: str
    """Follows a job's name."""
    many: str
    """Follows a number."""


FINISHED = SkipReason(one="had already finished", many="had already finished")
REPEATED = SkipReason(one="was already retried", many="were already retried")
GONE_OR_HIDDEN = SkipReason(one="is gone or hidden", many="are gone or hidden")
GONE = SkipReason(one="is gone", many="are gone")
SKIPPED = SkipReason(one="was skipped", many="were skipped")
UNKNOWN = SkipReason(one="may or may not have been changed", many="may or may not have been changed")


def hidden_reason(actor_label: str) -> SkipReason:
    return SkipReason(one=f"is hidden from {actor_label}", many=f"are hidden from {actor_label}")


MissingReasons = Mapping[UUID, SkipReason]
"""Reasons for jobs that were not found, if known."""


def why_missing(missing: job_results.Missing, known: MissingReasons) -> SkipReason:
    return known.get(missing.job_id, GONE_OR_HIDDEN)


def in_status(status: AnyStatus, when: str = "") -> SkipReason:
    word = status_word(status)
    return SkipReason(one=f"is {word}{when}", many=f"are {word}{when}")


def why_kept(current: AnyStatus) -> SkipReason:
    """Return why a job in this status did not change."""
    return FINISHED if current.is_final else in_status(current)


def why_skipped(
    outcome: job_results.TransitionOutcome | job_results.RetryOutcome | job_results.DeletionOutcome,
    known: MissingReasons,
    refused: Callable[[AnyStatus], SkipReason] = in_status,
) -> SkipReason | None:
    """Return why a job did not change. None if it did."""
    match outcome:
        case job_results.Applied() | job_results.Retried() | job_results.Deleted():
            return None
        case job_results.AlreadyRetried():
            return REPEATED
        case job_results.Refused(current=current):
            return refused(current)
        case job_results.Moved(job=job):
            return in_status(job.status, " now")
        case job_results.Missing():
            return why_missing(outcome, known)
    assert_never(outcome)


def refused_by(error: StoreError) -> SkipReason:
    message = error.message.rstrip(".")
    if isinstance(error, BudgetExceeded):  # Jobs that one budget refuses are counted together, whatever they cost.
        message = f"{budget_name(error.refusal, error.name)} has no room; b raises its limit"
    reason = clean(message, limit=200)
    return SkipReason(one=f"was refused ({reason})", many=f"were refused ({reason})")


_MADE = by_member(
    WriteOutcome,
    {
        WriteOutcome.DONE: "The change was made",
        WriteOutcome.NOT_DONE: "The change was not made",
        WriteOutcome.UNKNOWN: "It is unknown whether the change was made",
    },
)


def resolved_write_words(written: WriteRecord, found: ResolvedWrite) -> str:
    """Return whether the change was made, then what exists now."""
    made = _MADE[found.outcome]
    if not written.touches_jobs:
        return f"{made}: {written.what}."
    if len(written.ids) != 1 and found.outcome is WriteOutcome.NOT_DONE:
        return f"{made}: {written.what}."
    if len(written.ids) != 1:
        exist = "exists" if len(found.jobs) == 1 else "exist"
        existing = f"{count(len(found.jobs))} of the {jobs_count(len(written.ids))} {exist} now"
        return f"{made}: {written.what}. {existing}."
    if written.touched:
        return f"{made}: {write_subject(written)} {'exists' if found.jobs else 'does not exist'} now."
    (row,) = written.after or written.before
    if isinstance(row, GenerationJob):
        there = f"is {status_word(found.jobs[0].status)} now" if found.jobs else _absent(written, found.outcome)
    elif found.outcome is WriteOutcome.UNKNOWN:
        return f"{made}. It concerned {_name(row)}."
    else:
        done = "changed" if written.before and written.after else "removed" if written.before else "created"
        there = f"was {'' if found.outcome is WriteOutcome.DONE else 'not '}{done}"
    return f"{made}: {_name(row)} {there}."


def write_subject(written: WriteRecord) -> str:
    """Return the subject of a write: the name of its job, project or budget, or the number of its jobs."""
    if not written.touches_jobs:
        return "retention policies"
    if len(written.ids) != 1:
        return jobs_count(len(written.ids))
    if written.repeats:
        return f"the retry of the job {short_id(written.repeats[0])}"
    if written.touched:
        return f"the job {short_id(written.touched[0])}"
    (row,) = written.after or written.before
    return _name(row)


def _absent(written: WriteRecord, outcome: WriteOutcome) -> str:
    is_deletion, is_creation = not written.after, not written.before
    if outcome is WriteOutcome.DONE and is_deletion:
        return "is deleted"
    if outcome is WriteOutcome.NOT_DONE and is_creation:
        return "does not exist"
    return "is gone or hidden now"


def _name(row: WrittenRow) -> str:
    match row:
        case GenerationJob():
            return job_name(row)
        case Project():
            return f"the project {clean(row.name, limit=60)}"
        case Budget():
            return clean(budget_name(row, row.name), limit=100)
