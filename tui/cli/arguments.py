"""Typed text to values: ids, amounts, times, projects, views."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal, TypeVar
from uuid import UUID

from store import formats
from store.configuration.settings import Settings
from store.errors import RowMissing
from store.formats import LEAST_DIGITS, IdRange, cents, close_names, id_range, not_known, share_of
from store.jobs.job import AnyStatus, GenerationJob, JobStatus, near_status, parse_status
from store.jobs.job_results import PageKey
from store.page_limits import MAX_LIMIT
from store.projects.project import Project
from tui.cli.exit_codes import BadArgument, UsageError
from tui.cli.output import print_message

if TYPE_CHECKING:
    from store.filters.job_filter import JobFilter
    from store.search import IdMatches
    from store.store import Store


Size = tuple[int, int]
"""Columns and rows."""

_SMALLEST, _LARGEST = 1, 1000
_MOST_NAMED = 5


def identifier(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        if id_range(text):
            what = "is only the beginning of an id: a command that writes needs the whole id, which --json prints"
        else:
            what = "is not an id: an id is a whole UUID, as --json prints it"
        raise BadArgument(f"{text!r} {what}") from None


def id_or_prefix(text: str) -> IdRange:
    ids = id_range(text)
    if ids is None:
        raise BadArgument(f"{text!r} is not an id, nor the first {LEAST_DIGITS} or more of its hexadecimal digits")
    return ids


def identifier_or_none(text: str) -> UUID | None:
    """An empty text stands for none."""
    return identifier(text) if text else None


def whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise BadArgument(f"{text!r} is not a whole number") from None


def amount(text: str) -> int:
    """In cents."""
    value = cents(text)
    if value is None:
        raise BadArgument(f"{text!r} is not an amount: give whole cents, such as 1250, or dollars, such as 12.50")
    return value


def share(text: str) -> float:
    """Of a whole: `80%` or `0.8`."""
    value = share_of(text)
    if value is None:
        raise BadArgument(f"{text!r} is not a share: give one such as 80% or 0.8")
    return value


def page_key(text: str) -> PageKey:
    """`CREATED_AT,ID` as the last row of a page has them in JSON."""
    created_at, _, job_id = text.partition(",")
    try:
        time = datetime.fromisoformat(created_at)
        if time.tzinfo is not None:
            return PageKey(created_at=time.astimezone(UTC), id=UUID(job_id))
    except (ValueError, OverflowError):
        pass
    raise BadArgument(f"{text!r} is not CREATED_AT,ID as the JSON of 'jobs list' has them")


def since(text: str) -> datetime | timedelta:
    """A time, in this machine's zone unless it says otherwise, or how long ago: `30m`, `24h`, `7d`."""
    seconds = formats.parse_duration(text)
    if seconds is not None:
        return timedelta(seconds=min(seconds, formats.LONGEST))
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadArgument(
            f"{text!r} is not a time: give one such as 2026-01-31 or 2026-01-31T12:00, or how long ago, such as 24h"
        ) from None


def age(text: str) -> timedelta:
    """How old, as filters have durations: `30d`, `1w`, `12h`."""
    return _time_span(text, kind="an age", example="30d")


def length(text: str) -> timedelta:
    """How long: `30s`, `2m`."""
    return _time_span(text, kind="a length of time", example="30s")


def _time_span(text: str, *, kind: str, example: str) -> timedelta:
    seconds = formats.parse_duration(text)
    if not seconds:
        raise BadArgument(f"{text!r} is not {kind}: give a number with s, m, h, d or w, such as {example}")
    if seconds > formats.LONGEST:
        raise BadArgument(f"{text!r} is too long: the longest is {formats.LONGEST_WORDS}")
    return timedelta(seconds=seconds)


def port(text: str) -> int:
    number = whole_number(text)
    if not 0 <= number < 65_536:
        raise BadArgument(f"{text!r} is not a port: it is a number below 65536; 0 takes one that is free")
    return number


def size(text: str) -> Size:
    columns, _, rows = text.lower().partition("x")
    try:
        width, height = int(columns), int(rows)
    except ValueError:
        raise BadArgument(f"{text!r} is not a size: give COLUMNSxROWS, such as 120x36") from None
    if not all(_SMALLEST <= number <= _LARGEST for number in (width, height)):
        raise BadArgument(f"{text!r} is not a size: both numbers must be from {_SMALLEST} to {_LARGEST}")
    return width, height


def workflow_status(text: str) -> JobStatus:
    try:
        return JobStatus(text)
    except ValueError:
        raise BadArgument(not_known(text, JobStatus)) from None


def status(text: str) -> AnyStatus:
    """Also one that only the app knows, but no slip of one of the workflow, unless it is quoted."""
    unquoted = text.removeprefix('"').removesuffix('"')
    found = parse_status(unquoted)
    if isinstance(found, JobStatus) or unquoted != text:
        return found
    if not text or near_status(text):
        raise BadArgument(not_known(text, JobStatus))
    return found


def statuses(text: str) -> list[AnyStatus]:
    """One, or several with commas between."""
    return [status(part.strip()) for part in text.split(",")]


def job_filter(text: str) -> "JobFilter":
    """Raises FilterError, which says where in the text."""
    from store.filters.filter_text import parse

    return parse(text, now=datetime.now(UTC))


HasId = TypeVar("HasId", GenerationJob, Project)


async def find_job_id(store: "Store", ids: IdRange) -> UUID:
    """Raises UsageError where several jobs that the actor sees have such an id, RowMissing where none has."""
    if ids.low == ids.high:
        return ids.low
    found = await _in_range(store, ids, "JOBS")
    job = _require_one(found.jobs, "jobs", ids, is_more=found.is_more)
    if job is None:
        raise RowMissing(
            f"There is no job whose id begins with {ids.digits}, or none that this user sees.",
            hint="'gjobs jobs list' lists them. A deleted or archived job needs its whole id.",
        )
    return job.id


async def _in_range(store: "Store", ids: IdRange, kind: Literal["JOBS", "PROJECTS"]) -> "IdMatches":
    from store.search import IdKind, locate_kinds

    return await locate_kinds(store.actor_database, ids, [IdKind[kind]])


def _require_one(found: Sequence[HasId], noun: str, ids: IdRange, *, is_more: bool) -> HasId | None:
    """None where there is none."""
    if len(found) > 1:
        number = f"More than {len(found)}" if is_more else len(found)
        named = ", ".join(str(one.id) for one in found[:_MOST_NAMED])
        raise UsageError(
            f"{number} {noun} have an id that begins with {ids.digits}.",
            hint=f"Give more digits: {named}{', …' if len(found) > _MOST_NAMED else ''}",
        )
    return found[0] if found else None


async def find_project(store: "Store", id_or_name: str, *, takes_prefix: bool = False) -> Project:
    """`takes_prefix` is for commands that only read: the beginning of an id finds a project, too.

    Raises UsageError where several are found, RowMissing with the nearest names where none is.
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
        raise UsageError(f"{len(named)} projects have the name {id_or_name!r}.", hint=f"Give an id: {ids}")
    prefix = id_range(id_or_name)
    if prefix and takes_prefix:
        begun = await _in_range(store, prefix, "PROJECTS")
        if (project := _require_one(begun.projects, "projects", prefix, is_more=begun.is_more)) is not None:
            return project
    projects = await store.get_projects(limit=MAX_LIMIT)
    whole = "What writes needs a project's whole id or name. " if prefix and not takes_prefix else ""
    raise RowMissing(
        f"There is no project {id_or_name!r}, or none that this user sees.",
        hint=f"{whole}{_suggestion(id_or_name, [project.name for project in projects])}",
    )


async def project_names(store: "Store") -> dict[UUID, str]:
    """Of the projects that the actor sees, by id."""
    return {project.id: project.name for project in await store.get_projects(limit=MAX_LIMIT)}


def _suggestion(typed: str, names: Sequence[str]) -> str:
    close = close_names(typed, names)
    if not close:
        return "'gjobs projects' lists them."
    return f"Did you mean {' or '.join(map(repr, close))}? Names must be given exactly."


def narrowed(settings: Settings, view: str | None, job_filter: "JobFilter | None") -> "JobFilter":
    """What both find: the view, which may be None, and the filter. Raises InvalidValue where there is no such view."""
    from store.filters.filter_text import parse
    from store.filters.job_filter import NO_FILTER, JobFilter

    found = job_filter or NO_FILTER
    if view is None:
        return found
    from store.configuration.saved_views import SavedViews, clash_words, clashes, joined, require_view

    saved_views, configured = SavedViews(settings.data_dir), settings.configuration.views
    saved = saved_views.read()
    if words := clash_words(tuple(name for name in clashes(configured, saved) if name == view), saved_views.path):
        print_message(words)
    text = require_view(view, joined(configured, saved)).text
    return JobFilter(terms=(*parse(text, now=datetime.now(UTC)).terms, *found.terms))


_ABOUT = """\
EXPR: a space is and, a comma is or, a minus not (--filter=-mode:x). A bare word
is looked for in mode, error and ids. Jobs are found …"""


def filter_help() -> str:
    from store.filters.filter_terms import KEYS

    width = max(len(key.example) for key in KEYS.values())
    return "\n".join([_ABOUT, *(f"  {key.example:<{width}}  {key.words}" for key in KEYS.values())])
