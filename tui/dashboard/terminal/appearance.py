"""Frame colors for every theme; the screen as SVG."""

import io
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from textual.app import App
from textual.color import BLACK, WHITE, Color

_LEAST_CONTRAST, _LEAST_TEXT_CONTRAST = 3.0, 4.5
"""Minimum contrast of a line and of a text with the background, from the accessibility guidelines."""
_TEXTS = ("text-primary", "text-accent", "text-success", "text-warning", "text-error")
_STEPS = 20

CSS = """
JobsPanel, CostsPanel, BudgetsPanel, ProjectList { border: round $frame-quiet; border-title-style: bold; }
JobsPanel:focus-within, ProjectList:focus { border: round $frame; }
Dialog #dialog { border: round $frame; border-subtitle-background: $frame-block; border-subtitle-color: $frame-text; }

.-behind-dialog KeyHints { visibility: hidden; }
"""
"""Uses the variables below. A dialog takes all keys and names its own, so the screens behind it show none."""


def frame_variables(color: str | None, theme: Mapping[str, str], *, writing: bool) -> dict[str, str]:
    """Return `$frame` for lines, `$frame-quiet` for unfocused lines, and `$frame-block` with `$frame-text` on it.

    Without a color, they come from `theme`, the variables of the theme. While a write permit is open, lines have the
    warning color. `$writing-block` and `$writing-text` are for the label.
    """
    warning, background = Color.parse(theme["warning"]), Color.parse(theme["background"])
    variables = {"writing-block": warning.hex, "writing-text": text_on(warning).hex}
    if color is None:
        variables |= {
            "frame": theme["primary"],
            "frame-quiet": theme["primary-muted"],
            "frame-block": theme["primary-muted"],
            "frame-text": theme["text-primary"],
        }
    else:
        block = Color.parse(color)
        line = _line(block, background)
        variables |= {
            "frame": line.hex,
            "frame-quiet": line.hex if background.ansi is not None else background.blend(line, 0.55).hex,
            "frame-block": block.hex,
            "frame-text": text_on(block).hex,
        }
    if writing:
        line = _line(warning, background)
        variables |= {"frame": line.hex, "frame-quiet": line.hex}
    return variables


def _line(block: Color, background: Color) -> Color:
    return block if background.ansi is not None else _readable(block, {background: _LEAST_CONTRAST})


def text_variables(theme: Mapping[str, str]) -> dict[str, str]:
    """Return the text colors of a theme, made brighter or darker until they are readable in dialogs."""
    surface, cursor = Color.parse(theme["surface"]), Color.parse(theme["block-cursor-blurred-background"])
    if surface.ansi is not None or cursor.ansi is not None:
        return {}
    limits = {surface: _LEAST_TEXT_CONTRAST, surface.blend(cursor, cursor.a, 1): _LEAST_CONTRAST}
    return {name: _readable(Color.parse(theme[name]), limits).hex for name in _TEXTS}


def text_on(block: Color) -> Color:
    return max((BLACK, WHITE), key=lambda text: contrast(text, block))


def _readable(color: Color, limits: Mapping[Color, float]) -> Color:
    """Return the color, made brighter or darker until it has at least this contrast with each background."""
    away = text_on(next(iter(limits)))
    shades = (color.blend(away, step / _STEPS) for step in range(_STEPS + 1))
    return next((shade for shade in shades if all(contrast(shade, on) >= least for on, least in limits.items())), away)


def contrast(one: Color, other: Color) -> float:
    """Return the contrast from 1 to 21, by the formula of the web's accessibility guidelines."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: Color) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in color.normalized
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


_CELL_RATIO = 21 * 0.602 / 20
"""Cell width divided by the cell height that Rich assumes, 20 pixels. A character of the first font is 0.602 times
the font size wide.
"""

# With a font size of 21 pixels, box-drawing characters of adjacent lines meet.
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
<g class="{unique_id}-matrix" xml:space="preserve">
{matrix}
</g>
</svg>
"""


def frame_text(app: App[Any]) -> str:
    """Return the text on screen, without colors."""
    # Textual 8.2.8 has no public way to read a frame as text.
    return "\n".join(line.text for line in app.screen._compositor.render_strips())  # noqa: SLF001


def screen_svg(app: App[Any]) -> str:
    """Return the screen of a running app with its dialogs. Equal screens give equal bytes."""
    # As in Textual 8.2.8's own screenshot, which always has a window frame and a web font.
    frame = app.screen._compositor.render_update(full=True, screen_stack=app.screen_stack[:-1], simplify=True)  # noqa: SLF001
    console = Console(
        width=app.size.width,
        height=app.size.height,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        record=True,
        legacy_windows=False,
        safe_box=False,
    )
    console.print(frame)
    return console.export_svg(title="", code_format=_FORMAT, font_aspect_ratio=_CELL_RATIO)
