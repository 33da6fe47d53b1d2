"""Copies of jobs and other texts, with a program that reaches the user's clipboard, or else through the terminal."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, assert_never

from textual.app import App

from gjobs.store.errors import StoreError
from gjobs.store.jobs.job import GenerationJob
from gjobs.store.moments.moment import job_row
from gjobs.tui.dashboard.widgets.message_board import MessageApp, show_message, show_warning
from gjobs.tui.text.error_text import error_message
from gjobs.tui.text.format import jobs_name

if TYPE_CHECKING:
    from gjobs.store.store import Store

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


class JobCopy(StrEnum):
    ID = "id"
    JSON = "json"


async def copy_jobs(app: App[Any], store: "Store | None", what: JobCopy, jobs: Sequence[GenerationJob]) -> None:
    """Copy in the order of `jobs`. `store` is None if rows cannot be read."""
    match what:
        case JobCopy.ID:
            copied = f"the id {jobs[0].id}" if len(jobs) == 1 else f"the ids of {len(jobs)} jobs"
            copy_text(app, "\n".join(str(job.id) for job in jobs), f"Copied {copied}")
        case JobCopy.JSON:
            if store is not None:
                await _copy_json(app, store, jobs)
        case _:
            assert_never(what)


async def _copy_json(app: App[Any], store: "Store", jobs: Sequence[GenerationJob]) -> None:
    """Copy current rows, because the list may have cut some values. Like the command line, write one object for one
    job, and a list for several.
    """
    try:
        present = {job.id: job for job in await store.get_these_jobs([job.id for job in jobs])}
    except StoreError as error:
        show_message(app, error_message(error))
        return
    there = [present[job.id] for job in jobs if job.id in present]
    if there:
        rows = [job_row(job) for job in there]
        copy_text(app, json.dumps(rows[0] if len(rows) == 1 else rows, indent=2), f"Copied {jobs_name(there)} as JSON")
    if gone := len(jobs) - len(there):
        missing = "The job is" if len(jobs) == 1 else f"{gone} of the {len(jobs)} jobs are"
        show_warning(app, f"{missing} deleted or hidden, and not copied.")
