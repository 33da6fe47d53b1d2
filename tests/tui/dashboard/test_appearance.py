"""The colours of the frame are readable in every theme and for every configured colour."""

import pytest
from textual.color import Color
from textual.theme import BUILTIN_THEMES

from gjobs.store.configuration.config_file import NAMES
from gjobs.tui.dashboard.terminal.appearance import contrast, frame_variables, text_on, text_variables

THEMES = {name: {**theme.to_color_system().generate(), **theme.variables} for name, theme in BUILTIN_THEMES.items()}

TEXTS = {"text-primary", "text-accent", "text-success", "text-warning", "text-error"}

COLORS = (*NAMES, "#123", "#808080", "#fefefe")


@pytest.mark.parametrize("theme", THEMES)
def test_frame_lines_and_labels_have_enough_contrast_in_every_theme(theme: str) -> None:
    background = Color.parse(THEMES[theme]["background"])
    uncolored = frame_variables(None, THEMES[theme], writing=False)
    assert uncolored["frame"] == THEMES[theme]["primary"]
    for color in COLORS:
        values = frame_variables(color, THEMES[theme], writing=False)
        assert values.keys() == uncolored.keys()
        variables = {name: Color.parse(value) for name, value in values.items()}
        assert contrast(variables["frame-text"], variables["frame-block"]) >= 4.5, color
        assert variables["frame-block"].rgb == Color.parse(color).rgb
        if background.ansi is None:
            assert contrast(variables["frame"], background) >= 3, color


@pytest.mark.parametrize("theme", THEMES)
def test_text_is_readable_in_dialogs_and_on_their_cursor_in_every_theme(theme: str) -> None:
    values = THEMES[theme]
    surface, cursor = (Color.parse(values[name]) for name in ("surface", "block-cursor-blurred-background"))
    variables = text_variables(values)
    assert set(variables) == (set() if theme.startswith("ansi") else TEXTS)
    for name, value in variables.items():
        assert contrast(Color.parse(value), surface) >= 4.5, name
        assert contrast(Color.parse(value), surface.blend(cursor, cursor.a, 1)) >= 3, name
    if theme == "textual-dark":
        assert all(Color.parse(value).hex == Color.parse(values[name]).hex for name, value in variables.items())


def test_frame_color_with_enough_contrast_is_used_unchanged() -> None:
    for theme, color in (("textual-dark", "#808080"), ("textual-light", "#606060")):
        assert Color.parse(frame_variables(color, THEMES[theme], writing=False)["frame"]) == Color.parse(color)


def test_black_and_white_have_the_maximum_contrast() -> None:
    black, white = Color.parse("#000"), Color.parse("#fff")
    assert contrast(black, white) == pytest.approx(21)
    assert (text_on(black), text_on(white)) == (white, black)


@pytest.mark.parametrize("theme", THEMES)
def test_write_permit_changes_the_frame_lines_but_not_the_label(theme: str) -> None:
    background = Color.parse(THEMES[theme]["background"])
    for color in (None, "red"):
        variables = frame_variables(color, THEMES[theme], writing=True)
        quiet = frame_variables(color, THEMES[theme], writing=False)
        assert variables["frame"] == variables["frame-quiet"]
        assert (variables["frame-block"], variables["frame-text"]) == (quiet["frame-block"], quiet["frame-text"])
        words, block, line = (Color.parse(variables[name]) for name in ("writing-text", "writing-block", "frame"))
        assert contrast(words, block) >= 4.5
        if background.ansi is None:
            assert contrast(line, background) >= 3
