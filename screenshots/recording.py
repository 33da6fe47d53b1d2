"""Draws a moment of a recorded demo. `demo.cast.gz` holds the recording."""

import json

import pyte
from pyte.screens import Char
from rich.style import Style
from rich.text import Text

from tui.dashboard.appearance import cells_svg

_BACKGROUND, _FOREGROUND = "#121212", "#e0e0e0"


def recorded_picture(cast: str, seconds: float) -> str:
    """Return the screen after this many seconds of an asciicast v2, as SVG."""
    header, *events = map(json.loads, cast.splitlines())
    screen = pyte.Screen(header["width"], header["height"])
    stream = pyte.Stream(screen)
    for at, kind, text in events:
        if at > seconds:
            break
        if kind == "o":
            stream.feed(text)
    lines = (_line([screen.buffer[row][column] for column in range(screen.columns)]) for row in range(screen.lines))
    return cells_svg(Text("\n").join(lines), (screen.columns, screen.lines))


def _line(cells: list[Char]) -> Text:
    line = Text(no_wrap=True, end="")
    for cell in cells:
        line.append(cell.data, _style(cell))
    return line


def _style(cell: Char) -> Style:
    color, background = _color(cell.fg, _FOREGROUND), _color(cell.bg, _BACKGROUND)
    return Style(color=color, bgcolor=background, bold=cell.bold, reverse=cell.reverse, underline=cell.underscore)


def _color(name: str, default: str) -> str:
    return default if name == "default" else f"#{name}"
