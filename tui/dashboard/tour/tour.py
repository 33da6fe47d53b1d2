"""The steps of the tour, and which of them are done."""

from collections.abc import Iterable, Mapping
from enum import StrEnum, auto
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from uuid import UUID

from textual.app import App
from textual.timer import Timer

from store.jobs.job import GenerationJob, JobStatus
from tui.dashboard.keys.bindings import APP_BINDINGS, DASHBOARD_BINDINGS, key_of
from tui.text.status_text import STATUS_ACTIONS, JobAction

if TYPE_CHECKING:
    from tui.dashboard.message_board import MessageBoard

_OWNER = "tour"
_RESULT_SECONDS = 3.0
"""How long the result of a step hides the next step."""


class TourStep(StrEnum):
    """The steps in their order."""

    PROJECT = auto()
    NEW_JOB = auto()
    START = auto()
    FINISH = auto()
    COSTS = auto()
    ISOLATION = auto()


_STEPS_OF: Mapping[JobStatus, TourStep] = MappingProxyType(
    {
        JobStatus.RUNNING: TourStep.START,
        JobStatus.SUCCEEDED: TourStep.FINISH,
        JobStatus.FAILED: TourStep.FINISH,
    }
)
"""The step that is done when a job has been moved to a status."""


class Tour:
    """Pins the first step that is not done. A step is done wherever the user does it, even before its turn."""

    def __init__(self, app: App[Any], board: "MessageBoard") -> None:
        self._app = app
        self._board = board
        self._done: set[TourStep] = set()
        self._expected: dict[UUID, JobStatus] = {}
        """The status to which the user is moving each job."""
        self._timer: Timer | None = None
        """Ends the result of the last step."""
        self.is_on = False

    def start(self) -> None:
        self.is_on = True
        self._show()

    def end(self) -> None:
        """End the tour. It does not start again in this run."""
        if self.is_on:
            self.is_on = False
            self._board.unpin(_OWNER)

    def do(self, step: TourStep) -> None:
        """Mark a step as done and show the next one."""
        if not self.is_on or step in self._done:
            return
        self._done.add(step)
        if self._timer is not None:
            self._timer.stop()
        if len(self._done) == len(TourStep):
            self.end()
            key = key_of(self._app, APP_BINDINGS, "app.help")
            self._board.show_message(f"Finished the tour. Press {key} for help. gjobs --tour repeats the tour.")
        else:
            self._show()
            self._timer = self._app.set_timer(_RESULT_SECONDS, self._board.clear_passing)

    def expect(self, action: JobAction, jobs: Iterable[GenerationJob]) -> None:
        """Remember what the user does to these jobs, until the list shows it."""
        if self.is_on and (target := STATUS_ACTIONS.get(action)) is not None:
            self._expected |= {job.id: target for job in jobs if job.status in target.sources}

    def observe(self, jobs: Iterable[GenerationJob]) -> None:
        """Mark the steps of the jobs that have reached their expected status."""
        if not self._expected:
            return
        for job in jobs:
            if self._expected.get(job.id) == job.status:
                self.do(_STEPS_OF[self._expected.pop(job.id)])

    def _show(self) -> None:
        place, step = next((place, one) for place, one in enumerate(TourStep, 1) if one not in self._done)
        end = key_of(self._app, DASHBOARD_BINDINGS, "list.clear")
        self._board.pin(f"Tour {place}/{len(TourStep)} · {self._sentence(step)} · {end} ends", owner=_OWNER)

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
