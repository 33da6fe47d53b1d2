"""Commands that work on many jobs in batches, show the progress, and report how far they came."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

from gjobs.store.configuration.settings import Settings
from gjobs.store.errors import StoreError
from gjobs.store.retention.retention import BatchProgress, StatusCount
from gjobs.store.values.value_types import dataclass
from gjobs.tui.cli.arguments import find_project
from gjobs.tui.cli.output import ExitCode, Interrupted, Output, PartlyDeclined, print_message, report_interruption
from gjobs.tui.cli.sessions import WorkProgress, orderly_termination, with_session, work_through

if TYPE_CHECKING:
    from gjobs.tui.export.export_files import Json
    from gjobs.tui.session import Session
    from gjobs.tui.text.retention_text import CleanupTarget


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    verb: str = ""
    """What was done: `Restored`."""
    progress: BatchProgress = BatchProgress()
    left: int = 0
    """The jobs that remain."""
    is_stopped: bool = False


async def find_target(session: "Session", project: str | None) -> "tuple[UUID | None, CleanupTarget]":
    """Return the project's id, or None for all projects, and what a question names. Raises as `find_project` does."""
    from gjobs.tui.text.retention_text import CleanupTarget

    found = None if project is None else await find_project(session.store, project)
    name = found.name if found else None
    target = CleanupTarget(actor=session.store.actor, database=session.full_name, project_name=name)
    return found.id if found else None, target


@contextmanager
def end_reported(broken_off: Callable[[str], str]) -> Iterator[None]:
    """Say how far the work came if an `error` or an `interrupt` breaks it off."""
    from asyncio import CancelledError

    try:
        yield
    except StoreError:
        print_message(broken_off("error"))
        raise
    except CancelledError:
        # The second interrupt doesn't wait for the batch.
        raise Interrupted(broken_off("interrupt")) from None


async def work_in_batches(
    steps: AsyncGenerator[BatchProgress, None],
    count_left: Callable[[], Awaitable[Sequence[StatusCount]]],
    *,
    found: int,
    doing: str,
    verb: str,
) -> BatchResult:
    from gjobs.tui.text.retention_text import broken_off, progress

    course = WorkProgress(BatchProgress())
    with end_reported(lambda by: broken_off(verb, course.last, by=by)):
        await work_through(steps, course, lambda step: progress(doing, step, found))
        left = sum(row.count for row in await count_left())
    return BatchResult(verb=verb, progress=course.last, left=left, is_stopped=course.is_stopped)


def run_batches(
    settings: Settings,
    output: Output,
    work: Callable[["Session"], Coroutine[Any, Any, BatchResult]],
    document: Callable[[BatchResult], "Json"],
) -> ExitCode:
    """Work, and report the result. Raises PartlyDeclined if no job was changed."""
    with orderly_termination(json=output.json):
        result = with_session(settings, work)
        from gjobs.tui.text import retention_text

        if output.json:
            output.document(document(result))
        print_dropped(result.progress.dropped_columns)
        if result.is_stopped:
            words = retention_text.stopped(result.verb, result.progress, result.left)
            return report_interruption(words, json=output.json)
        sentences = [
            retention_text.result(result.verb, result.progress),
            *retention_text.why_left(result.progress, result.left),
        ]
        if not result.progress.done:
            raise PartlyDeclined(sentences)
        print_message(*sentences)
        return ExitCode.DONE


def print_dropped(columns: Sequence[str]) -> None:
    """Name the columns of archived jobs that the app's table no longer has."""
    from gjobs.tui.text.write_text import dropped_words

    print_message(dropped_words(columns))
