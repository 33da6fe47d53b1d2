"""Background tasks, undo stack and preloading."""

import asyncio
import pkgutil
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakSet, finalize

from textual.screen import Screen
from textual.worker import NoActiveWorker, Worker, WorkerCancelled, get_current_worker

from gjobs.store.errors import StoreError
from gjobs.store.jobs.job import GenerationJob
from gjobs.tui import dashboard
from gjobs.tui.dashboard.widgets.message_board import MESSAGE_SECONDS, MessageApp, show_message, showing_pending
from gjobs.tui.dashboard.widgets.widgets import WRITES, ResultType
from gjobs.tui.text.error_text import Message, ReportedError, error_message

if TYPE_CHECKING:
    from gjobs.store.store import Store
    from gjobs.tui.dashboard.dialogs.dialog import ProgressDialog


QUESTIONS = "questions"


class BackgroundTasks:
    def __init__(self, app: MessageApp[Any]) -> None:
        self._app = app
        self._is_leaving = False
        self._last_write: tuple[float, str] | None = None
        self.farewell: list[str] = []
        """Results of writes that were running when the user quit. They are printed after the dashboard closes."""
        self._openers = WeakSet[Worker[None]]()
        """Workers that may open a dialog. Nothing else here may refer to a worker that has ended."""
        self._silenced = WeakSet[Worker[None]]()
        """Writes that may no longer open a dialog: see `stop_opening`."""
        self._turn = asyncio.Lock()
        """Held by the current step."""
        self.database_left = asyncio.Event()
        """Set when the user leaves the open database. Each database has its own event."""

    def ask(self, question: Coroutine[Any, Any, None]) -> None:
        """Ask one question at a time, so that a key pressed twice opens one dialog."""
        if self._running(QUESTIONS) or not self.may_open:
            question.close()
        else:
            self._openers.add(self._run(partial(self._answered, question), question, group=QUESTIONS))

    def _run(
        self, work: Callable[[], Coroutine[None, None, None]], awaited: Coroutine[Any, Any, Any], *, group: str
    ) -> Worker[None]:
        """Run `work`, which awaits the coroutine. A worker that is cancelled before its first step closes it."""
        worker: Worker[None] = self._app.run_worker(work, group=group)
        finalize(worker, awaited.close)
        return worker

    async def _answered(self, question: Coroutine[Any, Any, None]) -> None:
        """Ask the question. If the database refuses what it needs, show why."""
        try:
            await question
        except StoreError as error:
            show_message(self._app, error_message(error))

    def step(self, step: Callable[[], Coroutine[None, None, None]]) -> None:
        """Run the step after all steps requested earlier, so that none is lost."""

        async def step_in_turn() -> None:
            async with self._turn:
                await step()

        if self.may_open:
            # As a function: a worker that is cancelled before its first step never awaits a coroutine.
            self._openers.add(self._app.run_worker(step_in_turn, group="steps"))

    def write(
        self,
        write: Coroutine[Any, Any, Message],
        *,
        doing: str = "",
        unchanged: str = "Nothing was changed",
        may_open: bool = False,
    ) -> Worker[None]:
        """Run a write and show its result as a message. A StoreError means that nothing was written.

        If no row shows the write, the message line shows `doing` until the database has answered. After an error that
        changed nothing, the message says `unchanged`. Set `may_open` if the write may open a dialog. Keys then wait
        until it has opened one or has ended.
        """
        worker = self._run(partial(self._reported, write, doing, unchanged), write, group=WRITES)
        if may_open:
            self._openers.add(worker)
        return worker

    @property
    def is_opening(self) -> bool:
        """Whether a dialog may be about to open: an opener is running, and no dialog is open."""
        return len(self._app.screen_stack) == 1 and any(
            # A worker that is cancelled before its first step never finishes.
            not (worker.is_finished or worker.is_cancelled)
            for worker in self._openers
        )

    async def _reported(self, write: Coroutine[Any, Any, Message], doing: str, unchanged: str) -> None:
        try:
            with showing_pending(self._app, doing):
                message = await write
        except ReportedError as error:
            message = error.report
        except StoreError as error:
            message = error_message(error, unchanged=unchanged)
        self.note(message)
        show_message(self._app, message)

    async def noted(self, write: Coroutine[Any, Any, ResultType], says: Callable[[ResultType], Message]) -> ResultType:
        """Run a form's write and note its result or error. The form shows both itself, unless the user quits first."""
        try:
            result = await write
        except ReportedError as error:
            self.note(error.report)
            raise
        except StoreError as error:
            self.note(error_message(error))
            raise
        self.note(says(result))
        return result

    def note(self, result: Message) -> None:
        """Keep the result of a write, to print it if the user quits before it can be read."""
        if self._is_leaving:
            self.farewell.append(result.text)
        self._last_write = (time.monotonic(), result.text)

    async def writes_end(self) -> None:
        """Wait until all writes have ended, even new ones, before the user leaves the database."""
        self.database_left.set()
        self.database_left = asyncio.Event()
        await self.await_writes()

    async def await_writes(self) -> None:
        """Wait until all writes have ended, even new ones and cancelled ones."""
        while writes := self._running(WRITES):
            with suppress(WorkerCancelled):
                await self._app.workers.wait_for_complete(writes)

    @property
    def is_writing(self) -> bool:
        return bool(self._running(WRITES))

    def close_questions(self, *, above: type[Screen[Any]] | tuple[()] = ()) -> None:
        """Close all questions, because their subject is gone. A screen of the type `above` stays, and all below it."""
        self._app.workers.cancel_group(self._app, QUESTIONS)
        while len(self._app.screen_stack) > 1 and not isinstance(self._app.screen, above):
            self._app.pop_screen()

    def stop_opening(self, *, above: type[Screen[Any]] | tuple[()] = ()) -> None:
        """Close all questions and let no running write open a dialog: the person stopped waiting, or now acts as
        another user.

        A screen of the type `above` stays, and all below it.
        """
        self.close_questions(above=above)
        self._silenced = WeakSet(worker for worker in self._openers if not worker.is_finished)
        self._openers.clear()

    @property
    def may_open(self) -> bool:
        """Whether the running worker may still open a dialog."""
        try:
            return get_current_worker() not in self._silenced
        except NoActiveWorker:
            return True

    def leave(self) -> None:
        """Quit. If a write is running, ask the user about it, or wait for it. A second key quits at once."""
        from gjobs.tui.dashboard.dialogs.dialog import ProgressDialog, QuitDialog

        writes = self._running(WRITES)
        if not writes:
            # The user may not have read a younger message.
            if self._last_write and time.monotonic() - self._last_write[0] < MESSAGE_SECONDS:
                self.farewell.append(self._last_write[1])
            self._app.exit()
        elif self._is_leaving or isinstance(self._app.screen, QuitDialog):
            self.farewell.append(
                "gjobs ended before the last change was confirmed. 'gjobs journal' shows the statements sent."
            )
            self._app.exit()
        elif progress := next((one for one in self._app.screen_stack if isinstance(one, ProgressDialog)), None):
            self._app.push_screen(QuitDialog(progress.work), partial(self._leave_as_answered, progress))
        else:
            text = "Quitting after the last change is confirmed. Press again to quit at once."
            self._start_leaving(text)

    def _leave_as_answered(self, progress: "ProgressDialog", answer: Literal["finish", "stop"] | None) -> None:
        if answer == "stop" and progress.is_open:
            progress.action_leave()
        if answer is not None and not self._running(WRITES):
            self.leave()
        elif answer is not None:
            self._start_leaving("Quitting after the write. Press the same key again to quit at once.")

    def _start_leaving(self, text: str) -> None:
        self._is_leaving = True
        self._app.messages.clear_passing()
        # Stays until the app ends: the write may wait for its connection for a long time.
        self._app.messages.pin(text, owner="quitting")
        self._app.run_worker(self._leave_after(self._running(WRITES)), group="leaving")

    async def _leave_after(self, writes: list[Worker[Any]]) -> None:
        try:
            await self._app.workers.wait_for_complete(writes)
        except WorkerCancelled:
            return  # The user has pressed the key again.
        self._app.exit()

    def _running(self, group: str) -> list[Worker[Any]]:
        return [worker for worker in self._app.workers if worker.group == group and not worker.is_finished]


@dataclass(frozen=True, slots=True)
class DeletedJobs:
    """Jobs that one key press deleted and that undo restores."""

    store: "Store"
    """The store of the actor who deleted. Only this actor restores."""
    jobs: tuple[GenerationJob, ...]
    """The full rows, as in the journal."""


class UndoStack:
    def __init__(self) -> None:
        self._deletions: list[DeletedJobs] = []
        self._unanswered = 0
        self.cascading_tables: tuple[str, ...] | None = None
        """Tables with rows that a deletion also deletes and undo cannot restore. None until they are read."""

    @contextmanager
    def deletion(self, store: "Store") -> Iterator[list[GenerationJob]]:
        """In the block, the caller deletes jobs and adds their full rows to the yielded list. The deletion is
        remembered at the end.
        """
        deleted: list[GenerationJob] = []
        self._unanswered += 1
        try:
            yield deleted
        finally:
            self._unanswered -= 1
            self.remember(DeletedJobs(store, tuple(deleted)))

    @property
    def is_deleting(self) -> bool:
        """Whether the database has not yet answered a deletion. Until then, undo would restore the jobs of an earlier
        deletion.
        """
        return self._unanswered > 0

    def remember(self, deletion: DeletedJobs) -> None:
        if deletion.jobs:
            self._deletions.append(deletion)

    def take_last(self) -> DeletedJobs | None:
        """Return and forget the last deletion. The caller remembers it again if the restore fails."""
        return self._deletions.pop() if self._deletions else None

    def forget_all(self) -> None:
        """Forget all deletions when the user leaves the database."""
        self._deletions.clear()
        self.cascading_tables = None

    async def load_cascading_tables(self, store: "Store") -> None:
        """Load the tables after the first list, so that the list is not delayed."""
        self.cascading_tables = ()
        with suppress(StoreError):
            self.cascading_tables = tuple(await store.get_cascading_tables())


_PAUSE = 0.01
"""Seconds between two imports, so that keys and answers are handled between them."""


async def preload() -> None:
    """Import what keys may need later, once the first data is on screen."""
    for name in modules():
        if name not in sys.modules:
            # Import in a thread: the event loop then waits only for thread switches, not for the import.
            await asyncio.to_thread(import_module, name)
            await asyncio.sleep(_PAUSE)


def modules() -> Iterator[str]:
    """Yield all modules of the dashboard. They import the other modules."""
    for module in pkgutil.walk_packages(dashboard.__path__, "gjobs.tui.dashboard."):
        yield module.name
