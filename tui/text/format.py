"""Counts, money, times, errors and job names for display, in the chosen time zone; columns of tables."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import KW_ONLY, field
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Generic, TypeVar
from uuid import UUID

from gjobs.store.jobs.job import TRACEBACK, GenerationJob
from gjobs.store.jobs.job_results import PastField, PastJob
from gjobs.store.users.actor import ActingUser
from gjobs.store.values.data_classes import dataclass
from gjobs.store.values.formats import NO_ID, far_text, is_infinite
from gjobs.tui.text.clean_text import ELLIPSIS, clean

if TYPE_CHECKING:
    from gjobs.store.jobs.job_results import CappedCount
    from gjobs.store.users.user_sql import FoundUser


T = TypeVar("T")
K = TypeVar("K")

_DECODER = json.JSONDecoder()
_BLANKS = re.compile(r"[ \t\r\n]*")
_LONGEST_ESCAPE = len(r"\ud83d\u12")
"""The longest escape that may be cut in the middle: half of a surrogate pair."""
_HALVES = "".join(map(chr, range(0xD800, 0xDC00)))


def json_beginning(text: str) -> object:
    """Return the JSON value at the start of a text, as far as it is complete. A cut string ends with an ellipsis.

    Return None if there is no JSON value.
    """
    with suppress(ValueError, RecursionError):
        return _beginning(text, _blanks(text, 0))
    return None


def _beginning(text: str, place: int) -> object:
    """Raise ValueError if no value begins here, or if the value is cut and must not be shown so."""
    with suppress(ValueError):
        value, end = _DECODER.raw_decode(text, place)
        if end < len(text) or not isinstance(value, (int, float)):
            return value
    match text[place : place + 1]:
        case "{":
            return dict(_pairs(text, place + 1))
        case "[":
            return [_beginning(text, _blanks(text, place + 1))]
        case _:
            return _string(text, place) + ELLIPSIS


def _pairs(text: str, place: int) -> Iterator[tuple[str, object]]:
    """Yield the complete pairs, and the beginning of the next one."""
    with suppress(ValueError):
        while True:
            key, place = _DECODER.raw_decode(text, _blanks(text, place))
            place = _blanks(text, _after(text, _blanks(text, place), ":"))
            yield str(key), _beginning(text, place)
            _, place = _DECODER.raw_decode(text, place)
            place = _after(text, _blanks(text, place), ",")


def _blanks(text: str, place: int) -> int:
    found = _BLANKS.match(text, place)
    return found.end() if found else place


def _after(text: str, place: int, mark: str) -> int:
    if not text.startswith(mark, place):
        raise ValueError(f"no {mark} at {place}")
    return place + len(mark)


def _string(text: str, place: int) -> str:
    """Return the part of the string that is there."""
    start = _after(text, place, '"')
    for cut in range(min(_LONGEST_ESCAPE, len(text) - start) + 1):
        try:
            string = str(_DECODER.raw_decode(text[: len(text) - cut] + '"', place)[0])
        except ValueError:
            continue
        return string.rstrip(_HALVES)
    raise ValueError("no JSON string")


PARTIAL_CLAIMS = "partial claims"
"""Marks results for an actor if policies read claims that gjobs does not know for this actor."""

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_TIME_FORMAT = "-%m-%d %H:%M:%S"
"""What follows the year."""
_SUBSECONDS = re.compile(r"\.[0-9]+Z")
_MOST_DAYS = 100_000
"""Times farther away than this are shown by their year. An age would not fit into a column."""
_ESCAPED_LINE_END = re.compile(r"(?<!\\)((?:\\\\)*)\\n")
"""An escaped line end in JSON, after any number of escaped backslashes."""
_BARS = "▁▂▃▄▅▆▇█"
_LONGEST_PRETTY = 200_000


def count(number: int) -> str:
    return f"{number:,}"


def percent(rate: float | None) -> str:
    """Return a rate from 0 to 1 as a whole percentage. Only 0 and 1 read as 0 % and 100 %. None reads as `-`."""
    if rate is None:
        return "-"
    if 0 < rate < 0.01:
        return "<1 %"
    if 0.99 < rate < 1:
        return ">99 %"
    return f"{rate:,.0%}".replace("%", " %")


def age(then: datetime, now: datetime) -> str:
    """Return the time since or until a moment, in one whole unit. Rows on screen therefore seldom change.

    It rounds down as durations do, so the two never contradict each other. Far times are shown by their year.
    """
    seconds = (now - then).total_seconds()
    if (text := far_text(then)) or abs(seconds) >= _MOST_DAYS * DAY:
        year, dash, rest = text.partition("-") if text else (str(then.year), "-", "")
        return f"{int(year)} {'BC' if rest.endswith('BC') else 'AD'}" if year and dash else text
    if abs(seconds) < 1:
        return "now"
    return f"{coarse_duration(seconds)} ago" if seconds > 0 else f"in {coarse_duration(-seconds)}"


def elapsed(seconds: float) -> str:
    """Return a waiting time or the age of data, in whole minutes below an hour."""
    return coarse_duration(seconds) if seconds < HOUR else duration(seconds)


def refresh_interval(seconds: float) -> str:
    """Return the time between two polls, rounded up: a slow connection's interval of 2.6 s is not 2 s."""
    return elapsed(math.ceil(round(seconds, 1)))


def coarse_duration(seconds: float) -> str:
    """Return the largest unit, whole: `41 s`, `3 min`, `2 h` or `3 d`."""
    whole = max(int(seconds), 0)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min"
    return f"{whole // HOUR} h" if whole < DAY else f"{whole // DAY} d"


UNKNOWN = "–"
"""Shown for an unknown duration or number."""


def duration(seconds: float) -> str:
    """Return `0.4 s`, `41 s`, `3 min 05 s`, `2 h 10 min` or `3 d 04 h`.

    Only short times have tenths, so that they differ. It rounds down, as ages do.
    """
    if 0 < seconds < 0.1:
        return "<0.1 s"
    if abs(seconds) < 10:
        return f"{int(seconds * 10) / 10 + 0:.1f} s"
    whole = int(abs(seconds))
    sign = "-" if seconds < 0 else ""
    if whole < MINUTE:
        return f"{sign}{whole} s"
    if whole < HOUR:
        return f"{sign}{whole // MINUTE} min {whole % MINUTE:02} s"
    if whole < DAY:
        return f"{sign}{whole // HOUR} h {whole % HOUR // MINUTE:02} min"
    return f"{sign}{whole // DAY} d {whole % DAY // HOUR:02} h"


def milliseconds(seconds: float) -> str:
    """Return whole milliseconds: `1 ms`, `6,000 ms`. Only zero reads as 0."""
    return "1 ms" if 0 < seconds < 0.001 else f"{count(round(seconds * 1000))} ms"


def countdown(seconds: float) -> str:
    """Return the time left, to the second: `4:59`. Never below zero."""
    whole = max(math.ceil(seconds), 0)
    return f"{whole // MINUTE}:{whole % MINUTE:02}"


def local_time(time: datetime, zone: tzinfo | None = None) -> str:
    """Return the local time in a zone. None means this machine's zone. A time that Python cannot convert to the zone is
    shown in UTC, and says so.
    """
    if text := far_text(time):
        return text if is_infinite(time) else f"{_SUBSECONDS.sub('', text.replace('T', ' '))} UTC"
    try:
        time = time.astimezone(zone)
    except (OverflowError, ValueError):
        return f"{time.year:04}{time:{_TIME_FORMAT}} UTC"
    return f"{time.year:04}{time:{_TIME_FORMAT}}"


def clock_time(time: datetime, zone: tzinfo | None = None) -> str:
    """Return `14:30`, the local time in a zone. None means this machine's zone."""
    return time.astimezone(zone).strftime("%H:%M")


def local_day(time: datetime, zone: tzinfo | None = None) -> str:
    return time.astimezone(zone).date().isoformat()


def utc_time(time: datetime) -> str:
    shown = local_time(time, UTC)
    return shown if far_text(time) else f"{shown} UTC"


def id_text(identifier: UUID) -> str:
    return UNKNOWN if identifier == NO_ID else str(identifier)


def short_id(identifier: UUID) -> str:
    return id_text(identifier)[:8]


def spark(values: Sequence[float]) -> str:
    """Return one bar per value, scaled to the largest. Only values of zero or less get the lowest bar."""
    largest = max(values, default=0)
    steps = len(_BARS) - 1
    return "".join(_BARS[0] if value <= 0 else _BARS[max(1, round(value / largest * steps))] for value in values)


_MESSAGE_KEYS = ("message", "error", "detail", "details", "msg", "reason", "description", "title", "errors", "stack")
"""Keys that apps and services use for an error message. The first one with text is used."""
_MOST_READ = 20_000
"""Characters of a JSON error that are read."""
_DEEPEST = 4
_AFTER_STACK = re.compile(rf"\n(?=[^\s{ELLIPSIS}])")
"""Before the exception. The lines of the stack are indented."""


@lru_cache(maxsize=1024)
def error_summary(error: str | None, *, is_cut: bool = False) -> str:
    """Summarize an error in one line: the message of a JSON error, or the text's first line. The line is not cleaned.

    A Python traceback is summarized by its exception. An ellipsis stands for omitted lines after the summary, or for
    the missing rest of a cut error. If a traceback was cut, its end was kept.
    """
    if not error:
        return ""
    words = _words(json_beginning(error[:_MOST_READ])) if error.lstrip().startswith(("{", "[")) else ""
    if not words:
        words = error + ELLIPSIS if is_cut and not error.startswith(TRACEBACK) else error
    line, _, more = _without_stack(words.strip()).partition("\n")
    return f"{line.rstrip()} {ELLIPSIS}" if more.strip() else line.rstrip()


def _without_stack(words: str) -> str:
    """Return the exception of a Python traceback, and what follows it. Other text is unchanged."""
    if not words.startswith(TRACEBACK):
        return words
    # A chain of exceptions has several tracebacks. The last one has ended the job.
    exception = _AFTER_STACK.search(words, words.rindex(TRACEBACK))
    return words[exception.end() :] if exception else words


def _words(value: object, depth: int = 0) -> str:
    """Return an empty text if there are no words, or if they are nested too deeply."""
    if isinstance(value, str):
        return value.strip()
    if depth == _DEEPEST or not isinstance(value, (list, dict)):
        return ""
    values = value if isinstance(value, list) else (value.get(key) for key in _MESSAGE_KEYS)
    if words := next(filter(None, (_words(one, depth + 1) for one in values)), ""):
        return words
    plain = {} if isinstance(value, list) else {key: _plain(one) for key, one in value.items()}
    return ", ".join(f"{key}: {text}" for key, text in plain.items() if text)


def _plain(value: object) -> str:
    return value.strip() if isinstance(value, str) else json.dumps(value) if isinstance(value, (int, float)) else ""


def error_pretty(error: str | None) -> str:
    """Indent a JSON object or array and unfold line ends in its strings. Other text is unchanged. It is not cleaned.

    The result is for reading. It is not valid JSON if a string has several lines. Text stays unchanged if it is nested
    so deeply that indenting would make it huge.
    """
    if not error or not error.lstrip().startswith(("{", "[")):
        return error or ""
    pieces: list[str] = []
    length = 0
    try:
        for piece in json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(json.loads(error)):
            pieces.append(piece)
            length += len(piece)
            if length > _LONGEST_PRETTY:
                return error
    except (ValueError, RecursionError):
        return error
    return _ESCAPED_LINE_END.sub(r"\1\n    ", "".join(pieces))


def counted(number: CappedCount) -> str:
    """Return the count, with `≥` if there are more."""
    return f"≥ {count(number.number)}" if number.is_more else count(number.number)


def counted_jobs(number: CappedCount) -> str:
    is_one = number.number == 1 and not number.is_more
    return f"{counted(number)} {'job' if is_one else 'jobs'}"


def job_name(job: GenerationJob) -> str:
    """Return the mode and the id's first digits, enough to recognize a job."""
    return f"{clean(job.mode, limit=40)} {short_id(job.id)}"


def jobs_name(jobs: Sequence[GenerationJob]) -> str:
    return job_name(jobs[0]) if len(jobs) == 1 else jobs_count(len(jobs))


def jobs_count(number: int) -> str:
    return f"{count(number)} {'job' if number == 1 else 'jobs'}"


Span = tuple[str, str]
"""A text and its style. An empty style is the panel's own."""

MUTED = "$foreground-muted"


def user_name(user: FoundUser | ActingUser) -> str:
    return user.email or f"no e-mail, {short_id(user.id)}"


class ZoneChoice(StrEnum):
    """Which zone the user chose. The choice applies to every database, but PROFILE means a different zone for each
    profile.
    """

    UTC = "utc"
    LOCAL = "local"
    PROFILE = "profile"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownZone:
    """A time zone with its name on screen."""

    choice: ZoneChoice
    name: str
    zone: tzinfo | None
    """None means this machine's zone."""


LOCAL = ShownZone(choice=ZoneChoice.LOCAL, name="local time", zone=None)
_UTC = ShownZone(choice=ZoneChoice.UTC, name="UTC", zone=UTC)


def zones(profile_zone: str | None) -> Sequence[ShownZone]:
    """Return the zones in the order in which the `Z` key switches them. `profile_zone` is the checked name from the
    configuration, if any.
    """
    if profile_zone is None or profile_zone == _UTC.name:
        return _UTC, LOCAL
    from zoneinfo import ZoneInfo

    return _UTC, LOCAL, ShownZone(choice=ZoneChoice.PROFILE, name=profile_zone, zone=ZoneInfo(profile_zone))


def chosen_zone(choice: str | None, profile_zone: str | None) -> ShownZone:
    """Return the zone for a remembered choice. Without one, it is the profile's zone, and else local time."""
    known = {zone.choice: zone for zone in zones(profile_zone)}
    is_utc = profile_zone == _UTC.name and choice != ZoneChoice.LOCAL
    wanted = ZoneChoice.UTC if is_utc else next((one for one in ZoneChoice if one == choice), ZoneChoice.PROFILE)
    return known.get(wanted, LOCAL)


def zone_after(shown: ShownZone, profile_zone: str | None) -> ShownZone:
    """Return the zone that the key shows next."""
    order = zones(profile_zone)
    place = next((place for place, zone in enumerate(order) if zone.choice is shown.choice), -1)
    return order[(place + 1) % len(order)]


@dataclass(frozen=True, slots=True)
class Column(Generic[T]):
    """A column of a table."""

    title: str
    cell: Callable[[T], str]
    """Makes the text of a cell from the value of its row."""
    _: KW_ONLY
    right: bool = False
    least: int | None = None
    """The least width in cells if there is too little room. None keeps the column whole."""
    is_id: bool = False
    """Whether the column has ids. In a table that is too wide, ids are cut first but stay distinct."""
    colors: Mapping[str, str] = field(default_factory=dict)
    """Escape sequences that color a printed cell, by the cell's text."""
    other_color: str | None = None
    """The escape sequence for any other text."""
    cells: int = 0
    """The width in a dialog."""
    style: str | Callable[[T], str] = ""
    """The style in a dialog."""


def share_room(least: Mapping[K, int], wanted: Mapping[K, int], room: int) -> dict[K, int]:
    """Return the width of each column. One after the other grows from its least to its wanted width."""
    found = dict(least)
    left = room - sum(found.values())
    for column, cells in wanted.items():
        more = max(min(cells - found[column], left), 0)
        found[column] += more
        left -= more
    return found


def fitting_widths(columns: Sequence[Column[T]], wanted: Sequence[int], room: int) -> list[int]:
    """Return the wanted widths, or less if there is too little room. The last columns get less first."""
    least = [cells if one.least is None else min(one.least, cells) for one, cells in zip(columns, wanted, strict=True)]
    return list(share_room(dict(enumerate(least)), dict(enumerate(wanted)), room).values())


UNRECORDED = "?"
"""Marks a value that was not recorded."""

_NAMES: Mapping[PastField, str] = {
    "user_id": "owner",
    "project_id": "project",
    "status": "status",
    "mode": "mode",
    "error": "error",
    "cost_cents": "cost",
    "input_asset_id": "input asset",
    "created_at": "creation time",
    "updated_at": "update time",
    "completed_at": "completion time",
    "retry_count": "retry count",
}
"""The shown names of fields whose values are sometimes not recorded, in the order of the details."""


def moment_words(moment: datetime, zone: tzinfo | None, *, is_exact: bool = False) -> str:
    """Return the moment with the abbreviation of its zone. If `zone` is None, this machine's zone is used.

    `is_exact` adds the fraction of the second, because several events can be in one second.
    """
    fraction = f".{moment:%f}" if is_exact and moment.microsecond else ""
    return f"{local_time(moment, zone)}{fraction} {moment.astimezone(zone):%Z}"


def is_unrecorded(job: GenerationJob, *names: PastField) -> bool:
    """Return whether one of these fields was not recorded."""
    return isinstance(job, PastJob) and not set(names).isdisjoint(job.unrecorded)


def mark(job: GenerationJob, name: PastField, text: str, *, empty: str = "") -> str:
    """Return the text of a field, or `empty`. Mark a value that was not recorded: an empty one does not mean that the
    field was empty.
    """
    return f"{UNRECORDED} {text}".rstrip() if is_unrecorded(job, name) else text or empty


def unrecorded_names(job: GenerationJob) -> str:
    """Return the fields that were not recorded, as shown. Empty if there are none."""
    unrecorded = job.unrecorded if isinstance(job, PastJob) else ()
    known = [shown for name, shown in _NAMES.items() if name in unrecorded]
    return ", ".join([*known, *(name for name in dict.fromkeys(unrecorded) if name not in _NAMES)])


def unrecorded_words(job: GenerationJob) -> str:
    """Return two sentences on the fields that were not recorded. Empty if there are none."""
    names = unrecorded_names(job)
    return f"Not recorded for this moment: {names}. The values shown may be of another time." if names else ""
