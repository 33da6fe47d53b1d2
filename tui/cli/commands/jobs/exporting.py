"""`gjobs jobs export`: everything that matches, as a file."""

import os
import sys
from pathlib import PurePath
from typing import TYPE_CHECKING

from store.model import GenerationJob, JobStatus, PageKey
from store.settings import Settings
from tui.cli import jsonable
from tui.cli.errors import UsageError
from tui.cli.exit_codes import ExitCode
from tui.cli.file_format import SUFFIXES, FileFormat
from tui.cli.lookup import find_project
from tui.cli.output import STDOUT, Output, is_terminal, say, say_block
from tui.cli.sessions import in_session
from tui.cli.signals import orderly_termination
from tui.cli.views import narrowed

if TYPE_CHECKING:
    from store.filters import JobFilter
    from tui.cli.destination import Put
    from tui.cli.export_formats import Writer
    from tui.session import Session

ROWS = 1_000
"""Of a page. Each page is a short transaction of its own, and begins by key where the one before it ended."""

_START_OF_LINE, _CLEAR_LINE = "\r", "\x1b[K"


def export_jobs(
    settings: Settings,
    output: Output,
    *,
    file: str,
    file_format: FileFormat | None,
    force: bool,
    project: str | None,
    status: JobStatus | None,
    job_filter: "JobFilter | None",
    view: str | None,
) -> ExitCode:
    """Whatever stops it, the file is whole or is not there."""
    from tui.cli.destination import destination
    from tui.cli.export_formats import writer

    chosen, found = file_format or _format_of(file), narrowed(settings, view, job_filter)
    progress = Progress(is_shown=_shows_progress(output, file))
    with orderly_termination(), progress, destination(file, overwrites=force) as put:
        _write(settings, output, put, progress, writer(chosen), project=project, status=status, job_filter=found)
    if file != STDOUT:
        say(f"Exported {progress.words} to {file}.")
    return ExitCode.DONE


def _format_of(file: str) -> FileFormat:
    found = SUFFIXES.get(PurePath(file).suffix.lower())
    if found is None:
        raise UsageError("The format is not said.", hint=f"Add --format with {', '.join(FileFormat)}.")
    return found


@in_session
async def _write(
    session: "Session",
    _output: Output,
    put: "Put",
    progress: "Progress",
    made: "Writer",
    *,
    project: str | None,
    status: JobStatus | None,
    job_filter: "JobFilter",
) -> ExitCode:
    project_id = None if project is None else (await find_project(session.store, project)).id
    after: PageKey | None = None
    is_read = put(made.begin())
    while is_read:
        page = await session.store.find_jobs(job_filter, project_id=project_id, status=status, limit=ROWS, after=after)
        is_read = put(made.rows(page.items))
        progress.add(page.items)
        after = page.next_key
        if after is None:
            put(made.end())
            break
    return ExitCode.DONE


def _shows_progress(output: Output, file: str) -> bool:
    if not is_terminal(sys.stderr) or os.environ.get("TERM") == "dumb":
        return False
    return file != STDOUT or not output.is_terminal


class Progress:
    """A line on the terminal that counts, and is gone when the block ends."""

    def __init__(self, *, is_shown: bool) -> None:
        self._is_shown = is_shown
        self._count = 0

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self._show("")

    def add(self, jobs: tuple[GenerationJob, ...]) -> None:
        self._count += len(jobs)
        if jobs:
            self._show(f"{self.words}, back to {jsonable.time(jobs[-1].created_at)[:10]}")

    @property
    def words(self) -> str:
        return f"{self._count:,} {'job' if self._count == 1 else 'jobs'}"

    def _show(self, text: str) -> None:
        if self._is_shown:
            say_block(f"{_START_OF_LINE}{_CLEAR_LINE}{text}", end="")
