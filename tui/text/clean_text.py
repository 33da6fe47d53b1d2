"""Makes text safe for a terminal; cuts and pads it."""

import re
import unicodedata

from rich.cells import cell_len, get_character_cell_size, split_text

ELLIPSIS = "…"
LINE_END = "⏎"
TAB = "⇥"
UNKNOWN = "␦"
"""Replaces a character that has no visible form, or that a terminal may not know."""

MOST_MARKS = 3
"""Combining marks kept per character. Written languages need three. More would run into the lines above and below."""

_TAB_SIZE = 4
_FIRST_CONTROL_PICTURE = 0x2400
_DELETE = 0x7F
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_LINE_BREAKS = frozenset("\n\x85\u2028\u2029")
_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
_INVISIBLE_LETTERS = frozenset("\u115f\u1160\u3164\uffa0")
"""The Hangul fillers: letters by category, but drawn as nothing."""
_VARIATION_SELECTORS = frozenset([*range(0x180B, 0x180E), 0x180F, *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)])
"""Invisible by themselves. Terminals disagree on whether a variation selector widens the character before it."""


class _SafeCharacters(dict[int, str]):
    """Maps a code point to its safe form, for `str.translate`. Filled on demand."""

    def __missing__(self, code: int) -> str:
        self[code] = safe = _safe(code)
        return safe


def _safe(code: int) -> str:
    character = chr(code)
    if character == "\t":
        return TAB
    if character in _LINE_BREAKS:
        return LINE_END
    if code < ord(" "):
        return chr(_FIRST_CONTROL_PICTURE + code)
    if code == _DELETE:
        return "␡"
    if code in _VARIATION_SELECTORS:
        return ""
    category = unicodedata.category(character)
    if category == "Zs":
        return " "
    return UNKNOWN if category in _INVISIBLE_CATEGORIES or character in _INVISIBLE_LETTERS else character


_SAFE = _SafeCharacters()


def _limit_marks(text: str) -> str:
    """Replace a mark without a base character with a visible sign, and drop surplus marks."""
    kept: list[str] = []
    marks = 0
    for character in text:
        if get_character_cell_size(character):
            kept.append(character)
            marks = 0
        elif not kept:
            kept.append(UNKNOWN)
        elif marks < MOST_MARKS:
            kept.append(character)
            marks += 1
    return "".join(kept)


def clean(text: str, *, limit: int | None = None) -> str:
    """Return one harmless line: printable, without control, format or private characters, and never longer than the
    text.

    `limit` is the number of characters that are read. An ellipsis stands for the rest.
    """
    is_cut = limit is not None and len(text) > limit
    if is_cut:
        text = text[:limit]
    if not text.isascii():
        text = _limit_marks(text.replace("\r\n", "\n").translate(_SAFE))
    elif not text.isprintable():
        text = text.replace("\r\n", "\n").translate(_SAFE)
    return text + ELLIPSIS if is_cut else text


def visible(text: str) -> str:
    """Return one sign for each character, so that positions in an edited text stay the same."""
    return text if text.isascii() and text.isprintable() else "".join(map(_visible, text))


def _visible(character: str) -> str:
    is_mark = unicodedata.category(character) == "Mn" and unicodedata.combining(character) > 0
    return character if is_mark else clean(character) or UNKNOWN


def visible_cells(text: str) -> int:
    """Return the width of the visible text in cells."""
    return cell_len(visible(text))


def clean_cell(text: str, cells: int) -> str:
    """Return one harmless line, roughly cut to this many cells. The caller must cut it to the exact width."""
    return clean(text, limit=(cells + 1) * (1 + MOST_MARKS))


def clean_block(text: str, *, limit: int | None = None) -> str:
    """Return several harmless lines. All line ends become line feeds, and tabs become spaces."""
    is_cut = limit is not None and len(text) > limit
    lines = _LINE_BREAK.split(text[:limit] if is_cut else text)
    block = "\n".join(clean(line.expandtabs(_TAB_SIZE)) for line in lines)
    return block + ELLIPSIS if is_cut else block


def shorten(text: str, cells: int) -> str:
    """Cut cleaned text to a width in terminal cells, with an ellipsis in the last one."""
    if cell_len(text) <= cells:
        return text
    if cells <= 0:
        return ""
    return split_text(text, cells - 1)[0].rstrip() + ELLIPSIS


def shorten_start(text: str, cells: int) -> str:
    """Cut the beginning of cleaned text to a width, with an ellipsis in the first cell."""
    if cell_len(text) <= cells:
        return text
    while text and cell_len(text) >= cells:
        text = text[1:]
    return ELLIPSIS + text.lstrip() if cells > 0 else ""


def shorten_address(text: str, cells: int) -> str:
    """Cut a cleaned address to a width. Shorten the server's name first, then the database's name."""
    server, slash, database = text.rpartition("/")
    room = cells - cell_len(slash + database)
    return shorten(text, cells) if room < 1 else f"{shorten(server, room)}{slash}{database}"


def pad(text: str, cells: int, *, right: bool = False) -> str:
    """Cut or pad cleaned text to exactly this width in terminal cells. `right` aligns it right."""
    text = shorten(text, cells)
    blank = " " * (cells - cell_len(text))
    return blank + text if right else text + blank
