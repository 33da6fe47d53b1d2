"""UPDATE and DELETE statements in SQL, PL/pgSQL bodies and quoted SQL, and whether each has a WHERE."""

import re
from collections.abc import Iterator

_TOKEN = re.compile(
    r"""(?P<comment>--[^\n]*|/\*.*?\*/)
      | (?P<dollar>\$(?P<tag>\w*)\$(?P<body>.*?)\$(?P=tag)\$)
      | (?P<string>'(?:[^']|'')*')
      | (?P<word>"(?:[^"]|"")*"|[\w.]+)
      | (?P<sign>\S)""",
    re.VERBOSE | re.DOTALL,
)
_BEFORE_A_STATEMENT = {"", ";", "(", ")", "as", "begin", "then", "else", "loop", "in", "query", "explain"}


def unguarded_writes(sql: str) -> list[str]:
    """Return the beginning of each statement that safeupdate refuses: UPDATE or DELETE without WHERE."""
    return [*_unguarded(sql)]


def _unguarded(sql: str) -> Iterator[str]:
    tokens: list[str] = []
    for match in _TOKEN.finditer(sql):
        if match["dollar"]:
            yield from _unguarded(match["body"])
        elif match["string"]:
            yield from _unguarded(match["string"][1:-1].replace("''", "'"))
            tokens.append("''")
        elif not match["comment"]:
            tokens.append(match[0])
    words = ["", *(token.lower() for token in tokens)]
    for place in range(1, len(words)):
        if words[place] in ("update", "delete") and words[place - 1] in _BEFORE_A_STATEMENT:
            statement = _statement(words[place:])
            is_write = statement[1:2] == ["from"] if statement[0] == "delete" else "set" in statement[2:5]
            if is_write and "where" not in statement:
                yield " ".join(statement[:8])


def _statement(words: list[str]) -> list[str]:
    """Return the words up to the end of the statement, except for those in parentheses."""
    found, depth = [], 0
    for word in words:
        depth += (word == "(") - (word == ")")
        if depth < 0 or (not depth and word in (";", "loop")):
            break
        if not depth:
            found.append(word)
    return found
