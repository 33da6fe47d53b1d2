"""The colours that a profile may have: names that every screen knows, or hexadecimal digits. Pure."""

import re

NAMES = (
    "aqua",
    "black",
    "blue",
    "brown",
    "coral",
    "crimson",
    "cyan",
    "fuchsia",
    "gold",
    "gray",
    "green",
    "grey",
    "indigo",
    "lime",
    "magenta",
    "maroon",
    "navy",
    "olive",
    "orange",
    "orchid",
    "pink",
    "purple",
    "red",
    "salmon",
    "silver",
    "teal",
    "tomato",
    "turquoise",
    "violet",
    "white",
    "yellow",
)

_DIGITS = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})")


def is_color(text: str) -> bool:
    """Whether it is one, in small letters."""
    return text in NAMES or _DIGITS.fullmatch(text) is not None
