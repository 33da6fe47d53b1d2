"""Steps of a paused demo. Each step ends when a job changes, and shows that job."""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from gjobs.store.async_tools import is_cancelling
from gjobs.store.errors import StoreError
from gjobs.store.jobs.job import GenerationJob, JobStatus
from gjobs.store.sample.simulated_clock import SimulatedClock
from gjobs.store.sample.simulation import SimulatedChange
from gjobs.store.store import Store
from gjobs.store.users.actor import ActingUser
from gjobs.tui.dashboard.message_board import show_message, show_warning
from gjobs.tui.demo.demo_activity import DemoActivity
from gjobs.tui.text.clean_text import clean
from gjobs.tui.text.error_text import Message, error_message
from gjobs.tui.text.format import short_id

if TYPE_CHECKING:
    from gjobs.tui.dashboard.app import GjobsApp
    from gjobs.tui.dashboard.keys.key_queue import KeyQueue
    from gjobs.tui.demo.demo_control import DemoControl

PAUSED = "Paused. The next press makes one step."
MOVED = "The step moved the cursor. gjobs ignored the keys that you typed before."
_NOTHING = Message(text="Nothing is simulated yet.", severity="warning")
_STUCK = Message(text="No job changed. The queue is full, and no worker runs a job.", severity="warning")
_MOST_WAITS, _STEP_SECONDS = 200, 3.0
"""Limits for one step: how many simulated waits it may end, and how many seconds it then waits for a change."""
_SAVE_SECONDS, _POLL_SECONDS = 3.0, 0.02
"""The most seconds that a step waits until the database has the change, and seconds between two checks."""
_STATUS_AFTER = {"completed": JobStatus.SUCCEEDED, "failed": JobStatus.FAILED}


class DemoSteps:
    """Makes one step after another. If the key is pressed during a step, the next step begins when this one has
    ended.
    """

    def __init__(self, app: "GjobsApp", control: "DemoControl", keys: "KeyQueue") -> None:
        self._app = app
        self._control = control
        self._keys = keys
        self._turn = asyncio.Lock()

    async def make_step(self) -> None:
        """Make a step, unless the demo was resumed before it began."""
        async with self._turn:
            clock, activity = self._control.clock, self._control.activity
            if not clock.is_paused:
                return
            if activity is None:
                show_message(self._app, _NOTHING)
                return
            try:
                outcome = await _next_change(clock, activity)
                if isinstance(outcome, SimulatedChange):
                    await self._show(outcome, activity.operator)
                elif clock.is_paused:
                    show_message(self._app, outcome)
            except StoreError as error:
                if is_cancelling():
                    raise asyncio.CancelledError from None
                show_message(self._app, error_message(error))

    async def _show(self, change: SimulatedChange, operator: Store) -> None:
        """Move the cursor to the changed job if it is listed. Otherwise name its project and its owner."""
        job = change.jobs[0]
        is_saved = await _is_saved(change, operator)
        self._app.poller.refresh()
        place = "" if await self._goes_to(job) else await _place_of(job, operator)
        text = f"{change_words(change)}{place}."
        if is_saved:
            show_message(self._app, text)
        else:
            show_warning(self._app, f"{text} The result is not saved.")

    async def _goes_to(self, job: GenerationJob) -> bool:
        """Return whether the job is listed. Move the cursor to the job, unless jobs are marked or another screen is
        open.
        """
        app, panel = self._app, self._app.dashboard.jobs
        actor = app.poller.store.actor if app.poller.store is not None else None
        if isinstance(actor, ActingUser) and actor.id != job.user_id:
            return False
        table = panel.table
        if app.screen is not app.dashboard or table.marked or (table.cursor_job and table.cursor_job.id == job.id):
            return panel.job(job.id) is not None
        with self._keys.dropping(MOVED, drops=app.key_rules.is_for_rows):
            return await app.moves_to(job)


async def _next_change(clock: SimulatedClock, activity: DemoActivity) -> SimulatedChange | Message:
    """Let a worker claim a job, or else let time pass until a job changes. Most simulated waits end without a change
    of a job.
    """
    if job := await activity.claim_one():
        return SimulatedChange(what="started", jobs=[job])
    changes = asyncio.Queue[SimulatedChange]()
    former, activity.simulation.report = activity.simulation.report, changes.put_nowait
    try:
        for _ in range(_MOST_WAITS):
            if not clock.step():
                return _NOTHING
            change = None
            with suppress(TimeoutError):
                change = await asyncio.wait_for(changes.get(), _STEP_SECONDS)
            if change is None:
                return Message(text="Made one step.")
            if change.jobs:
                return change
    finally:
        activity.simulation.report = former
    return _STUCK


async def _is_saved(change: SimulatedChange, operator: Store) -> bool:
    """Wait until the database has the new status. A worker saves it after its handler has ended.

    Return False if the job is deleted, or if the status is not there in time.
    """
    status, job_id = _STATUS_AFTER.get(change.what), change.jobs[0].id
    if status is None:
        return True
    deadline = asyncio.get_running_loop().time() + _SAVE_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        saved = (await operator.get_job_statuses([job_id])).get(job_id)
        if saved in (status, None):
            return saved == status
        await asyncio.sleep(_POLL_SECONDS)
    return False


def change_words(change: SimulatedChange) -> str:
    job, more = change.jobs[0], len(change.jobs) - 1
    others = f" and {more} more" if more else ""
    return f"Step: {change.what} {clean(job.mode, limit=40)} {short_id(job.id)}{others}"


async def _place_of(job: GenerationJob, operator: Store) -> str:
    project = await operator.get_project(job.project_id)
    owner = (await operator.get_user_emails([job.user_id])).get(job.user_id)
    names = ((" in ", project.name if project else None), (" of ", owner))
    return "".join(f"{word}{clean(name, limit=60)}" for word, name in names if name)
