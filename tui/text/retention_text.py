"""Clean-up, archive and retention policies as text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from uuid import UUID

from gjobs.store.errors import command
from gjobs.store.jobs.job import GenerationJob
from gjobs.store.jobs.job_results import JobHistory
from gjobs.store.retention.retention import (
    AnyAction,
    ArchivedJob,
    BatchProgress,
    CleanupPreview,
    RetentionAction,
    StatusCount,
)
from gjobs.store.users.actor import Actor, actor_name
from gjobs.store.values.data_classes import by_member
from gjobs.store.values.formats import UnknownText, money
from gjobs.tui.text.clean_text import clean, clean_block
from gjobs.tui.text.format import Span, age, count, error_pretty, jobs_count, utc_time
from gjobs.tui.text.job_text import fact_lines, timeline_lines
from gjobs.tui.text.status_text import status_word
from gjobs.tui.text.write_text import Confirmation, cascading_words, first_job_lines, never_finish_words, where

_DO = by_member(RetentionAction, {RetentionAction.ARCHIVE: "Archive", RetentionAction.DELETE: "Delete"})
DONE = by_member(RetentionAction, {RetentionAction.ARCHIVE: "Archived", RetentionAction.DELETE: "Deleted"})
DOING = by_member(RetentionAction, {RetentionAction.ARCHIVE: "Archiving", RetentionAction.DELETE: "Deleting"})
_CONTINUE_HINT = "Run the same command to continue."
DASHBOARD_CONTINUE_HINT = "Clean up again to continue."
"""Used in the dashboard instead of a command."""


def _later(action: RetentionAction) -> str:
    match action:
        case RetentionAction.DELETE:
            return "This cannot be undone."
        case RetentionAction.ARCHIVE:
            return f"{command('archive restore --help')} says how to restore them."


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanupTarget:
    """The actor, database and project that are shown when a clean-up is confirmed."""

    actor: Actor
    database: str
    project_name: str | None
    """None for all projects."""

    @property
    def lines(self) -> list[str]:
        return [
            f"Project: {'all' if self.project_name is None else clean(self.project_name, limit=60)}",
            f"As: {clean(actor_name(self.actor), limit=120)}",
            where(self.database),
        ]


def clean_up_question(preview: CleanupPreview, target: CleanupTarget) -> str:
    """Return several clean lines."""
    created_before = utc_time(preview.expired.created_before)
    lost = never_finish_words((row.status, row.count) for row in preview.counts)
    return "\n".join(
        [
            f"{_DO[preview.action]} {jobs_count(preview.found)}, created before {created_before}?",
            *counted(preview.counts),
            *target.lines,
            *([f"{lost} Jobs that a worker holds stay."] if lost else []),
            _later(preview.action),
            *cascading_words(preview.cascading_tables),
        ]
    )


def counted(counts: Sequence[StatusCount]) -> list[str]:
    return [f"  {count(row.count)} {status_word(row.status)}, {money(row.total_cost_cents)}" for row in counts]


def nothing_found(preview: CleanupPreview) -> str:
    expired = preview.expired
    statuses = " or ".join(map(status_word, expired.statuses))
    return f"No {statuses} job was created before {utc_time(expired.created_before)}."


def restoration_question(counts: Sequence[StatusCount], target: CleanupTarget) -> str:
    found = sum(row.count for row in counts)
    return "\n".join([f"Restore {jobs_count(found)} from the archive?", *counted(counts), *target.lines])


def confirm_restoration(
    jobs: Sequence[GenerationJob], *, project_names: Mapping[UUID, str], database: str
) -> Confirmation:
    """For jobs that were chosen one by one."""
    one = len(jobs) == 1
    return Confirmation(
        title=f"Restore {'this job' if one else f'these {count(len(jobs))} jobs'} from the archive?",
        lines=(*first_job_lines(jobs, project_names), "", where(database)),
        agree="Restore" if one else f"Restore {count(len(jobs))}",
        declined="Nothing was restored. {key} restores.",
    )


def confirm_clean_up(preview: CleanupPreview, target: CleanupTarget) -> Confirmation:
    title, *lines = clean_up_question(preview, target).splitlines()
    return Confirmation(
        title=title,
        lines=tuple(lines),
        agree=f"{_DO[preview.action]} {count(preview.found)}",
        is_dangerous=preview.action is RetentionAction.DELETE,
        declined=f"Nothing was {DONE[preview.action].lower()}. {{key}} {preview.action}s.",
    )


def archived_words(counts: Sequence[StatusCount]) -> str:
    """Return `12 archived jobs, $34.00: 10 succeeded, 2 failed`."""
    number, cents = sum(row.count for row in counts), sum(row.total_cost_cents for row in counts)
    if not number:
        return "No archived jobs."
    parts = ", ".join(f"{count(row.count)} {status_word(row.status)}" for row in counts)
    return f"{count(number)} archived {'job' if number == 1 else 'jobs'}, {money(cents)}: {parts}"


def progress(doing: str, done: BatchProgress, found: int) -> str:
    return f"{doing}: {count(done.done)} of {count(found)}"


def result(verb: str, done: BatchProgress) -> str:
    return f"{verb} {jobs_count(done.done)}."


def stopped(verb: str, done: BatchProgress, left: int, *, hint: str = _CONTINUE_HINT) -> str:
    return f"Stopped: {verb.lower()} {jobs_count(done.done)}, {jobs_count(left)} left. {hint}"


def partial_result(verb: str, done: BatchProgress, *, by: str = "error", hint: str = _CONTINUE_HINT) -> str:
    return f"{verb} {jobs_count(done.done)} before the {by}. {hint}"


def why_left(done: BatchProgress, left: int, *, hint: str = _CONTINUE_HINT) -> list[str]:
    """Return a sentence for each reason why jobs remain."""
    sentences = []
    if done.refused:
        said = clean((done.refusal or "").rstrip("."), limit=200)
        sentences.append(f"{_were(done.refused)} refused, for example {done.refused_id}: {said}.")
    if (held := left - done.refused) > 0:
        them = "it" if held == 1 else "them"
        sentences.append(f"{_were(held)} skipped, because other sessions were using {them}. {hint}")
    return sentences


def done_word(action: AnyAction) -> str:
    return clean(action.value, limit=20) if isinstance(action, UnknownText) else DONE[action]


def unknown_action(whose: str, action: UnknownText) -> str:
    """Describe a policy that a newer program set."""
    return (
        f"The policy of {clean(whose, limit=60)} is skipped: this version of gjobs does not know its action"
        f" {clean(action.value, limit=20)!r}."
    )


def applied(whose: str, action: AnyAction, done: BatchProgress) -> list[str]:
    """Report what a policy did, and why jobs remain."""
    return [f"{done_word(action)} {jobs_count(done.done)}: {clean(whose, limit=60)}", *why_left(done, done.refused)]


def _were(number: int) -> str:
    return f"{jobs_count(number)} {'was' if number == 1 else 'were'}"


def policy_question(
    counts: Sequence[StatusCount], action: RetentionAction, *, older_than: str, project: str, database: str
) -> str:
    lines = (
        f"From now on, {_DO[action].lower()} jobs older than {older_than} whenever policies are applied?",
        *_matching(counts),
        f"Project: {clean(project, limit=60)}",
        where(database),
        _later(action),
    )
    return "\n".join(lines)


def _matching(counts: Sequence[StatusCount]) -> list[str]:
    found = sum(row.count for row in counts)
    return [f"This currently matches {jobs_count(found)}{':' if counts else '.'}", *counted(counts)]


def policy_removal_question(
    counts: Sequence[StatusCount],
    action: AnyAction,
    *,
    older_than: str,
    project: str,
    database: str,
) -> str:
    """Ask before a project loses its policy. The question describes the policy that will then apply, which is the one
    for all other projects.
    """
    word = clean(action.value, limit=20) if isinstance(action, UnknownText) else _DO[action]
    lines = (
        f"Remove the policy of {clean(project, limit=60)}?",
        f"The policy for all other projects will apply: {word.lower()} jobs older than {older_than}.",
        *_matching(counts),
        where(database),
        *([] if isinstance(action, UnknownText) else [_later(action)]),
    )
    return "\n".join(lines)


def policies_question(found: Sequence[tuple[str, AnyAction, Sequence[StatusCount]]], *, database: str) -> str:
    """List each policy: its projects, its action and the number of jobs."""
    return "\n".join(
        [
            "Apply all policies?",
            *(
                f"  {unknown_action(project, action)}"
                if isinstance(action, UnknownText)
                else f"  {_DO[action]} {jobs_count(sum(row.count for row in counts))}: {clean(project, limit=60)}"
                for project, action, counts in found
            ),
            where(database),
            *([_later(RetentionAction.DELETE)] if any(row[1] is RetentionAction.DELETE for row in found) else []),
        ]
    )


_LONGEST_ERROR = 20_000
_FACTS_WIDTH = 69
"""The cells that a dialog has for facts on the narrowest screen."""


def archived_sentence(archived: ArchivedJob, *, now: datetime) -> str:
    return f"Archived {age(archived.archived_at, now)}, {utc_time(archived.archived_at)}."


def archived_facts(
    archived: ArchivedJob, history: JobHistory | None, *, project: str, now: datetime, zone: tzinfo | None = None
) -> Sequence[str]:
    """Return clean lines. `history` is None if none was recorded. Times are in `zone`; None is this machine's."""
    job = archived.job
    facts = [_text(line) for line in fact_lines(job, project=project, now=now, width=_FACTS_WIDTH, zone=zone)]
    if job.error:
        facts += ["", "Error", clean_block(error_pretty(job.error), limit=_LONGEST_ERROR)]
    happened = (
        [_text(line) for line in timeline_lines(history, now=now, width=_FACTS_WIDTH, zone=zone)] if history else []
    )
    return [*facts, *(["", "Events", *happened] if happened else [])]


def _text(line: Sequence[Span]) -> str:
    return "".join(text for text, _ in line)
