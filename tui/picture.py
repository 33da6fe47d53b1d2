"""The screen as an SVG picture: the cells and nothing around them, in whatever monospace font the viewer has."""

import io
from typing import Any

from rich.console import Console
from textual.app import App

_CELL_RATIO = 21 * 0.602 / 20
"""The width of a cell over what Rich takes for its height, 20 pixels; 0.602 is the first font's width over its size."""

# A font's size of 21 pixels lets box-drawing characters meet from line to line.
_FORMAT = """\
<svg viewBox="0 1.5 {terminal_width} {terminal_height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
  font-family: "DejaVu Sans Mono", Menlo, Consolas, "Liberation Mono", monospace;
  font-size: 21px;
  white-space: pre;
}}
{styles}
</style>
<defs>
{lines}
</defs>
<g>
{backgrounds}
</g>
<g class="{unique_id}-matrix">
{matrix}
</g>
</svg>
"""


def svg(app: App[Any]) -> str:
    """What stands on the screen of a running app, dialogs and all; the same bytes for the same screen."""
    width, height = app.size
    console = Console(
        width=width,
        height=height,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        record=True,
        legacy_windows=False,
        safe_box=False,
    )
    # Textual's own screenshot is made like this, in a window's frame and with a font from the web.
    frame = app.screen._compositor.render_update(full=True, screen_stack=app._background_screens, simplify=True)  # noqa: SLF001
    console.print(frame)
    return console.export_svg(title="", code_format=_FORMAT, font_aspect_ratio=_CELL_RATIO)
