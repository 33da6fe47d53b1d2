"""The first frame shows the whole dashboard: it is neither laid out nor drawn again before there is news."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from rich.console import RenderableType
from textual._compositor import LayoutUpdate
from textual.screen import Screen

from tests.tui.driving import WatchedApp
from tests.tui.settling import settle
from tui.dashboard.run import frame_text
from tui.session import Report, Session


@asynccontextmanager
async def never_opened(report: Report) -> AsyncIterator[Session]:
    raise AssertionError("not in this test")
    yield


class FilmedApp(WatchedApp):
    """Keeps the first frame as it is drawn, and connects to nothing."""

    first_frame = ""

    def __init__(self) -> None:
        super().__init__(never_opened)

    def _connect(self) -> None:  # type: ignore[override]
        """Nothing is heard of a database."""

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        if isinstance(renderable, LayoutUpdate) and not self.first_frame:
            lines = ("".join(segment.text for segment in strip).rstrip() for strip in renderable.strips)
            self.first_frame = "\n".join(lines)
        super()._display(screen, renderable)


@pytest.mark.parametrize("size", [(200, 50), (120, 36), (80, 24), (40, 8), (30, 6)])
async def test_first_frame_equals_the_settled_frame(size: tuple[int, int]) -> None:
    app = FilmedApp()
    async with app.run_test(size=size):
        await settle(app)
        later = "\n".join(line.rstrip() for line in frame_text(app).splitlines())

        assert app.first_frame == later


async def test_first_frame_shows_all_panels_and_focuses_the_jobs() -> None:
    app = FilmedApp()
    async with app.run_test(size=(120, 36)):
        for part in ("no database yet · connecting …", "Projects", "Costs", "Jobs", "◌ queued", "MODE", "⏎ details"):
            assert part in app.first_frame
        assert app.focused is app.dashboard.jobs.table
