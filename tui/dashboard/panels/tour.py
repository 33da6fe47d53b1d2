"""The steps of the tour, and which of them are done."""

from dataclasses import replace
from enum import StrEnum, auto
from functools import partial
from typing import Any

from gjobs.store.jobs.job import JobStatus
from gjobs.tui.dashboard.bindings import key_of
from gjobs.tui.dashboard.panels.costs_panel import CostsPanel
from gjobs.tui.dashboard.session.setup import RememberedState, TourStart
from gjobs.tui.dashboard.widgets.message_board import MessageApp, show_message

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

    def __init__(self, app: MessageApp[Any], memory: RememberedState, start: TourStart) -> None:
        self._app = app
        self._memory = memory
        is_unseen = start is TourStart.ONCE and not memory.state.has_seen_tour
        self._is_due = is_unseen or start is TourStart.ALWAYS
        self._may_write = self._has_projects = True
        self._done: set[TourStep] = set()
        self._pinned = ""
        self.is_on = False

    def follow_list(self, *, may_write: bool, has_projects: bool) -> None:
        """Update the tour after a list is shown. The first list of the first opened database starts the tour, if it
        is due."""
        if self._is_due:
            self._is_due, self.is_on = False, True
        self._may_write, self._has_projects = may_write, has_projects
        if not has_projects:
            self._done.discard(TourStep.PROJECT)
        self.follow()

    def follow(self) -> None:
        """Show the present step again, because the screen or what is possible may have changed."""
        if not self.is_on:
            return
        if self._done.issuperset(self._steps):
            self._end()
            key = key_of(self._app, "app.help")
            show_message(self._app, f"Finished the tour. Press {key} for help. gjobs --tour repeats the tour.")
            return
        place, step = next((place, one) for place, one in enumerate(self._steps, 1) if one not in self._done)
        end = key_of(self._app, "list.clear")
        text = f"Tour {place}/{len(self._steps)} · {self._sentence(step)} · {end} ends"
        if text != self._pinned:
            self._pinned = text
            self._app.messages.pin(text, owner=_OWNER)

    @property
    def _steps(self) -> list[TourStep]:
        """The steps that are possible. Only users with write access can create the project that the first step
        needs."""
        left_out = set[TourStep]()
        if not self._may_write:
            left_out = set(_WRITING) if self._has_projects else {*_WRITING, TourStep.PROJECT}
        return [step for step in TourStep if step not in left_out]

    def leave(self) -> None:
        """End the tour because the user wants no more of it. A message says how to start it again."""
        if self.is_on:
            self._end()
            show_message(self._app, "Ended the tour. gjobs --tour repeats the tour.")

    def _end(self) -> None:
        """End the tour permanently. Only `gjobs --tour` starts it again."""
        self._memory.remember(lambda latest: replace(latest, has_seen_tour=True))
        self.cancel()

    def cancel(self) -> None:
        """End the tour, or the wait for its start, in this run."""
        self._is_due = False
        if self.is_on:
            self.is_on = False
            self._app.messages.unpin(_OWNER)

    def do(self, step: TourStep) -> None:
        """Mark a step as done and show the next one."""
        if self.is_on and step not in self._done:
            self._done.add(step)
            self.follow()

    def moved_jobs_to(self, status: JobStatus) -> None:
        """Mark the step that is done when the user has moved a job to this status."""
        self.do(TourStep.START if status is JobStatus.RUNNING else TourStep.FINISH)

    def _sentence(self, step: TourStep) -> str:
        """Return what to do, with the keys as remapped. It fits into a screen of 80 columns."""
        key = partial(key_of, self._app)
        match step:
            case TourStep.PROJECT if not self._has_projects:
                return f"Press {key('project.new')} to create a project"
            case TourStep.PROJECT:
                return f"Press {key('project.pick')}, type part of a project's name and press enter"
            case TourStep.NEW_JOB:
                return f"Press {key('job.new')} and then enter to queue a new job"
            case TourStep.START:
                return f"Press {key('job.start')} to start the job under the cursor"
            case TourStep.FINISH:
                return f"Press {key('job.complete')} to complete it, or {key('job.fail')} to fail it"
            case TourStep.COSTS if not any(panel.display for panel in self._app.screen_stack[0].query(CostsPanel)):
                return f"Press {key('project.budgets')} to see the budgets, which limit costs"
            case TourStep.COSTS:
                return f"See the costs above, and press {key('project.budgets')} for budgets"
            case TourStep.ISOLATION:
                return f"Press {key('app.isolation')} to check who can reach whose rows"
