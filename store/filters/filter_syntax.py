"""Parses filter text and formats filters as text."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from gjobs.store.filters.filter_terms import (
    KEYS,
    QUOTE,
    Age,
    Between,
    Compared,
    Comparison,
    JobFilter,
    Key,
    Piece,
    Term,
    TextSpan,
    Value,
    read_text,
)
from gjobs.store.jobs.job import JobStatus, near_status
from gjobs.store.values import formats
from gjobs.store.values.formats import close_names, quote_typed

ESCAPE, OR, NOT, AFTER_KEY = "\\", ",", "-", ":"
ESCAPES = {QUOTE: QUOTE, ESCAPE: ESCAPE, "n": "\n", "t": "\t"}
"""The escapes inside quotes and their meaning. Outside quotes, a backslash is an ordinary character."""

_SPACES = re.compile(r"\s*")
_KEY = re.compile(r'([^\s:",]*):')
_UNQUOTED = re.compile(r'[^\s",]*')


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    span: TextSpan
    is_negated: bool
    key: Piece | None
    pieces: tuple[Piece, ...]


def _after(pattern: re.Pattern[str], text: str, position: int) -> int:
    """Return where the match ends. An empty match is allowed."""
    found = pattern.match(text, position)
    return found.end() if found else position


def _token(text: str, start: int) -> Token:
    position, is_negated = start, text[start] == NOT
    if is_negated:
        position += 1
        if _is_over(text, position):
            raise TextSpan(text, start, position).wrong(
                "A minus needs a term right after it, without a space.", hint=f'Quote it to search for it: "{NOT}"'
            )
    key = None
    if found := _KEY.match(text, position):
        key = Piece(text=found[1], span=TextSpan(text, position, found.end(1)))
        position = found.end()
    pieces = tuple(_pieces(text, position, key))
    return Token(span=TextSpan(text, start, pieces[-1].span.end), is_negated=is_negated, key=key, pieces=pieces)


def _pieces(text: str, position: int, key: Piece | None) -> Iterator[Piece]:
    while True:
        piece = _piece(text, position)
        if not piece.text:
            raise piece.span.wrong(_what_is_missing(text, piece.span, key))
        yield piece
        position = piece.span.end
        if not text.startswith(OR, position):
            return
        position += 1


def _what_is_missing(text: str, span: TextSpan, key: Piece | None) -> str:
    if span.end > span.start:
        return "There is nothing between the quotes."
    if text.startswith(OR, span.end):
        return "There is nothing before this comma."
    if text.startswith(OR, span.start - 1):
        return "There is nothing after this comma."
    return f"{key.text if key else ''}: needs a value."


def _piece(text: str, start: int) -> Piece:
    if text.startswith(QUOTE, start):
        return _quoted(text, start)
    end = _after(_UNQUOTED, text, start)
    if text.startswith(QUOTE, end):
        raise TextSpan(text, end, end + 1).wrong(
            "There is a quote in the middle of a word.",
            hint='Quote the whole value, and write \\" for a quote inside it.',
        )
    return Piece(text=text[start:end], span=TextSpan(text, start, end))


def _quoted(text: str, start: int) -> Piece:
    value, position = "", start + 1
    while position < len(text):
        character, after = text[position], text[position + 1 : position + 2]
        position += 1
        if character == QUOTE:
            if not _is_over(text, position) and after != OR:
                raise TextSpan(text, position, position + 1).wrong("A closing quote needs a space or a comma after it.")
            return Piece(text=value, span=TextSpan(text, start, position), is_quoted=True)
        if character == ESCAPE:
            escape = TextSpan(text, position - 1, position + len(after))
            if not after:
                raise escape.wrong("This backslash has nothing after it.")
            if after not in ESCAPES:
                raise escape.wrong(
                    "Inside quotes, only a quote, a backslash, n or t may follow a backslash.",
                    suggestion=ESCAPE * 2 + after,
                )
            character = ESCAPES[after]
            position += 1
        value += character
    raise TextSpan(text, start, len(text)).wrong(
        "This quote is not closed.", suggestion=None if text.endswith(ESCAPE) else f"{text[start:]}{QUOTE}"
    )


def _is_over(text: str, position: int) -> bool:
    """Return whether a token ends at this position."""
    return position >= len(text) or text[position].isspace()


def read_key(piece: Piece) -> Key:
    try:
        return Key(piece.text.lower())
    except ValueError:
        pass
    near = next(iter(close_names(piece.text, list(KEYS))), None)
    hint = f"The keys are {', '.join(KEYS)}. To search for text with a colon, quote it."
    raise piece.span.wrong(
        f"Unknown key {quote_typed(piece.text)}." if piece.text else "There is no key before this colon.",
        suggestion=near,
        hint=None if near else hint,
    )


MOST_CHARACTERS = 1_000
MOST_VALUES = 64
"""In all terms together. Each value becomes a condition of the statement."""

_NOT_STORABLE = re.compile("[\0\ud800-\udfff]")


def parse(text: str, *, now: datetime | None = None) -> JobFilter:
    """Parse a filter. `now` must be aware: ages such as `24h` become times before it. Without it they stay ages.

    Raises only FilterError.
    """
    if len(text) > MOST_CHARACTERS:
        raise TextSpan(text, MOST_CHARACTERS, len(text)).wrong(
            f"A filter can have {MOST_CHARACTERS:,} characters at most. This one has {len(text):,}."
        )
    if found := _NOT_STORABLE.search(text):
        raise TextSpan(text, *found.span()).wrong("The database can't store this character.")
    terms: list[Term] = []
    values, position = 0, _after(_SPACES, text, 0)
    while position < len(text):
        token = _token(text, position)
        values += len(token.pieces)
        if values > MOST_VALUES:
            raise token.span.wrong(f"A filter can have {MOST_VALUES} words and values at most.")
        terms.append(_term(token, now))
        position = _after(_SPACES, text, token.span.end)
    return JobFilter(terms=tuple(terms))


def _term(token: Token, now: datetime | None) -> Term:
    key = read_key(token.key) if token.key else None
    if key and KEYS[key].is_single and len(token.pieces) > 1:
        raise token.pieces[1].span.wrong(f"{key} takes only one value.")
    read = KEYS[key].read if key else read_text
    return Term(key=key, values=tuple(read(piece, now) for piece in token.pieces), is_negated=token.is_negated)


_ESCAPED = str.maketrans({meaning: f"{ESCAPE}{letter}" for letter, meaning in ESCAPES.items()})


def format_filter(job_filter: JobFilter) -> str:
    """Return the filter as text. Ages that became times are printed as times."""
    return " ".join(_format_term(term) for term in job_filter.terms)


def quoted(text: str, *, is_value: bool) -> str:
    """Return text that reads back as a value or a bare word, quoted if needed."""
    is_plain = text and not any(character.isspace() or character in (QUOTE, OR) for character in text)
    if is_plain and (is_value or not (text.startswith(NOT) or AFTER_KEY in text)):
        return text
    return in_quotes(text)


def in_quotes(text: str) -> str:
    return f"{QUOTE}{text.translate(_ESCAPED)}{QUOTE}"


def _format_term(term: Term) -> str:
    start = f"{NOT if term.is_negated else ''}{f'{term.key}{AFTER_KEY}' if term.key else ''}"
    return start + OR.join(_value(value, term.key) for value in term.values)


def _is_plain_status(text: str) -> bool:
    """Return whether the text means the same without quotes."""
    return text in set(JobStatus) or (text.lower() not in set(JobStatus) and near_status(text) is None)


def _value(value: Value, key: Key | None) -> str:
    amount = KEYS[key].shown if key else str
    match value:
        case Between(low=low, high=high):
            return f"{amount(low)}..{amount(high)}"
        case Compared(comparison=comparison, amount=number):
            return f"{'' if comparison is Comparison.EQUAL else comparison}{amount(number)}"
        case Age(seconds=seconds):
            return formats.format_duration(seconds)
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case str():
            is_exact = key is Key.STATUS and not _is_plain_status(value)
            return in_quotes(value) if is_exact else quoted(value, is_value=key is not None)
