"""Parses and completes filter text, and formats filters as text."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import assert_never

from gjobs.store.filters.filter_terms import (
    KEYS,
    QUOTE,
    STUCK,
    Age,
    Between,
    Compared,
    Comparison,
    JobFilter,
    Key,
    Piece,
    Suggested,
    Term,
    TextSpan,
    Value,
    read_text,
)
from gjobs.store.jobs.job import USUAL_MODES, JobStatus, near_status
from gjobs.store.values import formats
from gjobs.store.values.formats import close_names, money, quote_typed

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


MOST_COMPLETIONS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionValues:
    """Values that the database is known to hold, each kind in the order of the suggestions."""

    modes: tuple[str, ...] = USUAL_MODES
    projects: tuple[str, ...] = ()
    """Project names."""
    users: tuple[str, ...] = ()
    """E-mails; empty if they may not be read."""
    error_groups: Mapping[str, str] = field(default_factory=dict)
    """Fingerprints by group id. The fingerprints must already be cleaned for the terminal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """Replaces `text[start:end]` with `replacement`."""

    start: int
    end: int
    replacement: str
    words: str
    """The help text of a key or of a suggested term, or what an error group is; else empty."""
    is_meant: bool = False
    """Whether this is probably what the typed word means. Enter then accepts it."""

    def applied(self, text: str) -> tuple[str, int]:
        """Return the completed text and the new cursor position."""
        return text[: self.start] + self.replacement + text[self.end :], self.start + len(self.replacement)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Typed:
    """The value, or the start of a term, at the cursor."""

    start: int
    end: int
    key: str | None
    text: str
    """The text up to the cursor, without quotes."""
    others: frozenset[str]
    """The earlier values of the same term."""
    is_first: bool
    """Whether a key may start here."""


def is_naming(key: Key, text: str, cursor: int) -> bool:
    """Return whether a value of this key is being typed."""
    return f"{key}{AFTER_KEY}" in text[:cursor].rpartition(" ")[2].lower()


def complete(text: str, cursor: int, known: CompletionValues) -> tuple[Completion, ...]:
    """Return the keys that start with the typed text, or the values that start with or contain it.

    Each value is suggested once, and values already in the term are left out. `cursor` counts characters.
    """
    typed = _typed(text, max(0, min(cursor, len(text))))
    if typed.key is not None:
        try:
            key = Key(typed.key.lower())
        except ValueError:
            return ()
        match KEYS[key].suggested:
            case Suggested.USUAL:
                found = _values(typed, KEYS[key].usual)
            case Suggested.DOLLARS:
                found = _dollars(typed)
            case Suggested.MODES:
                found = _values(typed, known.modes)
            case Suggested.PROJECTS:
                found = _values(typed, known.projects)
            case Suggested.USERS:
                found = _values(typed, known.users)
            case Suggested.ERROR_GROUPS:
                found = _error_groups(typed, known.error_groups)
            case unknown:
                assert_never(unknown)
    else:
        found = chain(_state_terms(typed), _keys(typed)) if typed.is_first else iter(())
    return tuple(completion for completion, _ in zip(found, range(MOST_COMPLETIONS), strict=False))


def _keys(typed: _Typed) -> Iterator[Completion]:
    for key, about in KEYS.items():
        if key.startswith(typed.text.lower()):
            yield Completion(start=typed.start, end=typed.end, replacement=f"{key}{AFTER_KEY}", words=about.words)


_FEWEST_LETTERS = 3
"""A shorter word is not taken for a state."""
_STATES: Mapping[str, Key] = {**dict.fromkeys(map(str, JobStatus), Key.STATUS), STUCK: Key.IS}
"""The names of states, and the key for each."""


def _state_terms(typed: _Typed) -> Iterator[Completion]:
    """Yield the term for a word that is the name of a state, or begins exactly one name."""
    named = [state for state in _STATES if state.startswith(typed.text.lower())]
    if len(typed.text) >= _FEWEST_LETTERS and len(named) == 1:
        yield Completion(
            start=typed.start,
            end=typed.end,
            replacement=f"{_STATES[named[0]]}{AFTER_KEY}{named[0]}",
            words=f"the {named[0]} jobs, not the word",
            is_meant=True,
        )


_IN_CENTS = re.compile(r"(?:[<>]=?|=)?[0-9]{1,10}(?:\.\.(?:[0-9]{1,10})?)?")


def _dollars(typed: _Typed) -> Iterator[Completion]:
    """Yield the dollars for an amount in cents, because a number alone is easily taken for dollars."""
    if _IN_CENTS.fullmatch(typed.text):
        dollars = re.sub("[0-9]+", lambda cents: money(int(cents[0])).replace(OR, ""), typed.text)
        yield Completion(start=typed.start, end=typed.end, replacement=dollars, words="the same in dollars")


def _error_groups(typed: _Typed, groups: Mapping[str, str]) -> Iterator[Completion]:
    """Yield the groups whose id or fingerprint contains the typed text."""
    for group, fingerprint in groups.items():
        is_found = typed.text.casefold() in f"{group} {fingerprint}".casefold()
        if is_found and group != typed.text and group not in typed.others:
            yield Completion(start=typed.start, end=typed.end, replacement=group, words=fingerprint)


def _values(typed: _Typed, values: Iterable[str]) -> Iterator[Completion]:
    for value in _matching(typed.text, values):
        if value not in typed.others:
            yield Completion(start=typed.start, end=typed.end, replacement=quoted(value, is_value=True), words="")


def _matching(typed: str, words: Iterable[str]) -> list[str]:
    folded = typed.casefold()
    begin: list[str] = []
    contain: list[str] = []
    for word in dict.fromkeys(words):
        place = word.casefold().find(folded)
        if place >= 0 and word != typed:
            (contain if place else begin).append(word)
    return begin + contain


def _typed(text: str, cursor: int) -> _Typed:
    """Find what is being typed. Unlike the parser, this accepts unfinished text."""
    start, key, others = 0, None, set[str]()
    token, inside_quotes, position = 0, False, 0
    while position < cursor:
        character = text[position]
        position += 1
        if inside_quotes:
            if character == ESCAPE:
                position += 1
            inside_quotes = character != QUOTE
        elif character == QUOTE and position - 1 == start:
            inside_quotes = True
        elif character.isspace():
            token, start, key = position, position, None
            others.clear()
        elif character == OR:
            others.add(_unquoted(text[start : position - 1]))
            start = position
        elif character == AFTER_KEY and key is None and start == token:
            key, start = text[token : position - 1], position
        elif character == NOT and position - 1 == token:
            start = token = position
    is_word = text.startswith(QUOTE, start)
    return _Typed(
        start=start,
        end=_end(text, cursor, inside_quotes=inside_quotes, has_key=key is not None),
        key=key,
        text=_unquoted(text[start:cursor]),
        others=frozenset(others),
        is_first=key is None and start == token and not is_word,
    )


def _end(text: str, cursor: int, *, inside_quotes: bool, has_key: bool) -> int:
    """Return the end of the text at the cursor: the closing quote if one is open, else the end of the value."""
    if inside_quotes:
        closing = text.find(QUOTE, cursor)
        return cursor if closing < 0 else closing + 1
    end = cursor
    while end < len(text) and not text[end].isspace() and text[end] not in (OR, QUOTE):
        end += 1
        if not has_key and text[end - 1] == AFTER_KEY:
            break
    return end


def _unquoted(typed: str) -> str:
    if not typed.startswith(QUOTE):
        return typed
    characters, inside = [], iter(typed[1:].removesuffix(QUOTE))
    for character in inside:
        following = next(inside, "") if character == ESCAPE else ""
        characters.append(ESCAPES.get(following, "") if character == ESCAPE else character)
    return "".join(characters)
