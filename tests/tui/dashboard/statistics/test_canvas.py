"""Texts on a grid of cells."""

from textual.geometry import Region

from gjobs.tui.dashboard.panels.state_machine import Canvas


def test_texts_outside_the_canvas_are_cut_off() -> None:
    canvas = Canvas(6, 2)
    assert canvas.write(4, 0, "abc", "bold") == 7
    canvas.write(0, 5, "below")
    canvas.write(-1, 1, "xy")
    assert canvas.lines() == [[("    ", ""), ("ab", "bold")], [("y", "")]]


def test_wide_and_combining_characters_keep_the_cells_beside_them() -> None:
    canvas = Canvas(6, 1)
    assert canvas.write(0, 0, "漢e\u0301") == 3
    canvas.write(3, 0, "|")
    assert canvas.lines() == [[("漢e\u0301|", "")]]


def test_restyling_outside_the_canvas_is_cut_off() -> None:
    canvas = Canvas(4, 1)
    canvas.write(0, 0, "abcd")
    canvas.restyle(Region(2, 0, 9, 3), "bold")
    canvas.restyle(Region(0, 5, 2, 1), "bold")
    assert canvas.lines() == [[("ab", ""), ("cd", "bold")]]
