"""Completions for a filter while it is typed."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import assert_never

from gjobs.store.filters.filter_syntax import AFTER_KEY, ESCAPE, ESCAPES, NOT, OR, quoted
from gjobs.store.filters.filter_terms import KEYS, QUOTE, STUCK, Key, Suggested
from gjobs.store.jobs.job import USUAL_MODES, JobStatus
from gjobs.store.values.formats import money

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
