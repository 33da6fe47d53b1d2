"""What the App does beside drawing: questions, which wait for a person, and writes, which nothing stops halfway."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from textual.app import App
from textual.worker import Worker, WorkerCancelled

from tui import actions
from tui.say import say
from tui.words.toast import Toast

QUESTIONS = "questions"
WRITES = "writes"
"""Groups of workers; a form's own sending is a write, too."""


class Errands:
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
        say(self._app, await actions.result_of(write))

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
        say(self._app, Toast(text="Leaving as soon as the last change is answered; once more leaves at once."))
        self._app.run_worker(self._leave_after(writes), group="leaving")

    async def _leave_after(self, writes: list[Worker[Any]]) -> None:
        try:
            await self._app.workers.wait_for_complete(writes)
        except WorkerCancelled:
            return  # Somebody insisted.
        self._app.exit()

    def _running(self, group: str) -> list[Worker[Any]]:
        return [worker for worker in self._app.workers if worker.group == group and not worker.is_finished]
