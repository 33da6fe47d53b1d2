"""What became of a write whose answer was lost, in a sentence. Pure."""

from store.budgets.model import Budget
from store.budgets.refusing import budget_name
from store.model import GenerationJob, Project
from store.writing.written import LookedUp, WriteOutcome, Written, WrittenRow
from tui.words.format import count, short_id
from tui.words.job_names import job_name
from tui.words.text import clean


def learned_words(written: Written, found: LookedUp) -> str:
    """Says first whether it was made, then what is there."""
    made = {
        WriteOutcome.DONE: "The change was made",
        WriteOutcome.NOT_DONE: "The change was not made",
        WriteOutcome.UNKNOWN: "It cannot be told whether the change was made",
    }[found.outcome]
    rows = written.after or written.before
    if len(written.touched) == 1:
        return f"{made}: the job {short_id(written.touched[0])} is {'' if found.jobs else 'not '}there now."
    if written.touched:
        return f"{made}; of its {count(len(written.ids))} ids {count(len(found.jobs))} are jobs that are there now."
    if len(rows) != 1:
        return f"{made}: it was about {count(len(rows))} jobs, of which {count(len(found.jobs))} are there now."
    (row,) = rows
    if not isinstance(row, GenerationJob):
        return f"{made}: it was about {_name(row)}."
    there = f"is {found.jobs[0].status} now" if found.jobs else _absent(written, found.outcome)
    return f"{made}: {_name(row)} {there}."


def _absent(written: Written, outcome: WriteOutcome) -> str:
    is_deletion, is_creation = not written.after, not written.before
    if outcome is WriteOutcome.DONE and is_deletion:
        return "is deleted"
    if outcome is WriteOutcome.NOT_DONE and is_creation:
        return "does not exist"
    return "is gone or hidden by now"


def _name(row: WrittenRow) -> str:
    match row:
        case GenerationJob():
            return job_name(row)
        case Project():
            return f"the project {clean(row.name, limit=60)}"
        case Budget():
            return clean(budget_name(row, row.name), limit=100)
