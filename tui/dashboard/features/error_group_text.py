"""Error groups as lines and details, and as a filter and a text for a ticket."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import assert_never
from uuid import UUID

from rich.cells import cell_len
from textual.content import Content

from gjobs.store.error_groups.error_group import ErrorGroup, ErrorGroups, ErrorScope
from gjobs.store.filters.filter_terms import JobFilter, Key, Term
from gjobs.store.filters.filter_text import format_filter
from gjobs.store.jobs.job import JobStatus
from gjobs.store.users.actor import ActingUser, Actor, Anon, Operator
from gjobs.store.values.formats import money
from gjobs.store.values.page_sizes import MAX_LIMIT, PAGE_SIZE
from gjobs.tui.case.redaction import Redactor, redacted_group
from gjobs.tui.text.clean_text import pad
from gjobs.tui.text.error_text import (
    example_text,
    failures_count,
    group_name,
    modes_words,
    span,
    ticket_text,
    trend,
    users_words,
)
from gjobs.tui.text.format import age, count, local_time, short_id

_GAP = 2
_MUTED = "$foreground-muted"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupColumn:
    title: str
    cells: int
    text: Callable[[ErrorGroup, datetime], str]
    right: bool = False
    style: str = ""


def _trend_column(cells: int) -> GroupColumn:
    return GroupColumn(
        title="TREND", cells=cells, text=lambda group, _: trend(group.trend, cells), style="$text-accent"
    )


_FAILED = GroupColumn(title="FAILED", cells=6, text=lambda group, _: count(group.count), right=True)
_LAST = GroupColumn(title="LAST", cells=4, text=lambda group, now: _ago(group.last_seen, now), style=_MUTED)
_FIRST = GroupColumn(title="FIRST", cells=5, text=lambda group, now: _ago(group.first_seen, now), style=_MUTED)
_USERS = GroupColumn(title="USERS", cells=5, text=lambda group, _: count(group.user_count), right=True)
_COST = GroupColumn(title="COST", cells=5, text=lambda group, _: money(group.cost_cents), right=True)
_MODES = GroupColumn(title="MODES", cells=16, text=lambda group, _: modes_words(group), style=_MUTED)
_ERROR = GroupColumn(title="ERROR", cells=24, text=lambda group, _: group_name(group), style="bold")
_LEAST_ERROR_CELLS = 30
"""The error gets this width before the trend and the modes get more."""


def _ago(then: datetime, now: datetime) -> str:
    return age(then, now).removesuffix(" ago")


def group_columns(width: int, groups: Sequence[ErrorGroup], now: datetime) -> Sequence[GroupColumn]:
    """Return the columns that fit beside the error. The details have what is left out."""

    def fitted(column: GroupColumn) -> GroupColumn:
        return replace(column, cells=max([column.cells, *(cell_len(column.text(group, now)) for group in groups)]))

    failed, last, first, users, cost = map(fitted, (_FAILED, _LAST, _FIRST, _USERS, _COST))
    columns = [failed, _trend_column(8), last]
    wanted = [
        ([*columns, cost], 24),
        ([*columns, cost, users], 24),
        ([failed, _trend_column(12), last, first, cost, users], _LEAST_ERROR_CELLS),
        ([failed, _trend_column(12), last, first, cost, users, _MODES], _LEAST_ERROR_CELLS),
        ([failed, _trend_column(24), last, first, cost, users, _MODES], 50),
    ]
    for one, least_error_cells in wanted:
        if _width_of(one) + least_error_cells <= width:
            columns = one
    error_cells = max(width - _width_of(columns), 1)
    if columns[-1] is _MODES:
        # The modes get what the errors leave.
        left = error_cells - max(fitted(_ERROR).cells, _LEAST_ERROR_CELLS)
        more = max(min(left, fitted(_MODES).cells - _MODES.cells), 0)
        columns[-1] = replace(_MODES, cells=_MODES.cells + more)
        error_cells -= more
    return [*columns[:2], replace(_ERROR, cells=error_cells), *columns[2:]]


def _width_of(columns: Sequence[GroupColumn]) -> int:
    return sum(column.cells + _GAP for column in columns)


def titles_line(columns: Sequence[GroupColumn]) -> Content:
    cells = (pad(column.title, column.cells, right=column.right) for column in columns)
    return Content.styled((" " * _GAP).join(cells), _MUTED)


def group_line(
    group: ErrorGroup, columns: Sequence[GroupColumn], now: datetime, *, is_under_cursor: bool = False
) -> Content:
    """Return the line of a group. Under the cursor it has no colors, which would be hard to read there."""
    gap = " " * _GAP
    cells = [(pad(column.text(group, now), column.cells, right=column.right), column.style) for column in columns]
    return Content(gap).join(
        Content.styled(text, "" if is_under_cursor and style != _ERROR.style else style) for text, style in cells
    )


def group_details(group: ErrorGroup, found: ErrorGroups, emails: Mapping[UUID, str], zone: tzinfo | None) -> Content:
    """Return what is known about a group, then its example. No zone means this machine's zone."""
    now = found.taken_at
    facts = (
        ("Group", f"{group.id}, {failures_count(group.count)} in {span(found.window)}"),
        ("First", f"{age(group.first_seen, now)}, {local_time(group.first_seen, zone)}"),
        ("Last", f"{age(group.last_seen, now)}, {local_time(group.last_seen, zone)}"),
        ("Modes", modes_words(group)),
        ("Cost", money(group.cost_cents)),
        ("Users", users_words(group, emails)),
        ("Example", f"job {short_id(group.example_job_id)}"),
    )
    lines = [Content.assemble((f"{name:<8} ", _MUTED), text) for name, text in facts]
    return Content("\n").join([Content.styled(group_name(group), "bold"), *lines, Content(example_text(group))])


def group_filter(scope: ErrorScope, group: ErrorGroup) -> str:
    """Return the filter that lists the failed jobs of the group."""
    terms = (
        *scope.job_filter.terms,
        Term(key=Key.ERROR_GROUP, values=(group.id,)),
        Term(key=Key.STATUS, values=(JobStatus.FAILED.value,)),
    )
    return format_filter(JobFilter(terms=terms))


def group_copy(group: ErrorGroup, found: ErrorGroups, *, scope: ErrorScope, actor: Actor) -> str:
    """Return the group as text. Users are named by their ids, and the example is redacted."""
    redactor = Redactor(ids=(group.example_job_id, *group.users))
    return ticket_text(redacted_group(group, redactor.text), found, command=_command(scope, group, actor))


def _command(scope: ErrorScope, group: ErrorGroup, actor: Actor) -> str:
    of_project = [] if scope.project_id is None else ["--project", str(scope.project_id)]
    limit = ["--limit", str(min(group.count, MAX_LIMIT))] if group.count > PAGE_SIZE else []
    chosen = [*of_project, "--filter", group_filter(scope, group), *limit, "--as", _who(actor)]
    return shlex.join(["gjobs", "jobs", "list", *chosen])


def _who(actor: Actor) -> str:
    match actor:
        case Operator():
            return "operator"
        case Anon():
            return "anon"
        case ActingUser(id=user_id):
            return str(user_id)
    assert_never(actor)
