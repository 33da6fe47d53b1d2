"""Words in letters of three lines."""

from collections.abc import Iterator

import pytest

from store.jobs.job import USUAL_MODES, JobStatus
from tests.tui.dashboard.dashboard_driver import Drive
from tui.dashboard.stage import big_letters
from tui.dashboard.stage.big_letters import LINES, can_draw, draw_letters, wrap
from tui.dashboard.stage.presenter import Presenter


@pytest.mark.parametrize("text", [*USUAL_MODES, *JobStatus, "Custom-7 v2.1"])
def test_lines_of_a_word_have_equal_width_and_at_most_three_cells_for_each_letter(text: str) -> None:
    assert can_draw(text)
    lines = draw_letters(text)
    assert len(lines) == LINES
    assert len({len(line) for line in lines}) == 1
    assert len(text) < len(lines[0]) <= 3 * len(text)


@pytest.mark.parametrize("text", ["漢字", "naïve", "a\nb", "tab\t", "\x1b[31m"])
def test_other_characters_have_no_large_letters(text: str) -> None:
    assert not can_draw(text)


@pytest.mark.parametrize("room", [40, 80, 116])
def test_wrapped_words_have_rows_of_equal_lines_that_fit(room: int) -> None:
    rows = wrap("Press w, then R. A job is retried by r", room)
    assert rows is not None
    assert all(len({len(line) for line in row}) == 1 and len(row[0]) <= room for row in rows)
    drawn = "\n".join(line for row in rows for line in row)
    assert "│ w │" in drawn, "the font draws w and W alike"
    assert "│ R │" in drawn
    assert drawn.count("╭───╮") == 3, "not for the word A"


@pytest.mark.parametrize("text", ["漢字 and more", "antidisestablishmentarianism"])
def test_words_that_cannot_be_drawn_or_are_too_wide_are_not_wrapped(text: str) -> None:
    assert wrap(text, 40) is None


@pytest.fixture
def no_font(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(big_letters, "_FONT", "a font that is not installed")
    big_letters._glyphs.cache_clear()
    yield
    big_letters._glyphs.cache_clear()


async def test_presenter_view_has_ordinary_letters_without_the_font(drive: Drive, no_font: None) -> None:
    async with drive() as driver:
        await driver.press("B", until=lambda: isinstance(driver.app.screen, Presenter))
        await driver.shows("main_white", "◌ queued")
