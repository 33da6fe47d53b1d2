"""Words in letters of three lines, in the style of Textual's bold `Digits`."""

from functools import cache, lru_cache

LINES = 3
_FONT = "future"


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
