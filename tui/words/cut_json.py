"""Reads what is left of a JSON object that was cut off somewhere. Pure."""

import json
import re

_DECODER = json.JSONDecoder()
_BLANKS = re.compile(r"[ \t\r\n]*")
_LONGEST_ESCAPE = len(r"\ud83d\u12")
"""Of those that may be cut in the middle: half a pair that stands for one character."""
_HALVES = "".join(map(chr, range(0xD800, 0xDC00)))


def message_of_cut(text: str) -> str | None:
    """The `message` of an object of which `text` is the beginning, as far as it goes.

    None where the object has none up to there, or one that is no text, or the text is no beginning of an object.
    """
    try:
        place = _after(text, _blanks(text, 0), "{")
        while True:
            key, place = _DECODER.raw_decode(text, _blanks(text, place))
            place = _blanks(text, _after(text, _blanks(text, place), ":"))
            if key == "message":
                return _string(text, place)
            _, place = _DECODER.raw_decode(text, place)
            place = _after(text, _blanks(text, place), ",")
    except (ValueError, RecursionError):
        return None


def _blanks(text: str, place: int) -> int:
    found = _BLANKS.match(text, place)
    return found.end() if found else place


def _after(text: str, place: int, mark: str) -> int:
    if not text.startswith(mark, place):
        raise ValueError(f"no {mark} at {place}")
    return place + len(mark)


def _string(text: str, place: int) -> str:
    """The whole string, or as much of it as is there."""
    start = _after(text, place, '"')
    try:
        return str(_DECODER.raw_decode(text, place)[0])
    except ValueError:
        pass
    for cut in range(min(_LONGEST_ESCAPE, len(text) - start) + 1):
        try:
            string = str(_DECODER.raw_decode(text[: len(text) - cut] + '"', place)[0])
        except ValueError:
            continue
        return string.rstrip(_HALVES)
    raise ValueError("no JSON string")
