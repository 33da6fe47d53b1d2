"""gjobs errors."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from gjobs.store.error_groups.error_group import WEEK, ErrorGroup, ErrorScope
from gjobs.store.errors import Locked, TimedOut
from gjobs.store.values.formats import money
from gjobs.tui.cli.arguments import FILTER, PROJECT, find_project_id, job_age
from gjobs.tui.cli.command import Command
from gjobs.tui.cli.options import Column, option
from gjobs.tui.cli.output import Output, print_message
from gjobs.tui.export import export_files

if TYPE_CHECKING:
    from gjobs.store.filters.filter_terms import JobFilter
    from gjobs.tui.session import Session

_TREND_CELLS = 12
_WIDEST = 120
"""The maximum width without a terminal, in cells. --json has the whole texts."""
SHORTER = "Use a shorter --window, or --project."


@Command(name="errors", example="gjobs errors --project 'Autumn catalog' --window 24h")
async def show_errors(
    session: "Session",
    output: Output,
    *,
    project: str | None = PROJECT,
    job_filter: "JobFilter | None" = FILTER,
    window: timedelta = option(
        job_age,
        "SPAN",
        "only jobs that failed within this time: 1h, 1d, 7d (default), 30d or any other",
        default=WEEK,
    ),
) -> None:
    """Group the failed jobs by their error."""
    from gjobs.store.filters.filter_terms import NO_FILTER

    matched = _without_status(job_filter or NO_FILTER)
    project_id = await find_project_id(session.store, project, takes_prefix=True)
    scope = ErrorScope(project_id=project_id, job_filter=matched, window=window)
    try:
        found = await session.store.get_error_groups(scope)
    except TimedOut as error:
        if isinstance(error, Locked) or error.sqlstate is None:  # No statement timed out, so the hint would not help.
            raise
        raise TimedOut(error.message, hint=SHORTER, sqlstate=error.sqlstate) from error
    if output.json:
        output.document(export_files.error_groups(found))
        return
    from gjobs.store.filters.filter_syntax import format_filter
    from gjobs.tui.text.error_text import group_name, groups_summary, modes_words, trend
    from gjobs.tui.text.format import age, count

    columns: Sequence[Column[ErrorGroup]] = (
        Column("GROUP", lambda group: group.id),
        Column("FAILED", lambda group: count(group.count), right=True),
        Column("TREND", lambda group: trend(group.trend, _TREND_CELLS)),
        Column("LAST", lambda group: age(group.last_seen, found.taken_at)),
        Column("FIRST", lambda group: age(group.first_seen, found.taken_at)),
        Column("USERS", lambda group: count(group.user_count), right=True),
        Column("COST", lambda group: money(group.cost_cents), right=True),
        Column("ERROR", group_name, narrowest=20),
        Column("MODES", modes_words, narrowest=8),
    )
    if found.groups:
        output.table(columns, found, keeps_ids=True, widest=_WIDEST)
    print_message(groups_summary(found, matching=format_filter(matched)))


def _without_status(job_filter: "JobFilter") -> "JobFilter":
    """Return the filter without its statuses, as on the errors screen, and say so."""
    from gjobs.store.filters.filter_terms import Key

    terms = tuple(term for term in job_filter.terms if term.key is not Key.STATUS)
    if len(terms) < len(job_filter.terms):
        print_message("The term status: does not apply, because only failed jobs are grouped.")
    return replace(job_filter, terms=terms)
