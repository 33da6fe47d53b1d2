"""The steps of the tour, and which of them are done."""

from enum import StrEnum, auto
from typing import TYPE_CHECKING, Any

from textual.app import App

from store.jobs.job import JobStatus
from tui.dashboard.keys.bindings import APP_BINDINGS, DASHBOARD_BINDINGS, key_of
from tui.dashboard.setup import TourStart

if TYPE_CHECKING:
    from tui.dashboard.memory import RememberedState
    from tui.dashboard.message_board import MessageBoard

_OWNER = "tour"


class TourStep(StrEnum):
    """The steps in their order."""

    PROJECT = auto()
    NEW_JOB = auto()
    START = auto()
    FINISH = auto()
    COSTS = auto()
    ISOLATION = auto()


_WRITING = frozenset({TourStep.NEW_JOB, TourStep.START, TourStep.FINISH})


class Tour:
    """Pins the first step that is not done. A step is done wherever the user does it, even before its turn."""

    def __init__(self, app: App[Any], board: "MessageBoard", memory: "RememberedState", *, start: TourStart) -> None:
        self._app = app
        self._board = board
        self._memory = memory
        is_unseen = start is TourStart.ONCE and not memory.has_seen_tour
        self._is_due = is_unseen or start is TourStart.ALWAYS
        self._steps = list(TourStep)
        self._done: set[TourStep] = set()
        self.is_on = False

    def start_if_due(self, *, is_read_only: bool) -> None:
        """Start the tour once. Call it when the first list of the first opened database is shown."""
        if self._is_due:
            self._is_due = False
            self._steps = [step for step in TourStep if not (is_read_only and step in _WRITING)]
            self.is_on = True
            self._show()

    def leave(self) -> None:
        """End the tour because the user wants no more of it. A message says how to start it again."""
        if self.is_on:
            self._end()
            self._board.show_message("Ended the tour. gjobs --tour repeats the tour.")

    def _end(self) -> None:
        """End the tour for good. Only `gjobs --tour` starts it again."""
        self._memory.remember_tour()
        self.cancel()

    def cancel(self) -> None:
        """End the tour, or the wait for its start, in this run."""
        self._is_due = False
        if self.is_on:
            self.is_on = False
            self._board.unpin(_OWNER)

    def do(self, step: TourStep) -> None:
        """Mark a step as done and show the next one."""
        if not self.is_on or step in self._done:
            return
        self._done.add(step)
        if self._done.issuperset(self._steps):
            self._end()
            key = key_of(self._app, APP_BINDINGS, "app.help")
            self._board.show_message(f"Finished the tour. Press {key} for help. gjobs --tour repeats the tour.")
        else:
            self._show()

    def moved_jobs_to(self, status: JobStatus) -> None:
        """Mark the step that is done when the user has moved a job to this status."""
        self.do(TourStep.START if status is JobStatus.RUNNING else TourStep.FINISH)

    def _show(self) -> None:
        place, step = next((place, one) for place, one in enumerate(self._steps, 1) if one not in self._done)
        end = key_of(self._app, DASHBOARD_BINDINGS, "list.clear")
        self._board.pin(f"Tour {place}/{len(self._steps)} · {self._sentence(step)} · {end} ends", owner=_OWNER)

    def _sentence(self, step: TourStep) -> str:
        """Return what to do, with the keys as remapped. It fits into a screen of 80 columns."""
        match step:
            case TourStep.PROJECT:
                return f"Press {self._key('project.pick')}, type part of a project's name and press enter"
            case TourStep.NEW_JOB:
                return f"Press {self._key('job.new')} and then enter to queue a new job"
            case TourStep.START:
                return f"Press {self._key('job.start')} to start the job under the cursor"
            case TourStep.FINISH:
                return f"Press {self._key('job.complete')} to complete it, or {self._key('job.fail')} to fail it"
            case TourStep.COSTS:
                return f"See the costs above, and press {self._key('project.budgets')} for budgets"
            case TourStep.ISOLATION:
                return f"Press {self._key('app.isolation')} to check who can reach whose rows"

    def _key(self, binding_id: str) -> str:
        return key_of(self._app, (*DASHBOARD_BINDINGS, *APP_BINDINGS), binding_id)
