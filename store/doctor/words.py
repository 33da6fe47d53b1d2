"""Numbers as people read them. Pure."""

_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def amount(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size(number_of_bytes: int) -> str:
    """In the unit that leaves one to four digits, as psql writes it."""
    number, unit = float(number_of_bytes), 0
    while number >= 10_000 and unit < len(_UNITS) - 1:
        number, unit = number / 1024, unit + 1
    return f"{number:.0f} {_UNITS[unit]}"
