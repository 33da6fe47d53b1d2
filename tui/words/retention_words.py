"""What a clean-up asks and tells. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from store.actor import Actor
from store.retention.model import Expired, Progress, RetentionAction, StatusCount
from tui.words.confirmations import where
from tui.words.eyes import eyes_name
from tui.words.format import count, money, utc_time
from tui.words.job_names import jobs_count
from tui.words.text import clean

DONE = {RetentionAction.ARCHIVE: "Archived", RetentionAction.DELETE: "Deleted"}
_DO = {RetentionAction.ARCHIVE: "Archive", RetentionAction.DELETE: "Delete"}
_DOING = {RetentionAction.ARCHIVE: "Archiving", RetentionAction.DELETE: "Deleting"}
_LATER = {
    RetentionAction.ARCHIVE: "'gjobs archive restore' brings them back.",
    RetentionAction.DELETE: "Nothing brings them back.",
}
_MOST_TABLES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanUp:
    """All that a person is told before it begins."""

    expired: Expired
    counts: Sequence[StatusCount]
    action: RetentionAction
    actor: Actor
    database: str
    project_name: str | None
    """None for all projects."""
    following: Sequence[str] = field(default=())
    """Tables that lose something with a job for good."""

    @property
    def found(self) -> int:
        return sum(row.count for row in self.counts)


def question(one: CleanUp) -> str:
    """Several clean lines."""
    return "\n".join(
        [
            f"{_DO[one.action]} {jobs_count(one.found)}, created before {utc_time(one.expired.created_before)}?",
            *(f"  {count(row.count)} {row.status}, {money(row.total_cost_cents)}" for row in one.counts),
            f"Project: {'all' if one.project_name is None else clean(one.project_name, limit=60)}",
            f"As: {clean(eyes_name(one.actor), limit=120)}",
            where(one.database),
            _LATER[one.action],
            *_following(one.following),
        ]
    )


def _following(tables: Sequence[str]) -> list[str]:
    if not tables:
        return []
    named = ", ".join(clean(name, limit=60) for name in tables[:_MOST_TABLES])
    return [f"Rows of {named} that are deleted or unlinked with them stay so."]


def nothing_found(one: CleanUp) -> str:
    named = " or ".join(one.expired.statuses)
    return f"No {named} job was created before {utc_time(one.expired.created_before)}: nothing to {one.action}."


def progress(action: RetentionAction, cleaned: Progress, found: int) -> str:
    return f"{_DOING[action]}: {count(cleaned.done)} of {count(found)}"


def result(action: RetentionAction, cleaned: Progress) -> str:
    return f"{DONE[action]} {jobs_count(cleaned.done)}."


def stopped(action: RetentionAction, cleaned: Progress, left: int) -> str:
    return f"Stopped: {_done(action, cleaned)}, {jobs_count(left)} left. The same command goes on."


def broken_off(action: RetentionAction, cleaned: Progress) -> str:
    return f"Before that, {_done(action, cleaned)}. The same command goes on."


def _done(action: RetentionAction, cleaned: Progress) -> str:
    return f"{DONE[action].lower()} {jobs_count(cleaned.done)}"


def why_left(cleaned: Progress, left: int) -> list[str]:
    """A sentence for each reason why some are still there."""
    sentences = []
    if cleaned.refused:
        said = clean((cleaned.refusal or "").rstrip("."), limit=200)
        sentences.append(f"{_were(cleaned.refused)} refused, such as {cleaned.refused_id}: {said}.")
    if (held := left - cleaned.refused) > 0:
        them = "it" if held == 1 else "them"
        sentences.append(f"{_were(held)} left, for others were at work on {them}. The same command goes on.")
    return sentences


def _were(number: int) -> str:
    return f"{jobs_count(number)} {'was' if number == 1 else 'were'}"
