"""From text to tokens: where each begins and ends, before anybody asks what it means. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from store.filters.errors import Place

QUOTE, ESCAPE, OR, NOT, AFTER_KEY = '"', "\\", ",", "-", ":"
ESCAPES = {QUOTE: QUOTE, ESCAPE: ESCAPE, "n": "\n", "t": "\t"}
"""What stands after a backslash inside quotes, and what it means. Outside of quotes a backslash is one."""

_SPACES = re.compile(r"\s*")
_KEY = re.compile(r'([^\s:",]*):')
_UNQUOTED = re.compile(r'[^\s",]*')


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One of the values that commas separate, without its quotes and escapes."""

    text: str
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    place: Place
    is_negated: bool
    key: Piece | None
    pieces: tuple[Piece, ...]


def tokens(text: str) -> Iterator[Token]:
    """Raises FilterError where one does not end as it should."""
    position = _after(_SPACES, text, 0)
    while position < len(text):
        token = _token(text, position)
        yield token
        position = _after(_SPACES, text, token.place.end)


def _after(pattern: re.Pattern[str], text: str, position: int) -> int:
    """Where the pattern, which may be nothing, ends."""
    found = pattern.match(text, position)
    return found.end() if found else position


def _token(text: str, start: int) -> Token:
    position, is_negated = start, text[start] == NOT
    if is_negated:
        position += 1
        if _is_over(text, position):
            raise Place(text, start, position).wrong(
                "A minus stands before what is not wanted, without a space.", hint=f'Quote it to look for it: "{NOT}"'
            )
    key = None
    if found := _KEY.match(text, position):
        key = Piece(text=found[1], place=Place(text, position, found.end(1)))
        position = found.end()
    pieces = tuple(_pieces(text, position, key))
    return Token(place=Place(text, start, pieces[-1].place.end), is_negated=is_negated, key=key, pieces=pieces)


def _pieces(text: str, position: int, key: Piece | None) -> Iterator[Piece]:
    while True:
        piece = _piece(text, position)
        if not piece.text:
            raise piece.place.wrong(_what_is_missing(text, piece.place, key))
        yield piece
        position = piece.place.end
        if not text.startswith(OR, position):
            return
        position += 1


def _what_is_missing(text: str, place: Place, key: Piece | None) -> str:
    if place.end > place.start:
        return "There is nothing between the quotes."
    if text.startswith(OR, place.end):
        return "There is nothing before this comma."
    if text.startswith(OR, place.start - 1):
        return "There is nothing after this comma."
    return f"{key.text if key else ''}: is followed by no value."


def _piece(text: str, start: int) -> Piece:
    if text.startswith(QUOTE, start):
        return _quoted(text, start)
    end = _after(_UNQUOTED, text, start)
    if text.startswith(QUOTE, end):
        raise Place(text, end, end + 1).wrong(
            "A quote stands in the middle of a word.", hint='Quote the whole value, and write \\" for a quote in it.'
        )
    return Piece(text=text[start:end], place=Place(text, start, end))


def _quoted(text: str, start: int) -> Piece:
    characters: list[str] = []
    position = start + 1
    while position < len(text):
        character = text[position]
        if character == QUOTE:
            return _closed(text, start, position + 1, "".join(characters))
        if character == ESCAPE:
            character = _escaped(text, position)
            position += 1
        characters.append(character)
        position += 1
    raise Place(text, start, len(text)).wrong(
        "This quote is not closed.", suggestion=None if _ends_in_escape(text) else f"{text[start:]}{QUOTE}"
    )


def _closed(text: str, start: int, end: int, value: str) -> Piece:
    if not _is_over(text, end) and not text.startswith(OR, end):
        raise Place(text, end, end + 1).wrong("After a closing quote comes a space or a comma.")
    return Piece(text=value, place=Place(text, start, end))


def _escaped(text: str, position: int) -> str:
    after = text[position + 1 : position + 2]
    if not after:
        raise Place(text, position, position + 1).wrong("This backslash is followed by nothing.")
    if after not in ESCAPES:
        raise Place(text, position, position + 2).wrong(
            "Inside quotes a backslash stands before a quote, a backslash, n or t.", suggestion=ESCAPE * 2 + after
        )
    return ESCAPES[after]


def _ends_in_escape(text: str) -> bool:
    return text.endswith(ESCAPE)


def _is_over(text: str, position: int) -> bool:
    """Whether a token that comes so far ends here."""
    return position >= len(text) or text[position].isspace()
