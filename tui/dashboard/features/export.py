"""Exports the list page by page, with progress, and copies jobs as ids or as JSON."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from functools import partial
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Button, Static

from gjobs.store.errors import StoreError
from gjobs.store.job_list.list_query import Anchor, End, ListQuery, OrderColumn, RowWindowQuery, key_of
from gjobs.store.jobs.job import GenerationJob
from gjobs.store.jobs.job_results import job_row
from gjobs.store.store import Store
from gjobs.store.users.actor import actor_name
from gjobs.store.values.page_sizes import SCREEN_EXPORT_ROWS
from gjobs.tui.dashboard.actions.action_context import ActionContext
from gjobs.tui.dashboard.actions.action_host import ActionHost
from gjobs.tui.dashboard.bindings import bind
from gjobs.tui.dashboard.dialogs.dialog import run_showing_progress
from gjobs.tui.dashboard.dialogs.form import ChosenFile, FileForm, shown_path
from gjobs.tui.dashboard.terminal.clipboard import copy_text
from gjobs.tui.dashboard.widgets.message_board import show_message, show_warning
from gjobs.tui.export.export_files import SUFFIXES, FileNotWritten, UnusableFile, format_of, new_file, writer
from gjobs.tui.text.clean_text import clean
from gjobs.tui.text.error_text import Message, error_message, error_words
from gjobs.tui.text.format import jobs_count, jobs_name

CLIPBOARD_BYTES = 74_000
"""Terminals take 100,000 characters at once. The text is sent in base64, which is longer by a third."""

_MAY_MISS = "The export can miss jobs that change meanwhile. In the order of creation, it misses none."


class ExportDialog(FileForm):
    """Ask for a file or the clipboard. Ask again before a file is replaced."""

    DEFAULT_CSS = "ExportDialog.-slim #cancel { display: none; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("export.copy", "ctrl+y", "Copy", "Copy the list in the format of the file name", action="copy"),
    ]
    suffixes = tuple(SUFFIXES)
    replaces = "The export"
    result_key = "enter"
    help_topic = "views"

    def __init__(self, lines: tuple[str, ...]) -> None:
        """`lines` describe the list. They must be clean text."""
        super().__init__()
        self._lines = lines

    def compose(self) -> ComposeResult:
        with self.box("Export"):
            yield Static(Content("\n".join(self._lines)), markup=False)
            yield from self.file_parts("jobs.csv")
            copy = Button(Content(f"Copy ({self.key('export.copy')})"), compact=True, action="screen.copy")
            yield self.buttons(copy, agree="Export (enter)")

    def note_words(self) -> str:
        """Return the format and the whole path, and the limit of the clipboard."""
        file_format = format_of(self.typed("file"))
        where = f"{file_format.proper_name} in {shown_path(self.path)}" if file_format else ""
        return f"{where}\nThe clipboard takes at most {CLIPBOARD_BYTES // 1_000} kB."

    def action_copy(self) -> None:
        if (choice := self.choose(None)) is not None:
            self.dismiss(choice)


Report = Callable[[int], object]
T = TypeVar("T")
Write = Callable[[str], Awaitable[object]]


class ClipboardTooSmall(StoreError):
    """The list does not fit into the clipboard."""

    hint = "Narrow the list with a filter, or export it to a file."


async def export_list(host: ActionHost, context: ActionContext) -> None:
    dashboard, store = host.dashboard, context.store
    listing = dashboard.listing
    if dashboard.listing_query.with_visibility:
        show_warning(host, "Leave the visibility view first. It shows jobs that the user does not see.")
        return
    if listing is None or listing.query.window.listed != dashboard.listed:
        show_warning(host, "The list is still loading. Press the key again.")
        return
    listed, length = dashboard.listed, dashboard.jobs.length
    actor = clean(actor_name(store.actor), limit=60)
    lines = (
        dashboard.jobs.whole_list_words(listing),
        f"of {dashboard.listed_name}, as {actor} sees them",
        # In another order, jobs can move during the export.
        *(() if listed.order.column is OrderColumn.CREATED else (_MAY_MISS,)),
    )
    choice = await host.push_screen_wait(ExportDialog(lines))
    if choice is None:
        return
    copied: list[str] = []
    exporting = await run_showing_progress(
        host,
        lambda report: _export(store, listed, choice, copied, report),
        title="Exporting",
        total=max(length.number, 1) if length else 1,
        words=jobs_count,
    )
    if exporting.cancelled():
        show_message(host, "Stopped the export. Nothing was written.")
        return
    try:
        done = exporting.result()
    except StoreError as error:
        show_message(host, _failed_message(choice, error))
    else:
        if choice.file is None:
            copy_text(host, "".join(copied), f"Copied {jobs_count(done)} as {SUFFIXES[choice.suffix].proper_name}")
        else:
            show_message(host, f"Exported {jobs_count(done)} to {shown_path(choice.file)}.")


def _failed_message(choice: ChosenFile, error: StoreError) -> Message:
    """Return the error's text. If the text does not say whether the copy or the export failed, say so first."""
    if isinstance(error, (ClipboardTooSmall, UnusableFile, FileNotWritten)):
        return error_message(error)
    what = "The copy failed, and the clipboard is unchanged."
    if choice.file is not None:
        what = f"The export to {shown_path(choice.file)} failed, and nothing was written."
    return Message(text=f"{what} {error_words(error)}", severity="error")


async def _export(store: Store, listed: ListQuery, choice: ChosenFile, copied: list[str], report: Report) -> int:
    """Return how many jobs were exported, to a file or to `copied`. Raises a StoreError, and then leaves no file."""
    if choice.file is not None:
        async with new_file_in_threads(str(choice.file), overwrites=choice.overwrites) as write:
            return await _write_all(store, listed, choice, write, report)
    size = 0

    async def keep(text: str) -> None:
        nonlocal size
        size += len(text.encode())
        if size > CLIPBOARD_BYTES:
            raise ClipboardTooSmall(f"The list needs more than the {CLIPBOARD_BYTES // 1_000} kB of the clipboard.")
        copied.append(text)

    return await _write_all(store, listed, choice, keep, report)


async def _write_all(store: Store, listed: ListQuery, choice: ChosenFile, write: Write, report: Report) -> int:
    made, done = writer(SUFFIXES[choice.suffix]), 0
    await write(made.begin())
    async for jobs in list_pages(store, listed):
        await write(made.rows(jobs))
        done += len(jobs)
        report(done)
    await write(made.end())
    return done


async def list_pages(store: Store, listed: ListQuery) -> AsyncIterator[Sequence[GenerationJob]]:
    """Yield the jobs of a list page by page, in its order, with all their columns. A job that is deleted meanwhile is
    left out.
    """
    anchor: Anchor = End.FIRST
    can_move, seen = listed.order.column is not OrderColumn.CREATED, set[UUID]()
    while True:
        window = await store.get_window(RowWindowQuery(listed=listed, anchor=anchor, after=SCREEN_EXPORT_ROWS))
        # The first row of a window is its anchor, the last row of the previous page.
        ids = [job.id for job in window.jobs if (isinstance(anchor, End) or job.id != anchor.id) and job.id not in seen]
        if can_move:
            seen.update(ids)
        whole = {job.id: job for job in await store.get_these_jobs(ids)}
        yield [whole[job_id] for job_id in ids if job_id in whole]
        if not window.has_after or not window.jobs:
            return
        anchor = key_of(window.jobs[-1], listed.order)


@asynccontextmanager
async def new_file_in_threads(name: str, *, overwrites: bool) -> AsyncIterator[Write]:
    """Open a file as `new_file` does, but write in threads: a slow disk must not stop the event loop.

    Once the block has ended, a cancellation comes too late and is ignored.
    """
    with ExitStack() as stack:
        write = await _in_thread(partial(stack.enter_context, new_file(name, overwrites=overwrites)))
        yield lambda text: _in_thread(partial(write, text))
        with suppress(asyncio.CancelledError):
            await _in_thread(stack.close)


async def _in_thread(call: Callable[[], T]) -> T:
    """Run the call in a thread. After any cancellation, wait for the thread, because it still uses the file."""
    running = asyncio.ensure_future(asyncio.to_thread(call))
    is_cancelled = False
    while not running.done():
        try:
            await asyncio.wait({running})
        except asyncio.CancelledError:
            is_cancelled = True
    result = running.result()
    if is_cancelled:
        raise asyncio.CancelledError
    return result


_COPYING = "copy"
"""A later copy replaces one that still reads its jobs."""


def copy_ids(host: ActionHost) -> None:
    if jobs := host.dashboard.selected_jobs():
        host.workers.cancel_group(host, _COPYING)
        copied = f"the id {jobs[0].id}" if len(jobs) == 1 else f"the ids of {len(jobs)} jobs"
        copy_text(host, "\n".join(str(job.id) for job in jobs), f"Copied {copied}")


def copy_as_json(host: ActionHost) -> None:
    jobs, store = host.dashboard.selected_jobs(), host.poller.store
    if jobs and store is not None:
        host.run_worker(_copy_as_json(host, store, jobs), group=_COPYING, exclusive=True)


async def _copy_as_json(app: App[Any], store: Store, jobs: Sequence[GenerationJob]) -> None:
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
        missing = "the job: it is" if len(jobs) == 1 else f"{gone} of {len(jobs)} jobs: they are"
        show_warning(app, f"Did not copy {missing} deleted or hidden.")
