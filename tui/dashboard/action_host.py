"""ActionHost protocol; background tasks, undo stack, preloading."""

import asyncio
import pkgutil
import sys
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from textual.app import App
from textual.worker import Worker, WorkerCancelled

from store.errors import StoreError
from store.jobs.job import GenerationJob
from tui import gc_tuning
from tui.dashboard.widgets import show_toast
from tui.text.error_text import Toast

if TYPE_CHECKING:
    from store.store import Store
    from tui.dashboard.app import GjobsApp

QUESTIONS = "questions"
WRITES = "writes"
"""Groups of workers; a form's own sending is a write, too."""


class BackgroundTasks:
    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self._is_leaving = False
        self.database_left = asyncio.Event()
        """Of the one that is open: the next one has another."""

    def ask(self, question: Coroutine[Any, Any, None]) -> None:
        """One at a time: a key that was pressed twice opens one dialog."""
        if self._running(QUESTIONS):
            question.close()
        else:
            self._app.run_worker(question, group=QUESTIONS)

    def write(self, write: Coroutine[Any, Any, Toast]) -> Worker[None]:
        """Its result, or the StoreError that it raises, is toasted: what raises one has kept nothing."""
        return self._app.run_worker(self._reported(write), group=WRITES)

    async def _reported(self, write: Coroutine[Any, Any, Toast]) -> None:
        from tui.dashboard.action_context import result_of

        show_toast(self._app, await result_of(write))

    async def writes_end(self) -> None:
        """Before the database is left: waits until none is on its way, those that begin meanwhile neither."""
        self.database_left.set()
        self.database_left = asyncio.Event()
        while writes := self._running(WRITES):
            await self._app.workers.wait_for_complete(writes)

    @property
    def is_writing(self) -> bool:
        return bool(self._running(WRITES))

    def close_questions(self) -> None:
        """What they ask about is no longer there."""
        self._app.workers.cancel_group(self._app, QUESTIONS)
        while len(self._app.screen_stack) > 1:
            self._app.pop_screen()

    def leave(self) -> None:
        """What is being written gets its answer first, unless somebody insists."""
        writes = self._running(WRITES)
        if self._is_leaving or not writes:
            self._app.exit()
            return
        self._is_leaving = True
        show_toast(self._app, Toast(text="Leaving as soon as the last change is answered; once more leaves at once."))
        self._app.run_worker(self._leave_after(writes), group="leaving")

    async def _leave_after(self, writes: list[Worker[Any]]) -> None:
        try:
            await self._app.workers.wait_for_complete(writes)
        except WorkerCancelled:
            return  # Somebody insisted.
        self._app.exit()

    def _running(self, group: str) -> list[Worker[Any]]:
        return [worker for worker in self._app.workers if worker.group == group and not worker.is_finished]


@dataclass(frozen=True, slots=True)
class DeletedJobs:
    store: "Store"
    """With the eyes that deleted: they make it again, too."""
    jobs: tuple[GenerationJob, ...]
    """The whole rows, as the journal has them."""


class UndoStack:
    def __init__(self) -> None:
        self._deletions: list[DeletedJobs] = []
        self.cascading_tables: tuple[str, ...] | None = None
        """Tables that lose something with a job, which nothing here brings back; None until it was asked."""

    def remember(self, deletion: DeletedJobs) -> None:
        if deletion.jobs:
            self._deletions.append(deletion)

    def take_last(self) -> DeletedJobs | None:
        """It is no longer remembered: who cannot make it again gives it back."""
        return self._deletions.pop() if self._deletions else None

    def forget_all(self) -> None:
        """Of a database that is left."""
        self._deletions.clear()
        self.cascading_tables = None

    async def load_cascading_tables(self, store: "Store") -> None:
        """After the first look, which it must not delay."""
        self.cascading_tables = ()
        with suppress(StoreError):
            self.cascading_tables = tuple(await store.get_cascading_tables())


_PAUSE = 0.01
"""Seconds between two modules, in which keys and answers have their turn."""


async def preload(app: "GjobsApp") -> None:
    """Once there is something to see. Leaves garbage to be collected from then on: what is made here stays."""
    from tui.dashboard.saved_views import read_views

    read_views(app)
    for name in modules():
        if name not in sys.modules:
            # In a thread: the loop waits no longer for it than Python takes to change threads.
            await asyncio.to_thread(import_module, name)
            await asyncio.sleep(_PAUSE)
    app.dashboard.jobs.build_hidden_parts()
    gc_tuning.resume_gc()


def modules() -> Iterator[str]:
    """All that a key may lead to; what these need comes along."""
    import tui.dashboard

    for module in pkgutil.walk_packages(tui.dashboard.__path__, "tui.dashboard."):
        yield module.name
