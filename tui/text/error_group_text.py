"""Error groups as text: sentences, trends and the text for a ticket."""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import islice
from types import MappingProxyType
from uuid import UUID

from gjobs.store.error_groups.error_group import ErrorGroup, ErrorGroups
from gjobs.store.formats import format_duration, money
from gjobs.tui.text.clean_text import clean, clean_block
from gjobs.tui.text.format import count, error_pretty, spark, utc_time

_MOST_NAMED_MODES, _MOST_NAMED_USERS = 5, 10
_FINGERPRINT_CHARACTERS, _MODE_CHARACTERS, _EMAIL_CHARACTERS, _EXAMPLE_CHARACTERS = 200, 40, 60, 2_000
NO_EMAILS: Mapping[UUID, str] = MappingProxyType({})
"""Used instead of users' e-mails if the actor may not read them."""


def group_name(group: ErrorGroup) -> str:
    return clean(group.name, limit=_FINGERPRINT_CHARACTERS)


def trend(values: Sequence[int], cells: int) -> str:
    """Return a sparkline of at most this many cells. Neighbours are added up."""
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


def users_count(group: ErrorGroup) -> str:
    return f"{count(group.user_count)} {'user' if group.user_count == 1 else 'users'}"


def users_words(group: ErrorGroup, emails: Mapping[UUID, str] = NO_EMAILS) -> str:
    """Return how many users are affected, and some of their e-mails or ids."""
    shown = (clean(emails.get(user_id, str(user_id)), limit=_EMAIL_CHARACTERS) for user_id in group.users)
    named = ", ".join(islice(shown, _MOST_NAMED_USERS))
    return f"{users_count(group)}: {named}{', …' if group.user_count > _MOST_NAMED_USERS else ''}"


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
