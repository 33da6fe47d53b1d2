"""Toasts cover no text that the user decides by: the policy line, the rows, counts, and dialogs."""

import pytest
from textual.geometry import Region
from textual.widgets._toast import Toast as ToastWidget

from gjobs.tui.dashboard.statistics.costs_panel import CostsPanel
from gjobs.tui.dashboard.widgets import show_toast
from gjobs.tui.text.error_text import Toast
from tests.tui.dashboard.dashboard_driver import Drive, Driver

LONG = Toast(text="The database refused: " + "a reason that goes on " * 16, severity="error")


def toast_regions(driver: Driver) -> list[Region]:
    """Return the visible regions of the toasts on the top screen."""
    screen = driver.app.screen
    return [screen.find_widget(toast).visible_region for toast in screen.query(ToastWidget)]


async def show_toasts(driver: Driver) -> None:
    for toast in (LONG, Toast(text="Copied.", severity="warning")):
        show_toast(driver.app, toast)
        await driver.settle()
    await driver.shows("Copied.")
    await driver.settle()


@pytest.mark.parametrize("size", [(200, 50), (120, 36), (80, 24), (60, 15), (40, 8)])
async def test_toasts_cover_no_policy_line_no_row_no_count_and_no_dialog(drive: Drive, size: tuple[int, int]) -> None:
    async with drive(size=size) as driver:
        await driver.press("v", until=lambda: driver.app.dashboard.visibility_note not in (None, "loading …"))
        await show_toasts(driver)
        table, panel = driver.table.region, driver.app.dashboard.jobs.region
        rows = Region(table.x, table.y + 1, table.width, table.height - 1)
        assert not any(toast.overlaps(rows) or toast.bottom >= panel.bottom for toast in toast_regions(driver))
        if size[1] >= 15:
            costs = driver.app.dashboard.query_one(CostsPanel)
            numbers = costs._drawing.numbers.values() if costs._drawing else ()
            counts = [one.translate(costs.content_region.offset) for one in numbers]
            assert counts
            places = (driver.app.dashboard.query_one("#tabs").region, *counts)
            assert not any(toast.overlaps(region) for toast in toast_regions(driver) for region in places)

        for key in ("n", "b", "question_mark"):
            driver.app.clear_notifications()
            await driver.press(key, until=lambda: driver.dialog)
            await show_toasts(driver)
            dialog = driver.app.screen.query_one("#dialog").region
            assert dialog
            kept = (dialog, driver.app.dashboard.query_one("#status").region, rows)
            assert not any(toast.overlaps(region) for toast in toast_regions(driver) for region in kept)
            await driver.press("escape", dialog="")


@pytest.mark.parametrize("key", ["p", "u", "question_mark", "ctrl+p"])
async def test_toast_is_drawn_once_when_a_dialog_opens_over_it(drive: Drive, key: str) -> None:
    async with drive(size=(80, 24)) as driver:
        identity = driver.text.splitlines()[0]
        show_toast(driver.app, Toast(text="Already writing.", severity="warning"))
        await driver.shows("Already writing.")
        await driver.press(key, until=lambda: len(driver.app.screen_stack) > 1, shows="Already writing.")
        await driver.settle()
        assert driver.text.count("Already writing.") == 1
        assert driver.text.splitlines()[0] == identity
        await driver.press("escape", until=lambda: len(driver.app.screen_stack) == 1)
        await driver.settle()
        assert driver.text.count("Already writing.") == 1
        assert driver.text.splitlines()[0] == identity


async def test_toasts_stay_above_the_tabs_after_many_others(drive: Drive) -> None:
    """Textual keeps an empty line for each removed toast."""
    async with drive(size=(80, 24)) as driver:
        tabs = driver.app.dashboard.query_one("#tabs").region
        for number in range(12):
            show_toast(driver.app, Toast(text=f"Refused {number}.", severity="warning"))
            await driver.settle()
        await driver.shows("Refused 10.", "Refused 11.")
        assert [region.y for region in toast_regions(driver)] == [tabs.y - 2, tabs.y - 1]
        driver.app.clear_notifications()
        await driver.settle()
        show_toast(driver.app, LONG)
        await driver.shows("The database refused")
        await driver.settle()
        assert [region.bottom for region in toast_regions(driver)] == [tabs.y]
        assert not any(region.overlaps(tabs) for region in toast_regions(driver))
