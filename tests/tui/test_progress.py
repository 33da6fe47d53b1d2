"""How far something long has come."""

from tests.tui.driving import Driver
from tui.dashboard.dialogs.dialog import ProgressDialog


async def test_progress_beyond_the_total_only_fills_the_bar(dashboard: Driver) -> None:
    dialog = ProgressDialog(title="Deleting 3 jobs", total=3, stop=lambda: None)
    await dashboard.app.push_screen(dialog)
    dialog.show_progress(5)
    await dashboard.shows("5 of 3")
    assert dashboard.text.count("━" * 60) == 1
    assert "━" * 61 not in dashboard.text
