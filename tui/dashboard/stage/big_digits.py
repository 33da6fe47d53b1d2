"""Numbers in block letters of five lines, larger than Textual's `Digits`."""

from textual.content import Content

LINES = 5
_PIXEL = 2
"""Cells of a pixel. With this width, a pixel looks square."""
_GLYPHS = {
    "0": "### #.# #.# #.# ###",
    "1": ".#. ##. .#. .#. ###",
    "2": "### ..# ### #.. ###",
    "3": "### ..# ### ..# ###",
    "4": "#.# #.# ### ..# ..#",
    "5": "### #.. ### ..# ###",
    "6": "### #.. ### #.# ###",
    "7": "### ..# ..# ..# ..#",
    "8": "### #.# ### #.# ###",
    "9": "### #.# ### ..# ###",
    "$": ".###. #.#.. .###. ..#.# .###.",
    "%": "#.# ..# .#. #.. #.#",
    ".": ". . . . #",
    ",": ". . . # #",
    " ": ". . . . .",
}


def can_draw(text: str) -> bool:
    return set(text) <= _GLYPHS.keys()


def width_of(text: str) -> int:
    """Return the cells that a drawable text takes."""
    return max(map(len, _lines(text)), default=0)


def draw_digits(text: str) -> Content:
    return Content("\n").join(map(Content, _lines(text)))


def _lines(text: str) -> list[str]:
    glyphs = [_GLYPHS[character].split() for character in text]
    rows = [".".join(glyph[line] for glyph in glyphs) for line in range(LINES)]
    return [row.replace(".", " " * _PIXEL).replace("#", "█" * _PIXEL) for row in rows]
