"""Glyphs, colors and words of each status; exact, estimated and capped counts."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

from gjobs.store.jobs.job import AnyStatus, JobStatus, UnknownStatus
from gjobs.store.statistics.statistics import Count, Precision
from gjobs.store.users.actor import actor_name
from gjobs.store.values.data_classes import by_member, dataclass
from gjobs.tui.text.clean_text import clean
from gjobs.tui.text.format import PARTIAL_CLAIMS, UNKNOWN, count, elapsed

if TYPE_CHECKING:
    from gjobs.store.statistics.statistics import Totals


class JobAction(StrEnum):
    """What a key does to jobs."""

    START = "start"
    COMPLETE = "complete"
    FAIL = "fail"
    DELETE = "delete"
    RETRY = "retry"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusText:
    """How a status looks and which action leads to it."""

    glyph: str
    """One cell wide in every terminal, and without an emoji form."""
    style: str
    """A color of the themes."""
    terminal_color: str
    """The command line's escape sequence."""
    action: JobAction | None = None
    """The action that moves a job here. None for the first status."""
    key: str = ""
    """The dashboard's key for the action."""
    asks_error: bool = False
    """Whether the action first asks for the error's text."""
    done: str
    lost: str = ""
    """What deleting such a job loses. Empty if the job has ended."""

    @property
    def verb(self) -> str:
        """The action as a button label."""
        return self.action.capitalize() if self.action else ""


STATUS_TEXTS: Mapping[JobStatus, StatusText] = by_member(
    JobStatus,
    {
        JobStatus.QUEUED: StatusText(
            glyph="◌",
            style="$foreground",
            terminal_color="\x1b[39m",
            done="Queued",
            lost="It will never run.",
        ),
        JobStatus.RUNNING: StatusText(
            glyph="▸",
            style="$text-primary",
            terminal_color="\x1b[36m",
            action=JobAction.START,
            key="s",
            done="Started",
            lost="Its worker will lose it.",
        ),
        JobStatus.SUCCEEDED: StatusText(
            glyph="✓",
            style="$text-success",
            terminal_color="\x1b[32m",
            action=JobAction.COMPLETE,
            key="c",
            done="Completed",
        ),
        JobStatus.FAILED: StatusText(
            glyph="✗",
            style="$text-error",
            terminal_color="\x1b[31m",
            action=JobAction.FAIL,
            key="f",
            asks_error=True,
            done="Failed",
        ),
    },
)

DOING: Mapping[JobAction, str] = by_member(
    JobAction,
    {
        JobAction.START: "Starting",
        JobAction.COMPLETE: "Finishing",
        JobAction.FAIL: "Failing",
        JobAction.DELETE: "Deleting",
        JobAction.RETRY: "Retrying",
    },
)
"""What each action does to jobs. At most nine letters, so that a row can show it in place of a status."""

STATUS_COLORS: Mapping[str, str] = {status.value: text.terminal_color for status, text in STATUS_TEXTS.items()}

STATUS_ACTIONS: Mapping[JobAction, JobStatus] = {
    text.action: status for status, text in STATUS_TEXTS.items() if text.action
}
"""The status to which each action moves a job."""

ACTIONS_TO: Mapping[JobStatus, JobAction] = {status: action for action, status in STATUS_ACTIONS.items()}
"""The action that moves a job to each status."""

UNKNOWN_GLYPH, UNKNOWN_STYLE = "∙", "$foreground-muted"
"""For a status outside the workflow. Its style is muted, because its meaning is unknown."""

UNKNOWN_COLOR = "\x1b[90m"

_LONGEST_STATUS = 40


def pending_words(action: JobAction) -> str:
    """Return the text that a job shows for an action until the database answers."""
    return f"{DOING[action].lower()} …"


def status_glyph(status: AnyStatus) -> str:
    return UNKNOWN_GLYPH if isinstance(status, UnknownStatus) else STATUS_TEXTS[status].glyph


def status_style(status: AnyStatus) -> str:
    return UNKNOWN_STYLE if isinstance(status, UnknownStatus) else STATUS_TEXTS[status].style


def status_word(status: AnyStatus) -> str:
    """Return the status as one line without control characters. The app's own statuses may be any text, or NULL."""
    is_known = not isinstance(status, UnknownStatus)
    return status.value if is_known else clean(status.value, limit=_LONGEST_STATUS) or UNKNOWN


def unknown_statuses_words(statuses: Iterable[AnyStatus | None]) -> str:
    """Return a sentence for each status that is not in the workflow. Show it if no job has the status."""
    unknown = [status for status in statuses if isinstance(status, UnknownStatus)]
    known = f"which has {', '.join(JobStatus)}"
    return " ".join(f"{status_word(status)!r} is not a status of the workflow, {known}." for status in unknown)


def status_label(status: AnyStatus) -> str:
    return f"{status_glyph(status)} {status_word(status)}"


MARKS = by_member(Precision, {Precision.EXACT: "", Precision.ESTIMATED: "~", Precision.CAPPED: "≥ "})

STALE_AFTER = 180.0
"""Seconds after which numbers are shown as stale. This is longer than the time between two counts while nothing
changes.
"""
_JUST_NOW = 10.0
"""Seconds. Below this limit, an age would change with every refresh."""

_PRECISION_WORDS = by_member(
    Precision,
    {
        Precision.EXACT: "exact",
        Precision.ESTIMATED: "~ estimated",
        Precision.CAPPED: "≥ counted so far",
    },
)


def count_words(number: Count | None) -> str:
    """Return `1,234`, `~412,000` or `≥ 10,000`. An unknown number is a dash, not a zero."""
    if number is None:
        return UNKNOWN
    shown = _rounded(number.number) if number.precision is Precision.ESTIMATED else number.number
    return f"{MARKS[number.precision]}{count(shown)}"


def _rounded(number: int) -> int:
    """Round to three digits. Estimates are not more precise."""
    return round(number, min(3 - len(str(abs(number))), 0))


def totals_age(seconds: float, *, is_current: bool = True) -> str:
    """Return the time since the numbers were read. Only current numbers are called "just now"."""
    if seconds < _JUST_NOW and is_current:
        return "just now"
    return f"{'stale: ' if is_stale(seconds) else ''}{elapsed(seconds)} old"


def is_stale(seconds: float) -> bool:
    return seconds >= STALE_AFTER


def totals_note(totals: "Totals", *, seconds: float, key: str, is_current: bool = True, is_past: bool = False) -> str:
    """Return a note like `exact · 40 s old · as ada@example.com`. `key` starts an exact count, and is named if
    pressing it helps.
    """
    is_exact = totals.precision is Precision.EXACT
    parts = [
        *([] if is_exact and totals.partial_claims else [_PRECISION_WORDS[totals.precision]]),
        *([PARTIAL_CLAIMS] if totals.partial_claims else []),
        *_filter_notes(totals),
        "at this moment" if is_past else totals_age(seconds, is_current=is_current),
        f"as {clean(actor_name(totals.actor), limit=60)}",
    ]
    if is_past:
        return " · ".join(parts)
    if not is_whole(totals):
        parts.append(f"{key} counts exactly")
    elif is_stale(seconds):
        parts.append(f"{key} counts again")
    return " · ".join(parts)


def _filter_notes(totals: "Totals") -> Iterator[str]:
    """Yield a note if the count of a filter is less precise than the other counts."""
    if totals.query.matching is None:
        return
    if totals.matching is None:
        yield "filter not counted"
    elif totals.matching.precision is not totals.precision:
        yield f"filter {_PRECISION_WORDS[totals.matching.precision]}"


def is_whole(totals: "Totals") -> bool:
    """Whether every requested number was counted, and exactly."""
    there = (totals.statistics, totals.days, totals.projects)
    is_matching_whole = totals.query.matching is None or (
        totals.matching is not None and totals.matching.precision is Precision.EXACT
    )
    return is_matching_whole and all(part is not None for part in there)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where the cursor is in the whole list."""

    number: int
    """The row's place in the whole list, from 1."""
    is_exact: bool
    length: Count | None
    """None if the length of the list is unknown."""


def position_words(position: Position) -> str:
    """Return `412 of 1,000`, `≈ 412,000 of 1,000,000`, `412 of ≥ 10,000`, `412 of ~1,000,000` or `412 …`."""
    number = count(position.number) if position.is_exact else f"≈ {count(position.number)}"
    return f"{number} …" if position.length is None else f"{number} of {count_words(position.length)}"
