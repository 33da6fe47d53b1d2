"""Error fingerprints: the line of an error that says what happened, without ids, numbers and times.

Failures with the same fingerprint form a group. Rollups store group ids, so a change here needs a revision that
rebuilds these rollups. `error_group_sql` computes the same fingerprint in Postgres. So each pattern is written once,
in the syntax that Python and Postgres share:

- Alternatives exclude each other: Python takes the first one that matches, Postgres the longest.
- Classes list their characters. `\\d`, `\\s`, `\\w` and `\\b` differ.
- No pattern ignores case or uses `$`, and a dot also matches a line end.
- No pattern contains a percent sign, which has a meaning in statements with parameters.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from store.jobs.job import TRACEBACK

MOST_READ = 4_000
"""The characters read at the start of an error, or at the end of a Python traceback."""
MOST_OF_LINE = 300
"""The characters of the line in which values are replaced."""
MOST_CHARACTERS = 200
"""The longest fingerprint. Numbers are replaced before this cut, so their length doesn't move it."""
ID_DIGITS = 10

LOOKS_LIKE_JSON = r"^[ \t\n\r]*(?:\{|\[[ \t\n\r]*[\[{\"])"
"""An object, or an array that begins with a text, object or array. `[ERROR]` in a log is neither."""
_STRING = (
    r"[ \t\n\r]*:[ \t\n\r]*\""
    r"((?:[^\"\\\u0001-\u001f]|\\[\"\\/bfnrt]|\\u(?!0000|[Dd][89A-Fa-f])[0-9A-Fa-f]{4}"
    r"|\\u[Dd][89ABab][0-9A-Fa-f]{2}\\u[Dd][C-Fc-f][0-9A-Fa-f]{2})+)"
)
"""The start of a JSON string that Postgres can decode, up to its end or the first character that it can't."""
JSON_MESSAGES = (
    rf"\"message\"{_STRING}",
    rf"\"(?:error|detail|details|msg|reason|description|title)\"{_STRING}",
)
"""The message of a JSON error. Without one, the first of the other keys that services use."""
LINE_ENDS = r"[\n\r]+"
EXCEPTION = r"[\n\r]([^ \t\n\r][^\n\r]*)"
"""The exception of a Python traceback. The lines of the stack are indented."""
FIRST_LINE = r"[^ \t\n\r][^\n\r]*"


@dataclass(frozen=True, slots=True)
class Replacement:
    """Values that differ between failures of the same kind, and what stands for them in a fingerprint."""

    pattern: str
    placeholder: str


REPLACEMENTS = (
    # A URL keeps its path: it often says which service failed.
    Replacement(r"(://[^ \t?#\"'<>]*)[?#][^ \t\"'<>)]*", r"\1?<query>"),
    Replacement(r"(/[^ \t?#\"'<>]*)[?][0-9A-Za-z_.-]+=[^ \t\"'<>)]*", r"\1?<query>"),
    Replacement(
        r"(?<![0-9A-Za-z._+-])[0-9A-Za-z._+-]+(?:'[0-9A-Za-z._+-]+)*@[0-9A-Za-z](?:[0-9A-Za-z-]*\.)+[A-Za-z]+(?![0-9A-Za-z-])",
        "<email>",
    ),
    Replacement(r"[ \t\f\v]+", " "),
)
DIGIT = "[0-9]"
DIGIT_REPLACEMENTS = (
    Replacement(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
        r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?(?: ?Z| ?[+-][0-9]{2}:?[0-9]{2})?)?",
        "<time>",
    ),
    Replacement(r"(?<![0-9:])[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?(?![0-9A-Fa-f:])", "<time>"),
    # JSON web tokens, and keys of services with known beginnings.
    Replacement(r"(?<![0-9A-Za-z_-])eyJ[0-9A-Za-z_-]{5,}(?:[.][0-9A-Za-z_-]+){1,2}", "#"),
    Replacement(r"(?<![0-9A-Za-z_-])(?:AIza|A[KS]IA|gh[a-z]_|github_pat_|sk[_-]|xox[a-z]-)[0-9A-Za-z_-]{12,}", "#"),
    # UUIDs.
    Replacement(r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}", "#"),
    # IPv6 addresses.
    Replacement(r"(?<![0-9A-Za-z:.])[0-9A-Fa-f]{1,4}(?:::?[0-9A-Fa-f]{1,4}){3,7}(?![0-9A-Za-z:])", "#"),
    # Hex with a prefix, hex of eight or more digits, and tokens of letters and digits.
    Replacement(r"(?<![0-9A-Za-z])0[Xx][0-9A-Fa-f]+(?![0-9A-Za-z])", "#"),
    Replacement(r"(?<![0-9A-Za-z])(?=[A-Fa-f]*[0-9])[0-9A-Fa-f]{8,}(?![0-9A-Za-z])", "#"),
    Replacement(r"(?<![0-9A-Za-z])(?=[A-Za-z]*[0-9][A-Za-z]*[0-9])[0-9A-Za-z]{16,}(?![0-9A-Za-z])", "#"),
    # Ids, hex and numbers have the same placeholder, because some ids have only decimal digits.
    Replacement(r"[0-9]+(?:[.,][0-9]+)*", "#"),
    # A list of values, so that its length doesn't matter.
    Replacement(r"#(?:[,;] ?#)+", "#"),
)
"""For lines with a digit. These replacements take most of the time, and many lines have no digit."""


@cache
def _compiled(replacements: tuple[Replacement, ...]) -> Sequence[tuple[re.Pattern[str], str]]:
    """Compiled on first use: the filter language imports this module, and few runs need a fingerprint."""
    return tuple((re.compile(one.pattern, re.DOTALL), one.placeholder) for one in replacements)


def fingerprint(error: str | None) -> str:
    """Return the fingerprint of an error, for example `API timeout after # ms`. Empty if there is no error text."""
    line = _line_of(error or "")[:MOST_OF_LINE]
    line = _replaced(line, REPLACEMENTS)
    if re.search(DIGIT, line):
        line = _replaced(line, DIGIT_REPLACEMENTS)
    return line[:MOST_CHARACTERS].strip(" ")


def _replaced(line: str, replacements: tuple[Replacement, ...]) -> str:
    for pattern, placeholder in _compiled(replacements):
        line = pattern.sub(placeholder, line)
    return line


def group_id(of_fingerprint: str) -> str:
    """Return the id of the group with this fingerprint: the start of its hash."""
    return hashlib.sha256(of_fingerprint.encode(errors="surrogatepass")).hexdigest()[:ID_DIGITS]


def error_group_id(error: str | None) -> str:
    return group_id(fingerprint(error))


def _line_of(error: str) -> str:
    """Return the line that says what happened. It is not shortened."""
    text = _message(error)
    if TRACEBACK in text and (exception := re.search(EXCEPTION, text.rpartition(TRACEBACK)[2])):
        return exception[1]
    line = re.search(FIRST_LINE, text)
    return line[0] if line else ""


def _message(error: str) -> str:
    """Return the message of a JSON error, else the start of the text, or the end of a traceback."""
    head = error[:MOST_READ]
    if not re.search(LOOKS_LIKE_JSON, head):
        return error[-MOST_READ:] if TRACEBACK in head else head
    for pattern in JSON_MESSAGES:
        if found := re.search(pattern, head):
            return str(json.loads(f'"{found[1]}"'))
    return re.sub(LINE_ENDS, " ", head)
