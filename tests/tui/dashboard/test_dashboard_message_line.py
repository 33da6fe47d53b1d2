"""The message line: successes, pinned texts, and its place on each screen."""

import pytest
from textual.widgets._toast import Toast as ToastWidget

from tests.tui.dashboard.dashboard_driver import Drive, Driver
from tests.tui.jobs_database import short
from tui.dashboard.message_line import MessageLine
from tui.dashboard.widgets import show_toast
from tui.text.error_text import Toast


def line(driver: Driver) -> str:
    """Return the text of the line on the top screen."""
    lines = driver.app.screen.query(MessageLine)
    return str(lines.first().render()) if lines else ""


async def test_success_is_on_the_line_with_the_key_that_undoes_it(dashboard: Driver) -> None:
    await dashboard.press("d", "y", on=2, message=f"Deleted packaging {short(2)}.")
    await dashboard.settle()
    assert line(dashboard) == f"Deleted packaging {short(2)} · U undo"
    assert not dashboard.app.screen.query(ToastWidget)


async def test_newer_message_replaces_the_older_one(dashboard: Driver) -> None:
    await dashboard.press("y", on=2, message="Copied the id")
    await dashboard.press("s", on=1, message="Started lifestyle")
    assert line(dashboard) == f"Started lifestyle {short(1)}."


async def test_pinned_text_returns_when_a_message_ends(dashboard: Driver) -> None:
    board = dashboard.app.messages
    board.pin("Step 1 of 6: pick a project", owner="tour")
    board.pin("A worker claims the job", owner="caption")
    await dashboard.press("s", on=1, message="Started lifestyle")
    assert line(dashboard) == f"Started lifestyle {short(1)}."
    board.clear_passing()
    assert line(dashboard) == "A worker claims the job"
    board.unpin("caption")
    assert line(dashboard) == "Step 1 of 6: pick a project"
    board.unpin("tour")
    assert line(dashboard) == ""


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_message_covers_no_row_and_no_key_hint(drive: Drive, size: tuple[int, int]) -> None:
    async with drive(size=size) as driver:
        before = driver.table.region
        await driver.press("s", on=1, message="Started lifestyle")
        await driver.settle()
        region = driver.app.screen.query_one(MessageLine).region
        assert region.height == 1
        assert driver.table.region == before
        assert not region.overlaps(before)
        assert not region.overlaps(driver.app.screen.query_one("#keys").region)


async def test_message_on_the_border_leaves_the_number_of_marks_visible(drive: Drive) -> None:
    async with drive(size=(80, 24)) as driver:
        await driver.press("space", "space", shows="2 marked")
        show_toast(driver.app, Toast(text="A result that is longer than the line " * 4))
        await driver.settle()
        assert "2 marked" in driver.text
        assert "A result that is longer than the line" in driver.text


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_dialog_shows_its_messages_below_itself(drive: Drive, size: tuple[int, int]) -> None:
    async with drive(size=size) as driver:
        await driver.press("question_mark", until=lambda: driver.dialog)
        show_toast(driver.app, Toast(text="Copied the page."))
        await driver.until(lambda: line(driver) == "Copied the page.")
        await driver.settle()
        dialog = driver.app.screen.query_one("#dialog").region
        assert not driver.app.screen.query_one(MessageLine).region.overlaps(dialog)
        assert driver.text.count("Copied the page.") == 1
        await driver.press("escape", dialog="")
        await driver.settle()
        assert driver.text.count("Copied the page.") == 1


async def test_acting_as_another_user_forgets_all_messages(dashboard: Driver) -> None:
    await dashboard.press("s", on=1, message="Started lifestyle")
    await dashboard.act_as("ben", shows="as ben@example.com")
    assert [kept.text for kept in dashboard.app.messages.kept] == []
    assert line(dashboard) == ""
