"""What became of many jobs: a sentence for a toast, and lines that name each one that was left. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from tui.actions.bulk import BulkOutcome, Left
from tui.actions.certainty import Learned
from tui.words.confirmations import described_all
from tui.words.format import count
from tui.words.job_names import job_name, jobs_count
from tui.words.toast import Toast, error_words
from tui.words.why_left import WhyLeft

MOST_NAMED = 3
"""In a toast: of more it tells the numbers, and the lines the names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    toast: Toast
    lines: tuple[str, ...] = ()
    """Empty where the toast says it all."""


def bulk_report(outcome: BulkOutcome, *, done: str, project_names: Mapping[UUID, str]) -> Report:
    """`done` is what was done, such as "Failed"."""
    total = len(outcome.done) + len(outcome.left) + len(outcome.not_reached)
    by_reason = _by_reason(outcome.left)
    named = len(outcome.left) <= MOST_NAMED
    parts = [f"{done} {count(len(outcome.done))} of {jobs_count(total)}"]
    parts += [_counted(why, left, named=named) for why, left in by_reason.items()]
    text = f"{'; '.join(parts)}.{_stopped(outcome)}"
    is_whole = not outcome.left and not outcome.not_reached
    toast = Toast(text=text, severity="error" if outcome.stopped_by else "information" if is_whole else "warning")
    lines = () if named else _lines(by_reason, project_names)
    return Report(toast=toast, lines=lines)


def _by_reason(left: Sequence[Left]) -> dict[WhyLeft, list[Left]]:
    by_reason: dict[WhyLeft, list[Left]] = {}
    for one in left:
        by_reason.setdefault(one.why, []).append(one)
    return by_reason


def _counted(why: WhyLeft, left: Sequence[Left], *, named: bool) -> str:
    counted = f"{count(len(left))} {why.one if len(left) == 1 else why.many}"
    return f"{counted}: {', '.join(job_name(one.job) for one in left)}" if named else counted


def _stopped(outcome: BulkOutcome) -> str:
    """Why not all were reached; empty where they were."""
    left = len(outcome.not_reached)
    were = f"{jobs_count(left)} {'was' if left == 1 else 'were'} not touched"
    if (error := outcome.stopped_by) is not None:
        why = error.message if isinstance(error, Learned) else error_words(error)
        return f" Then it stopped{f', and {were}' if left else ''}: {why}"
    return f" Stopped: {were}." if left else ""


def _lines(by_reason: Mapping[WhyLeft, Sequence[Left]], project_names: Mapping[UUID, str]) -> tuple[str, ...]:
    lines: list[str] = []
    for why, left in by_reason.items():
        heading = f"{jobs_count(len(left))} {why.one if len(left) == 1 else why.many}, as last seen:"
        lines += [*([""] if lines else []), heading, *described_all([one.job for one in left], project_names)]
    return tuple(lines)
