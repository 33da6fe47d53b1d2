"""Errors, error groups and marked mistakes in a filter as text, with details and help."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from rich.cells import cell_len

from gjobs.store.capabilities.capability import JOBS, PROJECTS
from gjobs.store.error_groups.error_group import ErrorGroup, ErrorGroups
from gjobs.store.errors import Conflict, Locked, OutcomeUnknown, RowMissing, StoreError, TimedOut, command
from gjobs.store.filters.filter_terms import Key
from gjobs.store.job_list.list_query import IndexAdvice, ListQuery, finds_by_reading
from gjobs.store.users.actor import OPERATOR, actor_name
from gjobs.store.values.formats import format_duration, money
from gjobs.tui.text.clean_text import ELLIPSIS, clean, clean_block, shorten, visible_cells
from gjobs.tui.text.format import MUTED, Column, count, error_pretty, spark, utc_time

if TYPE_CHECKING:
    from gjobs.store.filters.filter_terms import FilterError
    from gjobs.store.job_list.read_listing import ListCost
    from gjobs.store.store import Store


Severity = Literal["information", "warning", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message on screen, as plain text."""

    text: str
    advice: str = ""
    """What to do in the dashboard. It is shown after the text, and not printed after quitting."""
    severity: Severity = "information"
    keys: str = ""
    """Keys that follow up a success, such as "U undo"."""


def warning(text: str) -> Message:
    return Message(text=text, severity="warning")


class ReportedError(Exception):
    """A failed write, with the message that reports it."""

    def __init__(self, message: Message, *, may_retry: bool) -> None:
        """`may_retry` is true only if nothing was written, so the same form may be sent again."""
        super().__init__(message.text)
        self.report = message
        self.may_retry = may_retry


def left_rows_as_shown(error: Exception) -> bool:
    """Return whether the failed write changed nothing, and no other session had changed its rows. False if unknown."""
    if isinstance(error, ReportedError):
        return error.may_retry
    return isinstance(error, StoreError) and not isinstance(error, (OutcomeUnknown, Conflict, RowMissing))


def error_message(error: StoreError, *, unchanged: str = "Nothing was changed") -> Message:
    """Return the error's sentence and what to do about it. After a failed write, say what was not changed."""
    return Message(
        text=f"{unchanged}. {error_words(error)}" if error.changed_nothing else error_words(error), severity="error"
    )


def error_words(error: StoreError) -> str:
    return clean(f"{error.message} {error.hint or ''}".rstrip(), limit=400)


_MARK = "^"
_CELLS_BEFORE, _CELLS_OF, _CELLS_AFTER = 30, 30, 18
"""Limits that fit both lines into any terminal, however long the filter is."""
_LONGEST_SENTENCE = 400


def mark_mistake(error: FilterError) -> str:
    """Return the filter, harmless and cut around the mistake, with a mark below. A missing part is marked with one
    sign.
    """
    before = clean(error.text[: error.start])
    wrong = shorten(clean(error.text[error.start : error.end]), _CELLS_OF)
    after = shorten(clean(error.text[error.end :]), _CELLS_AFTER)
    before = _last(before, _CELLS_BEFORE)
    return f"{before}{wrong}{after}\n{' ' * cell_len(before)}{_MARK * max(cell_len(wrong), 1)}"


def mistake_lines(error: FilterError, cells: int, *, is_below: bool) -> str:
    """Return the lines below the field, this many cells wide: the mark, and what is wrong.

    `is_below` is true if the field shows the text from its beginning, so the mark lines up. Otherwise the text around
    the mistake is repeated.
    """
    sentence = " ".join(filter(None, (str(error), error.hint)))
    sentence = clean(sentence, limit=_LONGEST_SENTENCE)
    start = visible_cells(error.text[: error.start])
    mark = _MARK * max(visible_cells(error.text[error.start : error.end]), 1)
    if not is_below or start + len(mark) > cells:
        return f"{mark_mistake(error)}\n{sentence}"
    line = f"{' ' * start}{mark}"
    return f"{line} {sentence}" if len(line) + 1 + cell_len(sentence) <= cells else f"{line}\n{sentence}"


def still_listed(text: str) -> str:
    """Say what is still listed while the new filter is wrong."""
    return f"Still showing results for “{clean(text, limit=60)}”." if text else "Still showing all jobs."


def _last(text: str, cells: int) -> str:
    """Return the end of a cleaned text, at most this many cells wide."""
    if cell_len(text) <= cells:
        return text
    kept = text[-cells:]
    while cell_len(kept) > cells - 1:
        kept = kept[1:]
    return ELLIPSIS + kept


_MOST_NAMED_MODES, _MOST_NAMED_USERS = 5, 10
_FINGERPRINT_CHARACTERS, _MODE_CHARACTERS, _EMAIL_CHARACTERS, _EXAMPLE_CHARACTERS = 200, 40, 60, 2_000
NO_EMAILS: Mapping[UUID, str] = MappingProxyType({})
"""Used instead of users' e-mails if the actor may not read them."""


def group_name(group: ErrorGroup) -> str:
    return clean(group.name, limit=_FINGERPRINT_CHARACTERS)


def trend(values: Sequence[int], cells: int) -> str:
    """Return a sparkline of at most this many cells. Neighbors are added up."""
    step = -(-len(values) // max(cells, 1))
    return spark([sum(values[start : start + step]) for start in range(0, len(values), step)])


def span(window: timedelta) -> str:
    duration = format_duration(round(window.total_seconds()), weeks=False)
    return " ".join(re.findall("[0-9]+|[a-z]+", duration))


def failures_count(number: int) -> str:
    return f"{count(number)} {'failure' if number == 1 else 'failures'}"


def groups_summary(found: ErrorGroups, *, matching: str = "") -> str:
    """Return how many failures were read, and both limits: the time and the number of failures.

    `matching` is the text of the filter.
    """
    period = span(found.window)
    matched = f" that {'matches' if found.failures == 1 else 'match'} {matching}" if matching else ""
    groups = f"{count(found.group_count)} {'group' if found.group_count == 1 else 'groups'}"
    limit = f"At most {count(found.limit)} are read"
    if not found.failures:
        return f"No job{f' that matches {matching}' if matching else ''} failed in the last {period}."
    if found.complete:
        words = f"{failures_count(found.failures)} in the last {period}{matched}, {groups}. {limit}."
    else:
        read = f"The newest {failures_count(found.failures)} of the last {period}{matched}, {groups}."
        words = f"{read} {limit}: those before {utc_time(found.read_since)} are left out."
    if found.group_count > len(found):
        words += f" The {count(len(found))} largest groups are shown."
    return words


def modes_words(group: ErrorGroup) -> str:
    named = ", ".join(clean(mode, limit=_MODE_CHARACTERS) for mode in group.modes[:_MOST_NAMED_MODES])
    more = group.mode_count - _MOST_NAMED_MODES
    return f"{named} and {count(more)} more" if more > 0 else named


FAILED = Column[ErrorGroup]("FAILED", lambda group: count(group.count), right=True)
USERS = Column[ErrorGroup]("USERS", lambda group: count(group.user_count), right=True)
COST = Column[ErrorGroup]("COST", lambda group: money(group.cost_cents), right=True, cells=5)
ERROR = Column[ErrorGroup]("ERROR", group_name, least=20, cells=24, style="bold")
MODES = Column[ErrorGroup]("MODES", modes_words, least=8, cells=16, style=MUTED)


def trend_column(cells: int) -> Column[ErrorGroup]:
    return Column("TREND", lambda group: trend(group.trend, cells), cells=cells, style="$text-accent")


def seen_columns(age: Callable[[datetime], str]) -> Sequence[Column[ErrorGroup]]:
    """Return the columns of the last and the first failure."""
    last = Column[ErrorGroup]("LAST", lambda group: age(group.last_seen), style=MUTED)
    return last, Column("FIRST", lambda group: age(group.first_seen), style=MUTED)


def users_words(group: ErrorGroup, emails: Mapping[UUID, str] = NO_EMAILS) -> str:
    """Return how many users are affected, and some of their e-mails or ids."""
    shown = (clean(emails.get(user_id, str(user_id)), limit=_EMAIL_CHARACTERS) for user_id in group.users)
    named = ", ".join(islice(shown, _MOST_NAMED_USERS))
    users = f"{count(group.user_count)} {'user' if group.user_count == 1 else 'users'}"
    return f"{users}: {named}{', …' if group.user_count > _MOST_NAMED_USERS else ''}"


def example_text(group: ErrorGroup, *, limit: int = _EXAMPLE_CHARACTERS) -> str:
    """Return the example as clean lines. JSON is indented."""
    return clean_block(error_pretty(group.example), limit=limit)


def ticket_text(group: ErrorGroup, found: ErrorGroups, *, command: str) -> str:
    """Return the group as text for a ticket. `command` lists its jobs."""
    lines = [
        f"Error group {group.id}: {group_name(group)}",
        f"{failures_count(group.count)} in the last {span(found.window)} before {utc_time(found.taken_at)}",
    ]
    if not found.complete:
        lines.append(f"Older failures are not counted: only the newest {count(found.limit)} were read.")
    lines += [
        f"First seen: {utc_time(group.first_seen)}",
        f"Last seen: {utc_time(group.last_seen)}",
        f"Trend: {spark(group.trend)}",
        f"Modes: {modes_words(group)}",
        f"Affected: {users_words(group)}",
        f"Cost: {money(group.cost_cents)}",
        f"Jobs: {clean(command)}",
        f"Example: job {group.example_job_id}",
        *(f"    {line}".rstrip() for line in example_text(group).split("\n")),
    ]
    return "\n".join(lines)


_MOST_NAMED = 3
_HINT = "The operator sees hidden rows: press u in the dashboard, or add --as operator."


async def hidden_from(store: Store, operator: Store, ids: Collection[UUID]) -> frozenset[UUID] | None:
    """Return which of these jobs, or this project, exist but are hidden from the store's user.

    Return None if that is unknown: the actor is the operator, or the operator was refused or may not see everything.
    """
    if store.actor == OPERATOR or not ids:
        return None
    try:
        found = frozenset(await operator.get_job_statuses(ids))
        if not found and len(ids) == 1:
            (only,) = ids
            found = frozenset(ids) if await operator.get_project(only) else found
        if len(found) < len(ids) and (await operator.capability_cache.get()).facts.may_hide(JOBS, PROJECTS):
            return None
    except StoreError:
        return None
    return found


async def hidden_or_gone(store: Store, operator: Store, error: RowMissing, *, end: str = "") -> RowMissing:
    """Return the same error, saying for each id whether it is gone or hidden. `end` goes before the full stop."""
    hidden = await hidden_from(store, operator, error.ids)
    if hidden is None:
        return error
    sentence = f"{missing_words(error.ids, hidden, actor_name(store.actor))}{end}."
    return RowMissing(sentence, error.ids, hint=_HINT if hidden else error.hint)


def missing_words(ids: Sequence[UUID], hidden: frozenset[UUID], actor_label: str) -> str:
    """Return a clause without a full stop."""
    unseen = [identifier for identifier in ids if identifier in hidden]
    gone = [identifier for identifier in ids if identifier not in hidden]
    clauses = []
    if unseen:
        exist, them = ("exists", "it") if len(unseen) == 1 else ("exist", "them")
        clauses.append(f"{_named(unseen)} {exist}, but {actor_label} does not see {them}")
    if gone:
        clauses.append(f"{_named(gone)} {'does' if len(gone) == 1 else 'do'} not exist")
    return "; ".join(clauses)


def _named(ids: Sequence[UUID]) -> str:
    more = len(ids) - _MOST_NAMED
    return ", ".join(map(str, ids[:_MOST_NAMED])) + (f" and {more} more" if more > 0 else "")


def speedup_hint(listed: ListQuery, lacking: IndexAdvice | None) -> str:
    """Return sentences. `lacking` is the index that the list lacks, or None if none is known."""
    sentences = [f"Narrow it: add {words}." for words in [" or ".join(_narrower(listed))] if words]
    if finds_by_reading(listed):
        sentences.append("To find a total or part of a text, the database reads each job.")
        if any(term.key in (None, Key.ERROR) and not term.is_negated for term in listed.job_filter.terms):
            sentences.append(f"{command('doctor')} shows whether an index for words can help.")
    if lacking is not None:
        sentences.append(f"This index would help: {lacking.sql}")
    return " ".join(sentences) or "Try again when the server is less busy."


def expensive_filter_words(cost: ListCost, listed: ListQuery, *, run: str) -> str:
    """Describe an expensive filter that does not run by itself: its cost, the key that runs it, and what would help."""
    time = "a long time" if cost.seconds is None else f"up to {cost.seconds:,.1f} s by the planner's estimate"
    takes = f"This filter is slow. Each refresh takes {time}. Press {run} to use it anyway."
    return f"{takes} {speedup_hint(listed, cost.advice)}"


def _narrower(listed: ListQuery) -> Iterator[str]:
    keys = {term.key for term in listed.job_filter.terms if not term.is_negated}
    if Key.SINCE not in keys:
        yield "since:7d"
    if listed.project_id is None and Key.PROJECT not in keys:
        yield "project:NAME"


async def with_index_hint(store: Store, listed: ListQuery, error: TimedOut) -> TimedOut:
    """Return the same error with a hint for this list. Timeouts of a lock or the connection stay unchanged."""
    if isinstance(error, Locked) or error.sqlstate is None:
        return error
    try:
        cost = await store.get_list_cost(listed)
    except StoreError:  # Without a plan, the hint still says how to narrow the list.
        cost = None
    hint = speedup_hint(listed, cost.advice if cost else None)
    return TimedOut(error.message, hint=hint, sqlstate=error.sqlstate)
