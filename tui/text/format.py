"""Counts, money, times, errors, job names for people."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import MAXYEAR, MINYEAR, UTC, datetime, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING
from uuid import UUID

from store.jobs.job import GenerationJob
from store.users.actor import ActingUser
from tui.text.clean_text import ELLIPSIS, clean

if TYPE_CHECKING:
    from store.jobs.job_results import CappedCount
    from store.users.user_sql import FoundUser

_DECODER = json.JSONDecoder()
_BLANKS = re.compile(r"[ \t\r\n]*")
_LONGEST_ESCAPE = len(r"\ud83d\u12")
"""Of those that may be cut in the middle: half a pair that stands for one character."""
_HALVES = "".join(map(chr, range(0xD800, 0xDC00)))


def json_beginning(text: str) -> object:
    """The JSON value at the start of a text, as far as it goes. A string that is cut ends with an ellipsis.

    None where there is none.
    """
    with suppress(ValueError, RecursionError):
        return _beginning(text, _blanks(text, 0))
    return None


def _beginning(text: str, place: int) -> object:
    """Raises ValueError where no value begins there, or none that may be shown cut."""
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
    """Those that are whole, and the beginning of the next one."""
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
    """As much of a string as is there."""
    start = _after(text, place, '"')
    for cut in range(min(_LONGEST_ESCAPE, len(text) - start) + 1):
        try:
            string = str(_DECODER.raw_decode(text[: len(text) - cut] + '"', place)[0])
        except ValueError:
            continue
        return string.rstrip(_HALVES)
    raise ValueError("no JSON string")


PARTIAL_CLAIMS = "partial claims"
"""The mark of lists and numbers of an actor of whom gjobs does not know all claims that policies read."""

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_TIME_FORMAT = "%Y-%m-%d %H:%M:%S"
_ESCAPED_LINE_END = re.compile(r"(?<!\\)((?:\\\\)*)\\n")
"""In JSON, after any number of escaped backslashes."""
_BARS = "▁▂▃▄▅▆▇█"
_LONGEST_PRETTY = 200_000


def count(number: int) -> str:
    return f"{number:,}"


def percent(rate: float | None) -> str:
    """A rate from 0 to 1 in whole percent; only what is none or all reads as 0 % or 100 %. None reads as `-`."""
    if rate is None:
        return "-"
    if 0 < rate < 0.01:
        return "<1 %"
    if 0.99 < rate < 1:
        return ">99 %"
    return f"{rate:.0%}".replace("%", " %")


def age(then: datetime, now: datetime) -> str:
    """How long ago, or in how long, in one whole unit, so that a screen of older rows stays as it is.

    It is rounded down as durations are: beside each other they never contradict.
    """
    if word := _infinity(then):
        return word
    seconds = (now - then).total_seconds()
    if abs(seconds) < 1:
        return "now"
    return f"{_one_unit(seconds)} ago" if seconds > 0 else f"in {_one_unit(-seconds)}"


def elapsed(seconds: float) -> str:
    """A duration that still grows; it changes as seldom as `age` does."""
    return _one_unit(seconds) if seconds < HOUR else duration(seconds)


def _one_unit(seconds: float) -> str:
    whole = max(int(seconds), 0)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min"
    return f"{whole // HOUR} h" if whole < DAY else f"{whole // DAY} d"


def duration(seconds: float) -> str:
    """The two largest units, whole: `41 s`, `3 min 05 s`, `2 h 10 min`, `3 d 04 h`."""
    whole = int(abs(seconds))
    sign = "-" if seconds <= -1 else ""
    if whole < MINUTE:
        return f"{sign}{whole} s"
    if whole < HOUR:
        return f"{sign}{whole // MINUTE} min {whole % MINUTE:02} s"
    if whole < DAY:
        return f"{sign}{whole // HOUR} h {whole % HOUR // MINUTE:02} min"
    return f"{sign}{whole // DAY} d {whole % DAY // HOUR:02} h"


def fine_duration(seconds: float) -> str:
    """The same, but below ten seconds with a tenth, so that short times are not all alike."""
    return f"{seconds:.1f} s" if seconds < 10 else duration(seconds)


def short_duration(seconds: float) -> str:
    """Two digits that matter, in at most seven cells: `12 ms`, `1.4 s`, `49 s`, `1.1 min`, `5 h`."""
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    for unit, size, most in (("s", 1, MINUTE), ("min", MINUTE, HOUR), ("h", HOUR, 2 * DAY)):
        if seconds < most:
            return _in_unit(seconds / size, unit)
    return _in_unit(seconds / DAY, "d")


def _in_unit(number: float, unit: str) -> str:
    return f"{number:.1f} {unit}" if number < 9.95 else f"{number:,.0f} {unit}"


def milliseconds(seconds: float) -> str:
    """Whole ones, however many: `1 ms`, `6,000 ms`. Only what took no time reads as 0."""
    return "1 ms" if 0 < seconds < 0.001 else f"{count(round(seconds * 1000))} ms"


def countdown(seconds: float) -> str:
    """What is left, to the second: `4:59`; never below zero."""
    whole = max(math.ceil(seconds), 0)
    return f"{whole // MINUTE}:{whole % MINUTE:02}"


def local_time(time: datetime, zone: tzinfo | None = None) -> str:
    """The wall clock of a zone; None is the zone of this machine."""
    return _infinity(time) or time.astimezone(zone).strftime(_TIME_FORMAT)


def clock_time(time: datetime, zone: tzinfo | None = None) -> str:
    """`14:30`, by the wall clock of a zone; None is the zone of this machine."""
    return time.astimezone(zone).strftime("%H:%M")


def local_day(time: datetime, zone: tzinfo | None = None) -> str:
    return time.astimezone(zone).date().isoformat()


def utc_time(time: datetime) -> str:
    return _infinity(time) or time.astimezone(UTC).strftime(f"{_TIME_FORMAT} UTC")


def is_infinite(time: datetime) -> bool:
    """Postgres has timestamps before and after all others; they arrive as the first and the last that Python knows."""
    return time.year in (MINYEAR, MAXYEAR)


def _infinity(time: datetime) -> str:
    if not is_infinite(time):
        return ""
    return "infinity" if time.year == MAXYEAR else "-infinity"


def short_id(identifier: UUID) -> str:
    return identifier.hex[:8]


def spark(values: Sequence[float]) -> str:
    """One bar a value, scaled to the largest. Only what is not above zero has the lowest bar."""
    largest = max(values, default=0)
    steps = len(_BARS) - 1
    return "".join(_BARS[0] if value <= 0 else _BARS[max(1, round(value / largest * steps))] for value in values)


_TELLING = ("message", "error", "detail", "details", "msg", "reason", "description", "title", "errors", "stack")
"""Keys of what went wrong, as apps and the services behind them write it: the first that has words is taken."""
_MOST_READ = 20_000
"""Characters of a JSON error that are looked at."""
_DEEPEST = 4


@lru_cache(maxsize=1024)
def error_summary(error: str | None, *, is_cut: bool = False) -> str:
    """One line on what went wrong: what a JSON error tells, else the text's first line. It is not cleaned.

    An ellipsis stands for lines that are left out, and for what is missing of an error that is cut.
    """
    if not error:
        return ""
    words = _words(json_beginning(error[:_MOST_READ])) if error.lstrip().startswith(("{", "[")) else ""
    if not words:
        words = error + ELLIPSIS if is_cut else error
    line, _, more = words.strip().partition("\n")
    return f"{line.rstrip()} {ELLIPSIS}" if more.strip() else line.rstrip()


def _words(value: object, depth: int = 0) -> str:
    """Empty where it has none, or has them too deep."""
    if isinstance(value, str):
        return value.strip()
    if depth == _DEEPEST or not isinstance(value, (list, dict)):
        return ""
    told = value if isinstance(value, list) else (value.get(key) for key in _TELLING)
    if words := next(filter(None, (_words(one, depth + 1) for one in told)), ""):
        return words
    plain = {} if isinstance(value, list) else {key: _plain(one) for key, one in value.items()}
    return ", ".join(f"{key}: {text}" for key, text in plain.items() if text)


def _plain(value: object) -> str:
    return value.strip() if isinstance(value, str) else json.dumps(value) if isinstance(value, (int, float)) else ""


def error_pretty(error: str | None) -> str:
    """A JSON object or array indented, its strings' lines unfolded; any other text as it is. It is not cleaned.

    It is for reading, and JSON no more where a string has several lines. What is nested so deeply that indenting would
    swell it beyond measure stays as it is.
    """
    parsed = _parse_json(error or "")
    if error is None or parsed is None:
        return error or ""
    pieces: list[str] = []
    length = 0
    try:
        for piece in json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(parsed):
            pieces.append(piece)
            length += len(piece)
            if length > _LONGEST_PRETTY:
                return error
    except RecursionError:
        return error
    return _ESCAPED_LINE_END.sub(r"\1\n    ", "".join(pieces))


def _parse_json(text: str) -> dict[str, object] | list[object] | None:
    """None if it is neither an object nor an array."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        parsed: dict[str, object] | list[object] = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return parsed


def counted(number: CappedCount) -> str:
    """`≥` where there are more."""
    return f"≥ {count(number.number)}" if number.is_more else count(number.number)


def counted_jobs(number: CappedCount) -> str:
    is_one = number.number == 1 and not number.is_more
    return f"{counted(number)} {'job' if is_one else 'jobs'}"


def job_name(job: GenerationJob) -> str:
    """Enough to recognise a job by: mode and the id's first characters."""
    return f"{clean(job.mode, limit=40)} {short_id(job.id)}"


def jobs_name(jobs: Sequence[GenerationJob]) -> str:
    return job_name(jobs[0]) if len(jobs) == 1 else jobs_count(len(jobs))


def jobs_count(number: int) -> str:
    return f"{count(number)} {'job' if number == 1 else 'jobs'}"


Span = tuple[str, str]
"""A text and its style; an empty style is the panel's own."""


def user_name(user: FoundUser | ActingUser) -> str:
    return user.email or f"no e-mail, {short_id(user.id)}"
