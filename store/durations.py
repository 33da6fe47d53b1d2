"""Lengths of time as people type them: `90s`, `5m`, `1h30m`, `7d`, `2w`. Pure."""

import re

UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
"""In seconds, the longest first."""
LONGEST = 36_500 * UNITS["d"]
LONGEST_WORDS = f"{LONGEST // UNITS['d']}d"

_DURATION = re.compile(r"(?:[0-9]{1,12}[smhdw])+")
_PART = re.compile(r"([0-9]+)([smhdw])")


def seconds_of(text: str) -> int | None:
    """None where it is none. It may be longer than the longest."""
    if not _DURATION.fullmatch(text):
        return None
    return sum(int(number) * UNITS[unit] for number, unit in _PART.findall(text))


def printed(seconds: int) -> str:
    """In the longest units that it takes; weeks only where they are whole, for nobody says 4w2d for 30d."""
    parts = []
    for unit, length in UNITS.items():
        if unit == "w" and seconds % length:
            continue
        number, seconds = divmod(seconds, length)
        if number:
            parts.append(f"{number}{unit}")
    return "".join(parts) or "0s"
