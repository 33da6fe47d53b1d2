"""Numbers, times and errors as people read them. Pure."""

import json
import math
import re
from collections.abc import Sequence
from datetime import MAXYEAR, MINYEAR, UTC, datetime, tzinfo
from functools import lru_cache
from uuid import UUID

from store.money import money as money
from tui.words.cut_json import message_of_cut

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
    """How long ago, or in how long, in one whole unit.

    It changes every second below ten seconds, then every five seconds, every minute, every hour and every day: what
    just happened feels live, and a screen of older rows stays as it is.
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
    if whole < 10:
        return f"{whole} s"
    if whole < MINUTE:
        return f"{whole - whole % 5} s"
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


@lru_cache(maxsize=1024)
def error_summary(error: str | None) -> str:
    """The first line of what went wrong: the `message` of the app's JSON object, else the text. It is not cleaned.

    Of an error that lists cut off, it is the message as far as it goes.
    """
    if not error:
        return ""
    parsed = _parse_json(error)
    message = message_of_cut(error) if parsed is None else parsed.get("message") if isinstance(parsed, dict) else None
    text = message if isinstance(message, str) and message.strip() else error
    return text.strip().partition("\n")[0].rstrip()


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
