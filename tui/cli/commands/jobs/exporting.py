"""`gjobs jobs export`: everything that matches, as a file."""

from pathlib import PurePath
from typing import TYPE_CHECKING

from store.model import GenerationJob, JobStatus, PageKey
from store.settings import Settings
from tui.cli import jsonable
from tui.cli.errors import UsageError
from tui.cli.exit_codes import ExitCode
from tui.cli.file_format import SUFFIXES, FileFormat
from tui.cli.lookup import find_project
from tui.cli.output import STDOUT, Output, say
from tui.cli.progress_line import ProgressLine, can_show_progress
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
    line = ProgressLine(is_shown=_shows_progress(output, file))
    progress = Progress(line)
    with orderly_termination(), line, destination(file, overwrites=force) as put:
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
    return can_show_progress() and (file != STDOUT or not output.is_terminal)


class Progress:
    """Counts the rows, and shows how many they are."""

    def __init__(self, line: ProgressLine) -> None:
        self._line = line
        self._count = 0

    def add(self, jobs: tuple[GenerationJob, ...]) -> None:
        self._count += len(jobs)
        if jobs:
            self._line.show(f"{self.words}, back to {jsonable.time(jobs[-1].created_at)[:10]}")

    @property
    def words(self) -> str:
        return f"{self._count:,} {'job' if self._count == 1 else 'jobs'}"
