"""Runs the dashboard of one browser tab in a process of its own."""

import asyncio
import json
import os
import pickle
import sys
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlsplit

from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager

from gjobs.store.configuration.settings import Settings

MODULE = "gjobs.tui.dashboard.browser.tab"
DRIVER = "gjobs.tui.dashboard.browser.browser_driver:BrowserDriver"

QUIT_SECONDS = 5.0
"""Seconds from the request to quit until the process is killed."""

WIDEST, TALLEST = 500, 200
"""Columns and rows."""

_OF_TERMINAL = frozenset(
    {"COLORTERM", "COLUMNS", "DISPLAY", "LINES", "NO_COLOR", "ROWS", "SSH_CLIENT", "SSH_CONNECTION", "SSH_TTY", "STY",
     "TERM", "TERMINFO", "TEXTUAL", "VTE_VERSION", "WAYLAND_DISPLAY", "WINDOWID", "WT_SESSION"}
)  # fmt: skip
_OF_TERMINAL_PREFIXES = ("TERM_", "TEXTUAL_", "TMUX", "KITTY_", "ITERM_", "LC_TERMINAL", "WEZTERM_", "ALACRITTY_")
_KEPT = frozenset({"TEXTUAL_ANIMATIONS"})

Size = tuple[int, int]
"""Columns and rows."""


def tab_environment(environment: Mapping[str, str], size: Size) -> dict[str, str]:
    """Return the variables of a tab's process. Leave out the variables of the server's terminal, because the tab has
    its own.
    """
    columns, rows = size
    kept = {
        name: value
        for name, value in environment.items()
        if name in _KEPT or not (name in _OF_TERMINAL or name.startswith(_OF_TERMINAL_PREFIXES))
    }
    return {
        **kept,
        "COLUMNS": str(columns),
        "ROWS": str(rows),
        "TERM": "xterm-256color",
        "TEXTUAL_COLOR_SYSTEM": "truecolor",
        "TEXTUAL_DRIVER": DRIVER,
    }


def bounded_size(columns: object, rows: object) -> Size | None:
    """Return the size of a screen, or None if it is not one."""
    if not (isinstance(columns, int) and isinstance(rows, int) and columns > 0 and rows > 0):
        return None
    return min(columns, WIDEST), min(rows, TALLEST)


class TabProcess(AppService):
    """The process of a tab, as textual-serve drives it. It needs no shell, and it always ends."""

    def __init__(
        self,
        settings: Settings,
        *,
        write_bytes: Callable[[bytes], Awaitable[None]],
        write_text: Callable[[str], Awaitable[None]],
        close: Callable[[int], Awaitable[None]],
        downloads: DownloadManager,
    ) -> None:
        """`close` gets the exit code of a process that ended by itself."""
        self._settings = settings
        self._close = close
        self._ending: asyncio.Task[None] | None = None
        super().__init__(
            "",
            write_bytes=write_bytes,
            write_str=write_text,
            close=self._let_it_end,
            download_manager=downloads,
        )

    @staticmethod
    async def _let_it_end() -> None:
        """Ignore textual-serve's notice that the process has ended. `run` reports the end itself, with the exit
        code.
        """

    async def _open_app_process(self, width: int = 80, height: int = 24) -> asyncio.subprocess.Process:
        """Start the process. It gets its settings on a pipe, where nobody else can read them."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            MODULE,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=tab_environment(os.environ, (width, height)),
            # Then Ctrl+C in the server's terminal reaches only the server, which stops its processes.
            start_new_session=True,
        )
        # textual-serve prints on the server's terminal what it reads here.
        process.stderr = asyncio.StreamReader()
        process.stderr.feed_eof()
        assert process.stdin is not None  # noqa: S101
        self._process, self._stdin = process, process.stdin
        settings = pickle.dumps(self._settings)
        process.stdin.write(len(settings).to_bytes(4, "big") + settings)
        return process

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def run(self) -> None:
        await super().run()
        if self._process is not None and self._ending is None:
            await self._close(await self._process.wait())

    async def on_meta(self, data: bytes) -> None:
        """Pass on what the process asks the browser to do. Only web pages may be opened."""
        meta = json.loads(data)
        if meta.get("type") != "open_url" or urlsplit(str(meta.get("url"))).scheme in ("http", "https"):
            await super().on_meta(data)

    async def stop(self) -> None:
        """Ask the process to quit, and wait. Kill it if it does not. May be called twice."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._end())
        await asyncio.shield(self._ending)

    async def _end(self) -> None:
        if self._process is None:
            return
        try:
            async with asyncio.timeout(QUIT_SECONDS):
                await self._download_manager.cancel_app_downloads(app_service_id=self.app_service_id)
                await self.send_meta({"type": "quit"})
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        if self._task is not None:
            await self._task
