"""The dashboard as a person drives it, and the sizes and themes of pictures."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

from textual.command import CommandPalette
from textual.pilot import Pilot, WaitForScreenTimeout
from textual.widgets import Input, OptionList, Static

from gjobs.store.jobs.job import GenerationJob
from gjobs.tui.dashboard.frame.app import GjobsApp
from gjobs.tui.dashboard.list.filter_bar import FilterBar
from gjobs.tui.dashboard.list.job_table import JobTable
from gjobs.tui.dashboard.terminal.appearance import screen_svg

Play = Callable[["Stage"], Awaitable[None]]

PATIENCE = 90.0

"""Seconds until a scene is given up."""


class Stage:
    """The dashboard as a person drives it."""

    def __init__(self, app: GjobsApp, pilot: Pilot[int]) -> None:
        self.app = app
        self._pilot = pilot

    async def press(self, *keys: str) -> None:
        with suppress(WaitForScreenTimeout):
            await self._pilot.press(*keys)
        await self._pause()

    async def _pause(self) -> None:
        """Let the widgets handle their messages.

        A widget that a closing dialog removes meanwhile never answers, and the pilot gives up after half a minute. Each
        scene waits for what it shows.
        """
        with suppress(WaitForScreenTimeout):
            await self._pilot.pause()

    async def open(self, key: str, part: str) -> None:
        """Press the key, and wait until this part of the opened dialog exists."""
        await self.press(key)
        await self.wait_for(lambda: bool(self.app.screen.query(part)))

    async def go_to(self, wanted: Callable[[GenerationJob], bool]) -> None:
        """Puts the cursor on the newest job that is wanted."""
        listing = self.app.dashboard.listing
        jobs = listing.window.jobs if listing else ()
        self.app.dashboard.query_one(JobTable).move_to(next(job.id for job in jobs if wanted(job)))
        await self._pause()

    async def take_theme(self, theme: str) -> None:
        """Waits until all is drawn in its colours."""
        if self.app.theme != theme:
            styled = asyncio.Event()
            self.app.theme_changed_signal.subscribe(self.app, lambda _: styled.set())
            self.app.theme = theme
            await self.wait_for(styled.is_set)
        await self._pause()

    async def wait_for(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                await self._pause()

    async def has_drawn(self, part: str, words: str) -> None:
        """Wait until this part of the screen shows the words."""
        widget = self.app.screen.query_one(part, Static)
        await self.wait_for(lambda: words in str(widget.render()))

    async def type_into(self, field: str, text: str) -> None:
        """Replace the text of a field, as a paste does."""
        typed = self.app.screen.query_one(field, Input)
        typed.value = text
        typed.action_end()
        await self._pause()

    async def open_palette(self, words: str = "") -> None:
        """Open the palette, and wait until it offers what matches the words."""
        await self.press("ctrl+p")
        await self.wait_for(lambda: isinstance(self.app.screen, CommandPalette))
        await self.type_into("CommandInput", words)
        palette = self.app.screen
        await self.wait_for(lambda: palette.has_class("-ready") and palette.query_one(OptionList).option_count > 0)

    async def run_command(self, words: str) -> None:
        await self.open_palette(words)
        palette = self.app.screen
        listed = palette.query_one(OptionList)
        await self.wait_for(
            lambda: (
                listed.highlighted is not None and words in str(listed.get_option_at_index(listed.highlighted).prompt)
            )
        )
        await self.press("enter")
        await self.wait_for(lambda: not isinstance(self.app.screen, CommandPalette))

    async def reset(self) -> None:
        """Close the dialogs, remove the marks and clear the filter."""
        while len(self.app.screen_stack) > 1:
            open_screens = len(self.app.screen_stack)
            await self.press("escape")
            await self.wait_for(partial(self._has_fewer_screens, open_screens))
        jobs = self.app.dashboard.jobs
        while jobs.table.marked or jobs.query_one(FilterBar).display:
            await self.press("escape")

    def _has_fewer_screens(self, number: int) -> bool:
        return len(self.app.screen_stack) < number

    async def picture(self) -> str:
        """Return the screen as SVG, without what depends on the time or on the load of the machine."""
        # On a busy machine, polls may be slow, and the next ones are then delayed: pictures must not show this delay.
        await self.wait_for(lambda: self.app.poller.max_staleness == self.app.poller.interval)
        self.app.show_status()
        await self._pause()
        for field in self.app.screen.query(Input):
            field.cursor_blink = False
        return screen_svg(self.app)
