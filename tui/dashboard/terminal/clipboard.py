"""Copies text with a program that reaches the user's clipboard, or else through the terminal."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from textual.app import App

from gjobs.tui.dashboard.widgets.message_board import MessageApp, show_message

_SECONDS = 3.0
"""A program that runs longer is ended. Its display may not answer."""

_ONE_THREAD = ThreadPoolExecutor(max_workers=1, thread_name_prefix="clipboard")
"""Copies run one after the other, so that the last one counts. A started copy ends even if the user quits."""


def copy_text(app: App[Any], text: str, done: str, *, note: str = "") -> None:
    """Copy the text in the background. Then show `done`, the program that was used, and `note`."""
    if isinstance(app, MessageApp):
        app.clipboard = text
    app.run_worker(partial(_copy, app, text, done, note), group="clipboard", exclusive=True)  # type: ignore[arg-type]


async def _copy(app: App[Any], text: str, done: str, note: str) -> None:
    is_terminal = not (app.is_headless or app.is_web)
    commands = tuple(clipboard_commands(os.environ, sys.platform)) if is_terminal else ()
    used = await asyncio.get_running_loop().run_in_executor(_ONE_THREAD, first_that_copies, commands, text)
    if used is None:
        App.copy_to_clipboard(app, text)
        used = "the browser" if app.is_web else "OSC 52"
    show_message(app, f"{done} with {used}. {note}".rstrip())


def clipboard_commands(environment: Mapping[str, str], platform: str) -> Iterator[Sequence[str]]:
    """Yield the commands that may reach the user's clipboard, the best one first."""
    # Over SSH, pbcopy would fill the clipboard of the other machine.
    if platform == "darwin" and not environment.get("SSH_CONNECTION"):
        yield ("pbcopy",)
    if environment.get("WAYLAND_DISPLAY"):
        yield ("wl-copy",)
    if environment.get("DISPLAY"):
        yield ("xclip", "-selection", "clipboard")
    if environment.get("TMUX"):
        yield ("tmux", "load-buffer", "-w", "-")
        yield ("tmux", "load-buffer", "-")  # tmux before 3.2 cannot pass the text on to its own terminal.


def first_that_copies(commands: Sequence[Sequence[str]], text: str) -> str | None:
    """Run the commands until one takes the text. Return its program."""
    return next((command[0] for command in commands if _takes(command, text)), None)


def _takes(command: Sequence[str], text: str) -> bool:
    """Run the command in its own session. xclip keeps running, and must not stop or end with gjobs."""
    try:
        subprocess.run(
            command,
            input=text.encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=True,
            start_new_session=True,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return True
