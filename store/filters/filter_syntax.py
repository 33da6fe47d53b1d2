"""Parses filter text and formats filters as text."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gjobs.store.error_groups.error_group import ID_DIGITS
from gjobs.store.errors import command
from gjobs.store.filters.filter_terms import (
    ANY,
    KEYS,
    NONE,
    STUCK,
    Age,
    Between,
    Compared,
    Comparison,
    JobFilter,
    Key,
    Term,
    TextSpan,
    Value,
)
from gjobs.store.jobs.job import JobStatus, near_status, parse_status
from gjobs.store.values import formats
from gjobs.store.values.data_classes import by_member
from gjobs.store.values.formats import LEAST_DIGITS, close_names, id_range, quote_typed

QUOTE, ESCAPE, OR, NOT, AFTER_KEY = '"', "\\", ",", "-", ":"
ESCAPES = {QUOTE: QUOTE, ESCAPE: ESCAPE, "n": "\n", "t": "\t"}
"""The escapes inside quotes and their meaning. Outside quotes, a backslash is an ordinary character."""

_SPACES = re.compile(r"\s*")
_KEY = re.compile(r'([^\s:",]*):')
_UNQUOTED = re.compile(r'[^\s",]*')


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One of the values that commas separate, without its quotes and escapes."""

    text: str
    span: TextSpan
    is_quoted: bool = False


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


Read = Callable[[Piece, datetime | None], Value]
"""Reads a value, given the current time."""

_SMALLEST_CENTS, _LARGEST_CENTS = -2_147_483_648, 2_147_483_647

_COMPARED = re.compile(rf"({'|'.join(Comparison)})?(.*)", re.DOTALL)
_MONEY = re.compile(r"(-?)(\$?)([0-9]{1,12})(?:\.([0-9]{1,2}))?")
_RANGE = ".."


def _text(piece: Piece, _now: datetime | None) -> str:
    return piece.text


def _status(piece: Piece, _now: datetime | None) -> str:
    """Return a quoted status as it is. Otherwise accept a workflow status in any case, and refuse a misspelt one."""
    if piece.is_quoted:
        return piece.text
    known = parse_status(piece.text.lower())
    if isinstance(known, JobStatus):
        return known.value
    if near := near_status(piece.text):
        raise piece.span.wrong(
            f"Unknown status {quote_typed(piece.text)}.",
            suggestion=near,
            hint=f"Did you mean {near}? If your app has the status {piece.text}, quote it: {QUOTE}{piece.text}{QUOTE}.",
        )
    return piece.text


def _is_plain_status(text: str) -> bool:
    """Return whether the text means the same without quotes."""
    return text in set(JobStatus) or (text.lower() not in set(JobStatus) and near_status(text) is None)


def _id(piece: Piece, _now: datetime | None) -> str:
    if id_range(piece.text) is None:
        raise piece.span.wrong(
            f"{quote_typed(piece.text)} is not the start of an id.",
            hint=f"Use at least the first {LEAST_DIGITS} digits, 0 to 9 and a to f.",
        )
    return piece.text.lower()


_ERROR_GROUP = re.compile(rf"[0-9a-f]{{{ID_DIGITS}}}")


def _error_group(piece: Piece, _now: datetime | None) -> str:
    group = piece.text.lower()
    if not _ERROR_GROUP.fullmatch(group):
        raise piece.span.wrong(
            f"{quote_typed(piece.text)} is not the id of an error group.",
            hint=f"An id has {ID_DIGITS} digits, 0 to 9 and a to f. {command('errors')} lists the groups.",
        )
    return group


def _asset(piece: Piece, now: datetime | None) -> str:
    word = piece.text.lower()
    return word if word in (NONE, ANY) else _id(piece, now)


def _state(piece: Piece, _now: datetime | None) -> str:
    if piece.text.lower() == STUCK:
        return STUCK
    raise piece.span.wrong(f"Unknown state {quote_typed(piece.text)}.", suggestion=STUCK)


def _cents(text: str, piece: Piece) -> int:
    """Parse whole cents, or dollars after a dollar sign. Refuse an ambiguous amount."""
    found = _MONEY.fullmatch(text)
    if found is None or (found[4] and not found[2]):
        raise piece.span.wrong(
            f"{quote_typed(text)} is not an amount.",
            suggestion=piece.text.replace(text, f"${text}", 1) if found else None,
            hint=None if found else "Use whole cents, such as 50, or dollars, such as $0.50.",
        )
    sign, dollars, whole, part = found.groups()
    cents = int(whole) * 100 + int((part or "").ljust(2, "0")) if dollars else int(whole)
    cents = -cents if sign else cents
    if not _SMALLEST_CENTS <= cents <= _LARGEST_CENTS:
        raise piece.span.wrong("No job can cost that.", hint=f"The most is {_LARGEST_CENTS} cents.")
    return cents


def _seconds(text: str, piece: Piece) -> int:
    seconds = formats.parse_duration(text)
    if seconds is None:
        raise piece.span.wrong(
            f"{quote_typed(text)} is not a duration.", hint="Use a number with s, m, h, d or w: 90s, 5m, 1h30m."
        )
    if seconds > formats.LONGEST:
        raise piece.span.wrong("That is too long.", hint=f"The longest is {formats.LONGEST_WORDS}.")
    return seconds


def _amount(piece: Piece, read: Callable[[str, Piece], int]) -> Compared | Between:
    low, dots, high = piece.text.partition(_RANGE)
    if not dots:
        return _compared(piece, read)
    if not low and not high:
        raise piece.span.wrong("A range needs at least one end.", hint="Use 1..10, 1.. or ..10.")
    if not high:
        return Compared(comparison=Comparison.AT_LEAST, amount=read(low, piece))
    if not low:
        return Compared(comparison=Comparison.AT_MOST, amount=read(high, piece))
    between = Between(low=read(low, piece), high=read(high, piece))
    if between.low > between.high:
        raise piece.span.wrong("This range ends before it starts.", suggestion=f"{high}{_RANGE}{low}")
    return between


def _compared(piece: Piece, read: Callable[[str, Piece], int]) -> Compared:
    found = _COMPARED.fullmatch(piece.text)
    sign, amount = found.groups() if found else (None, piece.text)
    return Compared(comparison=Comparison(sign or "="), amount=read(amount, piece))


def _cost(piece: Piece, _now: datetime | None) -> Value:
    return _amount(piece, _cents)


def _took(piece: Piece, _now: datetime | None) -> Value:
    """Parse a duration. Refuse `=`, because times have microseconds, so that it would match no job."""
    amount = _amount(piece, _seconds)
    if isinstance(amount, Compared) and amount.comparison is Comparison.EQUAL:
        raise piece.span.wrong(
            "No job takes exactly that long. Use > or <, such as took:>5m.",
            suggestion=f">{piece.text.removeprefix('=')}",
        )
    return amount


def _time(piece: Piece, now: datetime | None) -> datetime | Age:
    """Parse a time or an age."""
    try:
        if formats.parse_duration(piece.text) is not None:
            age = Age(seconds=_seconds(piece.text, piece))
            return age if now is None else now.astimezone(UTC) - timedelta(seconds=age.seconds)
        time = datetime.fromisoformat(piece.text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise piece.span.wrong(
            f"{quote_typed(piece.text)} is not a time.",
            hint="Use 2026-01-31, 2026-01-31T12:00 or 2026-01-31T12:00+01:00, or an age: 24h.",
        ) from None


READERS: Mapping[Key, Read] = by_member(
    Key,
    {
        Key.STATUS: _status,
        Key.MODE: _text,
        Key.COST: _cost,
        Key.PROJECT: _text,
        Key.USER: _text,
        Key.ASSET: _asset,
        Key.SINCE: _time,
        Key.UNTIL: _time,
        Key.TOOK: _took,
        Key.ERROR: _text,
        Key.ERROR_GROUP: _error_group,
        Key.ID: _id,
        Key.IS: _state,
    },
)


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
_OF_ONE_VALUE = frozenset({Key.SINCE, Key.UNTIL})


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
    if key in _OF_ONE_VALUE and len(token.pieces) > 1:
        raise token.pieces[1].span.wrong(f"{key} takes only one value.")
    read = READERS[key] if key else _text
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


def _dollars(cents: int) -> str:
    """Return the amount in the form that a cost is shown in, but without commas: they separate values."""
    return formats.money(cents).replace(OR, "")


def _value(value: Value, key: Key | None) -> str:
    amount = formats.format_duration if key is Key.TOOK else _dollars
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
