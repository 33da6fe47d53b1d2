"""Converts arguments to values: ids, amounts, times, projects, views."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeVar
from uuid import UUID

from gjobs.store.configuration.settings import Settings
from gjobs.store.errors import RowMissing, command
from gjobs.store.filters.filter_terms import KEYS, NO_FILTER, JobFilter
from gjobs.store.jobs.job import AnyStatus, GenerationJob, JobStatus, Project, near_status, parse_status
from gjobs.store.jobs.job_results import PageKey
from gjobs.store.values import formats
from gjobs.store.values.page_sizes import MAX_LIMIT, PAGE_SIZE
from gjobs.tui.cli.command import argument, either, option, switch
from gjobs.tui.cli.output import BadArgument, UsageError, print_message

if TYPE_CHECKING:
    from gjobs.store.search import IdMatches
    from gjobs.store.store import Store

D = TypeVar("D")
T = TypeVar("T")
Text = TypeVar("Text", bound=str)

Size = tuple[int, int]
"""Columns and rows."""

_SMALLEST, _LARGEST = 1, 1000
_MOST_NAMED = 5


def identifier(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        if formats.id_range(text):
            what = "is only the beginning of an id. Commands that write need the whole id, which --json prints"
        else:
            what = "is not an id. An id is a whole UUID, as --json prints it"
        raise BadArgument(f"{text!r} {what}") from None


def reader(parse: Callable[[str], T | None], complaint: str) -> Callable[[str], T]:
    """Return a function that converts a text with `parse`. A text is invalid if `parse` returns None or fails."""

    def read(text: str) -> T:
        with suppress(ValueError, OverflowError):
            if (value := parse(text)) is not None:
                return value
        raise BadArgument(f"{text!r} {complaint}")

    return read


id_or_prefix = reader(
    formats.id_range, f"is not an id, and not the first {formats.LEAST_DIGITS} or more hexadecimal digits of one"
)
whole_number = reader(int, "is not a whole number")
whole_cents = reader(int, "is not a whole number. For dollars, use --cost '$2.50'")
amount = reader(formats.cents, "is not an amount. Use whole cents (1250) or dollars (12.50)")
"""Converts an amount to cents."""
share = reader(formats.share_of, "is not a share. Use one such as 80% or 0.8")


def _page_key(text: str) -> PageKey | None:
    """Parse `CREATED_AT,ID`, as in the JSON of a page's last row."""
    created_at, _, job_id = text.partition(",")
    time = formats.parse_far_time(created_at) or datetime.fromisoformat(created_at)
    if time.tzinfo is None:
        return None
    return PageKey(created_at=time.astimezone(UTC), id=UUID(job_id))


page_key = reader(_page_key, "does not have the form CREATED_AT,ID. Copy both values from the list's JSON output")


def since(text: str) -> datetime | timedelta:
    """Parse a time, by default in this machine's zone, or how long ago: `30m`, `24h`, `7d`."""
    seconds = formats.parse_duration(text)
    if seconds is not None:
        return timedelta(seconds=min(seconds, formats.LONGEST))
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadArgument(
            f"{text!r} is not a time. Use one such as 2026-01-31 or 2026-01-31T12:00, or how long ago, such as 24h"
        ) from None


def _time_span(text: str, *, kind: str, example: str) -> timedelta:
    seconds = formats.parse_duration(text)
    if not seconds:
        raise BadArgument(f"{text!r} is not {kind}. Use a number with s, m, h, d or w, such as {example}")
    if seconds > formats.LONGEST:
        raise BadArgument(f"{text!r} is too long. The longest is {formats.LONGEST_WORDS}")
    return timedelta(seconds=seconds)


job_age = partial(_time_span, kind="an age", example="30d")
"""Parses an age in the format of filters: `30d`, `1w`, `12h`."""
length = partial(_time_span, kind="a length of time", example="30s")


def number_in(numbers: range, complaint: str) -> Callable[[str], int]:
    """Return a function that converts a text to one of the numbers."""
    return reader(lambda text: number if (number := whole_number(text)) in numbers else None, complaint)


port = number_in(range(65_536), "is not a port. Use a number below 65536, or 0 for any free port")


def size(text: str) -> Size:
    columns, _, rows = text.lower().partition("x")
    try:
        width, height = int(columns), int(rows)
    except ValueError:
        raise BadArgument(f"{text!r} is not a size. Use COLUMNSxROWS, such as 120x36") from None
    if not all(_SMALLEST <= number <= _LARGEST for number in (width, height)):
        raise BadArgument(f"{text!r} is not a size. Both numbers must be from {_SMALLEST} to {_LARGEST}")
    return width, height


def one_of(values: Iterable[Text]) -> Callable[[str], Text]:
    """Return a function that converts a text to one of the values."""

    def read(text: str) -> Text:
        for value in values:
            if value == text:
                return value
        raise BadArgument(formats.not_known(text, values))

    return read


def status(text: str) -> AnyStatus:
    """Parse a status. The app's own statuses are accepted. One that looks like a typing error must be quoted."""
    unquoted = text.removeprefix('"').removesuffix('"')
    found = parse_status(unquoted)
    if isinstance(found, JobStatus) or unquoted != text:
        return found
    if not text or near_status(text):
        raise BadArgument(formats.not_known(text, JobStatus))
    return found


def statuses(text: str) -> list[AnyStatus]:
    """Parse one or more statuses, separated by commas."""
    return [status(part.strip()) for part in text.split(",")]


def job_filter(text: str) -> JobFilter:
    """Parse a filter. Raises FilterError, which has the position of the mistake."""
    from gjobs.store.filters.filter_syntax import parse

    return parse(text, now=datetime.now(UTC))


HasId = TypeVar("HasId", GenerationJob, Project)


async def find_job_id(store: "Store", ids: formats.IdRange) -> UUID:
    """Return the id of the only job that the actor sees in the range. Raises UsageError if there are several,
    RowMissing if there is none.
    """
    if ids.low == ids.high:
        return ids.low
    found = await _in_range(store, ids, "jobs")
    job = _require_one(found.jobs, "jobs", ids, is_more=found.is_more)
    if job is None:
        raise RowMissing(
            f"There is no job whose id begins with {ids.digits}, or this user does not see it.",
            hint=f"{command('jobs list')} lists the jobs. For a deleted or archived job, use its whole id.",
        )
    return job.id


async def _in_range(store: "Store", ids: formats.IdRange, kind: Literal["jobs", "projects"]) -> "IdMatches":
    from gjobs.store.search import locate_kinds

    return await locate_kinds(store.actor_database, ids, [kind])


def _require_one(found: Sequence[HasId], noun: str, ids: formats.IdRange, *, is_more: bool) -> HasId | None:
    """Return the only match, or None."""
    if len(found) > 1:
        number = f"More than {len(found)}" if is_more else len(found)
        named = ", ".join(str(one.id) for one in found[:_MOST_NAMED])
        raise UsageError(
            f"{number} {noun} have an id that begins with {ids.digits}.",
            hint=f"Use more digits: {named}{', …' if len(found) > _MOST_NAMED else ''}",
        )
    return found[0] if found else None


async def find_project(store: "Store", id_or_name: str, *, takes_prefix: bool = False) -> Project:
    """Find a project by its id or name. `takes_prefix` also accepts the beginning of an id, for commands that only
    read.

    Raises UsageError if several match. Raises RowMissing with the nearest names if none matches.
    """
    try:
        found = await store.get_project(UUID(id_or_name))
    except ValueError:
        found = None
    if found is not None:
        return found
    named = await store.get_projects_named(id_or_name)
    if len(named) == 1:
        return named[0]
    if named:
        ids = ", ".join(str(project.id) for project in named)
        raise UsageError(f"{len(named)} projects have the name {id_or_name!r}.", hint=f"Use an id: {ids}")
    prefix = formats.id_range(id_or_name)
    if prefix and takes_prefix:
        begun = await _in_range(store, prefix, "projects")
        if (project := _require_one(begun.projects, "projects", prefix, is_more=begun.is_more)) is not None:
            return project
    projects = await store.get_projects(limit=MAX_LIMIT)
    whole = "Commands that write need a project's whole id or name. " if prefix and not takes_prefix else ""
    raise RowMissing(
        f"There is no project {id_or_name!r}, or this user does not see it.",
        hint=f"{whole}{_suggestion(id_or_name, [project.name for project in projects])}",
    )


async def find_project_id(store: "Store", id_or_name: str | None, *, takes_prefix: bool = False) -> UUID | None:
    """Find a project as `find_project` does. None stands for all projects."""
    return None if id_or_name is None else (await find_project(store, id_or_name, takes_prefix=takes_prefix)).id


async def project_names(store: "Store") -> dict[UUID, str]:
    """Return the names of the projects that the actor sees, by id."""
    return {project.id: project.name for project in await store.get_projects(limit=MAX_LIMIT)}


def _suggestion(typed: str, names: Sequence[str]) -> str:
    close = formats.close_names(typed, names)
    if not close:
        return f"{command('projects')} lists the projects."
    return f"Did you mean {' or '.join(map(repr, close))}? Names must match exactly."


def cost(*, default: D, meaning: str) -> int | D:
    """Declare the two options that set `cost_cents`."""
    return either(
        option(amount, "AMOUNT", f"{meaning}, such as '$2.50'; 250 means cents", flag="--cost", default=default),
        option(whole_cents, "N", f"{meaning}, in whole cents", flag="--cost-cents", default=default),
    )


YES = switch("do not ask")
FORCE = switch("replace an existing file")
JOB_ID = argument(identifier, "ID", "the job's whole id")
PROJECT = option(str, "ID|NAME", "only jobs of this project")
STATUS = option(status, "STATUS", f"{', '.join(JobStatus)}, or another status of your app")
FILTER = option(job_filter, "EXPR", "only jobs that match; 'gjobs help filters' explains EXPR", flag="--filter")
LIMIT = option(whole_number, "N", f"at most N jobs (default: {PAGE_SIZE})", default=PAGE_SIZE)
AFTER = option(page_key, "CREATED_AT,ID", "continue after the row with this created_at and id")


def explain_no_jobs(statuses: Iterable[AnyStatus | None]) -> None:
    """Print which of the requested statuses are unknown to the workflow. Call this if no job was found."""
    from gjobs.tui.text.status_text import unknown_statuses_words

    print_message(unknown_statuses_words(statuses))


def combined_filter(settings: Settings, view: str | None, job_filter: JobFilter | None) -> JobFilter:
    """Combine a view, which may be None, with a filter. Raises InvalidValue if there is no such view."""
    found = job_filter or NO_FILTER
    if view is None:
        return found
    from gjobs.store.configuration.saved_views import KnownViews, require_view
    from gjobs.store.filters.filter_syntax import parse

    views = KnownViews(settings.configuration.views, settings.data_dir)
    print_message(views.read(only=view))
    text = require_view(view, views.known).text
    return JobFilter(terms=(*parse(text, now=datetime.now(UTC)).terms, *found.terms))


_ABOUT = """\
EXPR: a space means "and", a comma "or", and a minus "not" (--filter=-mode:x).
A bare word is searched for in mode, error and ids. Filters find jobs …"""


def filter_help() -> str:
    width = max(len(key.example) for key in KEYS.values())
    return "\n".join([_ABOUT, *(f"  {key.example:<{width}}  {key.words}" for key in KEYS.values())])
