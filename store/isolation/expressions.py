"""The expressions of policies as the catalogue writes them, taken apart. Pure; nothing of them is ever run."""

from collections.abc import Iterator

_AND = " AND "


def conjuncts(expression: str) -> tuple[str, ...]:
    """The conditions that must all hold, without the parentheses and line breaks around them."""
    bare = _bare(" ".join(expression.split()))
    parts = list(_split(bare))
    if len(parts) == 1:
        return (bare,)
    return tuple(conjunct for part in parts for conjunct in conjuncts(part))


def _bare(expression: str) -> str:
    """Without parentheses that enclose the whole."""
    while expression.startswith("(") and _closing(expression) == len(expression) - 1:
        expression = expression[1:-1].strip()
    return expression


def _closing(expression: str) -> int:
    """Where the first parenthesis ends; -1 where it never does."""
    return next((index for index, depth in _depths(expression) if depth == 0), -1)


def _split(expression: str) -> Iterator[str]:
    start = 0
    for index, depth in _depths(expression):
        if depth == 0 and index >= start and expression.startswith(_AND, index):
            yield expression[start:index]
            start = index + len(_AND)
    yield expression[start:]


def _depths(expression: str) -> Iterator[tuple[int, int]]:
    """Each place outside quotes, with the number of parentheses that are open after it."""
    depth, quote = 0, ""
    for index, character in enumerate(expression):
        if quote:
            quote = "" if character == quote else quote
        elif character in ("'", '"'):
            quote = character
        else:
            depth += (character == "(") - (character == ")")
            yield index, depth
