"""Words in letters of three lines, in the style of Textual's bold `Digits`."""

from functools import cache, lru_cache

from textual.content import Content

LINES = 3
_FONT = "future"
_PUNCTUATION = ".,:;!?"
_ONE_LETTER_WORDS = frozenset("aAI")


@cache
def _glyphs() -> dict[str, tuple[str, ...]]:
    """Return the lines of each printable ASCII character. The package is imported only when the view opens.

    Some systems package it without this font. Then nothing can be drawn.
    """
    from pyfiglet import FigletFont, FontNotFound

    try:
        font = FigletFont(_FONT)
    except FontNotFound:
        return {}
    lines = {chr(code): tuple(line.replace(font.hardBlank, " ") for line in font.chars[code]) for code in font.chars}
    return {character: glyph for character, glyph in lines.items() if character.isascii() and len(glyph) == LINES}


def can_draw(text: str) -> bool:
    """Return whether the font has all characters. Text from a database may have others."""
    return set(text) <= _glyphs().keys()


@lru_cache(maxsize=256)
def draw_letters(text: str) -> tuple[str, ...]:
    """Return three lines of equal width. The text must be drawable."""
    glyphs = [_glyphs()[character] for character in text]
    return tuple("".join(glyph[line] for glyph in glyphs) for line in range(LINES))


def width_of(text: str) -> int:
    """Return the cells that a drawable text takes."""
    return len(draw_letters(text)[0])


@lru_cache(maxsize=16)
def wrap(text: str, room: int) -> tuple[tuple[str, ...], ...] | None:
    """Return rows of words, each of three lines of at most `room` cells. A word of one letter is drawn as a key.

    Return None if the font lacks a character, or if a word is too wide.
    """
    words = text.split()
    if not can_draw(" ".join(words)):
        return None
    space, rows = draw_letters(" "), list[tuple[str, ...]]()
    for word in map(_draw_word, words):
        longer = _beside(rows[-1], space, word) if rows else word
        if len(longer[0]) <= room:
            rows[-1:] = [longer]
        elif len(word[0]) <= room:
            rows.append(word)
        else:
            return None
    return tuple(rows)


def _draw_word(word: str) -> tuple[str, ...]:
    """Draw a word. The font has only capitals, so a letter that may be a key is an ordinary character in a box."""
    letter = word.rstrip(_PUNCTUATION)
    if len(letter) != 1 or not letter.isalpha() or letter in _ONE_LETTER_WORDS:
        return draw_letters(word)
    key = ("╭───╮", f"│ {letter} │", "╰───╯")
    return _beside(key, draw_letters(word.removeprefix(letter)))


def _beside(*drawn: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map("".join, zip(*drawn, strict=True)))


def draw(text: str, style: str = "") -> Content:
    return Content.styled("\n".join(draw_letters(text)), style)
