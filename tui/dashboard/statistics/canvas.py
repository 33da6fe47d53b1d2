"""A grid of styled cells to draw on."""

from itertools import groupby

from rich.cells import cell_len
from textual.geometry import Region

from gjobs.tui.text.format import Span


class Canvas:
    """Texts are written at any place. What lies outside is cut off."""

    def __init__(self, width: int, height: int) -> None:
        self.width = max(width, 0)
        self._rows = [[(" ", "")] * self.width for _ in range(height)]

    def copy(self) -> "Canvas":
        other = Canvas(0, 0)
        other.width, other._rows = self.width, [row.copy() for row in self._rows]
        return other

    def write(self, x: int, y: int, text: str, style: str = "") -> int:
        """Write a clean text, and return the place after it."""
        for character in text:
            cells = cell_len(character)
            if 0 <= y < len(self._rows) and x >= 0 and x + cells <= self.width:
                self._put(x, y, character, cells, style)
            x += cells
        return x

    def write_spans(self, x: int, y: int, spans: list[Span]) -> int:
        for text, style in spans:
            x = self.write(x, y, text, style)
        return x

    def restyle(self, region: Region, style: str) -> None:
        for row in self._rows[region.y : region.bottom]:
            row[region.x : region.right] = [(character, style) for character, _ in row[region.x : region.right]]

    def _put(self, x: int, y: int, character: str, cells: int, style: str) -> None:
        row = self._rows[y]
        if cells == 0:  # It combines with the character before.
            if x > 0:
                row[x - 1] = (row[x - 1][0] + character, row[x - 1][1])
            return
        row[x] = (character, style)
        row[x + 1 : x + cells] = [("", style)] * (cells - 1)

    def lines(self) -> list[list[Span]]:
        """Return the lines without blanks at their ends."""
        return [_spans(row) for row in self._rows]


def _spans(row: list[Span]) -> list[Span]:
    end = next((x for x in range(len(row), 0, -1) if row[x - 1] != (" ", "")), 0)
    return [
        ("".join(character for character, _ in cells), style)
        for style, cells in groupby(row[:end], key=lambda cell: cell[1])
    ]
