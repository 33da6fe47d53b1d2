"""Cents as people read and write them. Pure."""

import re

_AMOUNT = re.compile(r"\$?([0-9]{1,15})\.([0-9]{2})|\$([0-9]{1,15})")


def money(cents: int) -> str:
    dollars, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}${dollars:,}.{rest:02}"


def cents(text: str) -> int | None:
    """Of whole cents, or of dollars with both digits after the point or a dollar sign before; None of anything else."""
    if text.isascii() and text.isdecimal():
        return int(text)
    found = _AMOUNT.fullmatch(text)
    if found is None:
        return None
    dollars, part, whole = found.groups()
    return int(whole) * 100 if whole else int(dollars) * 100 + int(part)
