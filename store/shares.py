"""Shares of a whole as people type them. Pure."""


def share_of(text: str) -> float | None:
    """`80%`, `80 %` or `0.8`: above 0 and at most 1; None of anything else."""
    number, percent, rest = text.strip().partition("%")
    try:
        value = float(number) / (100 if percent else 1)
    except ValueError:
        return None
    return value if 0 < value <= 1 and not rest else None
