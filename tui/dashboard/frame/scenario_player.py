"""Plays a scenario: its steps change the database and the dashboard in their order."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from random import Random
from typing import Any, assert_never
from uuid import UUID

from textual import events
from textual.widgets import Input

from gjobs.store.configuration.settings import OPERATOR_NAME
from gjobs.store.errors import RowMissing, StoreError
from gjobs.store.job_list.list_query import ListQuery
from gjobs.store.jobs.job import USUAL_MODES, GenerationJob, JobStatus, Project
from gjobs.store.jobs.job_results import Applied
from gjobs.store.sample.simulation import plan_job
from gjobs.store.store import Store
from gjobs.store.system.async_tools import is_cancelling
from gjobs.store.users.actor import ActingUser
from gjobs.tui.dashboard.actions.action_context import go_to_job
from gjobs.tui.dashboard.actions.action_host import ActionHost
from gjobs.tui.dashboard.actions.key_queue import every_key
from gjobs.tui.dashboard.bindings import HINT, bind, key_of, presses
from gjobs.tui.dashboard.panels.dashboard_state import ProjectChosen
from gjobs.tui.dashboard.presenter import Presenter
from gjobs.tui.dashboard.widgets.message_board import drop_message, show_warning
from gjobs.tui.demo import scenario_steps
from gjobs.tui.demo.demo_activity import DemoActivity
from gjobs.tui.text.format import job_name

CONTINUE = bind("demo.continue", "space", "continue", "Go on with the scenario", HINT, "demo('continue')")
"""While a scenario plays, the demo's app takes the key from the job list, which marks jobs with it."""

_OWNER = "scenario"
_MOVED = "The scenario moved the cursor. gjobs ignored the keys that you typed before."
_OTHER_USER = "The scenario changed the user. gjobs ignored the keys that you typed before."
_POINTS_AT = "The scenario points at {}."
AWAITS_WORKERS = "The scenario waits for the workers."
_TIMEOUT_SECONDS, _LIST_POLL_SECONDS = 5.0, 0.02

_STATUS_AFTER = {"start": JobStatus.RUNNING, "complete": JobStatus.SUCCEEDED, "fail": JobStatus.FAILED}

_WAITING = "Waiting …"
"""The text during a wait before the first caption."""
_FAST = 10.0
_POLL_SECONDS = 0.1
_SAVE_SECONDS = 3.0
"""The most seconds to wait until the database has a change."""
_CLAIMED = scenario_steps.Burst(count=4, mode=None, project=scenario_steps.USUAL_PROJECT)
"""Jobs for a worker that is about to die. There are enough for two slots of two workers."""
_LONGEST_CLAIM, _CLAIM_POLL_SECONDS = 120.0, 0.02
"""The maximum simulated seconds for a worker to claim a job, and real seconds between two checks."""


class ScenarioPlayer:
    def __init__(self, app: ActionHost, scenario: scenario_steps.Scenario, activity: DemoActivity) -> None:
        self._app = app
        self._scenario = scenario
        self._activity = activity
        self._caption = ""
        self._jobs: dict[str, GenerationJob] = {}
        self._random = Random(f"{activity.simulation.seed} scenario")  # noqa: S311
        self._continues = asyncio.Event()
        self._project_name = scenario_steps.USUAL_PROJECT
        """The project of the last step that queued jobs."""
        self.awaits_workers = False
        """Whether it waits for something that only the workers can do."""
        self._own: set[UUID] = set()
        """Jobs that the scenario has queued."""
        self._ignored: dict[scenario_steps.Awaited, int] = {"failure": 0, "takeover": 0}
        """The number of these events before the last outage or crash."""

    def go_on(self) -> None:
        """End the present wait."""
        self._continues.set()

    async def play(self) -> None:
        """Play all steps. A step that cannot be done is reported, and the next one follows."""
        try:
            for step in self._scenario.steps:
                try:
                    await self._do(step)
                except StoreError as error:
                    if is_cancelling():
                        # A task that is stopped during a commit gets OutcomeUnknown, not CancelledError.
                        raise asyncio.CancelledError from None
                    show_warning(self._app, f"The scenario skipped a step. {error.message}")
        finally:
            self._app.messages.unpin(_OWNER)

    async def _do(self, step: scenario_steps.Step) -> None:
        match step:
            case scenario_steps.Say(text=text, seconds=seconds):
                self._caption = text
                await self._wait(seconds, continues="next" if seconds is None else "")
            case scenario_steps.WaitFor():
                await self._wait_for(step)
            case scenario_steps.Wait(seconds=seconds):
                await self._wait(seconds, continues="skip the wait")
            case scenario_steps.ActAs(who=who):
                await self._act_as(who)
            case scenario_steps.PointAt(name=name):
                await self._point_at(self._job(name))
            case scenario_steps.Outage(mode=mode, seconds=seconds):
                self._ignored["failure"] = len(self._activity.simulation.failed)
                self._activity.simulation.fail_mode(mode, seconds=seconds)
            case scenario_steps.KillWorker(name=name):
                await self._give_job(name)
                self._ignored["takeover"] = len(self._activity.simulation.taken_over)
                await self._activity.kill_worker(name)
            case scenario_steps.Create() | scenario_steps.Change() | scenario_steps.Burst():
                await self._write(step)
                self._app.poller.refresh()
            case _:
                assert_never(step)

    async def _give_job(self, worker: str) -> None:
        """Wait until the worker runs a job of the scenario. Queue more jobs whenever all jobs of the scenario have
        begun. Without such a job, nothing would follow the worker's death.
        """
        simulation = self._activity.simulation

        async def is_given() -> bool:
            if any(simulation.running.get(job) == worker for job in self._own):
                return True
            if self._own <= simulation.begun:
                await self._queue(_CLAIMED, await self._project(self._project_name))
                self._app.poller.refresh()
            return False

        if worker in self._activity.workers:
            await self._wait_for_workers(is_given, seconds=_LONGEST_CLAIM, every=_CLAIM_POLL_SECONDS)

    def _show_key(self, continues: str) -> None:
        self._show_caption(self._caption or _WAITING, continues=continues)

    async def _wait(self, seconds: float | None, *, continues: str) -> None:
        """Wait for simulated seconds. With None, wait until the user continues. The user can end each wait."""
        self._show_key(continues)
        self._continues.clear()
        waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(self._continues.wait())]
        if seconds is not None:
            clock = self._activity.simulation.clock
            waits.append(asyncio.ensure_future(clock.sleep(seconds, is_step=True)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()
            self._show_caption(self._caption)

    async def _wait_for(self, step: scenario_steps.WaitFor) -> None:
        """Wait until this happens to a job of the scenario, and point at the job."""

        async def has_happened() -> bool:
            return self._event_job(step.what) is not None

        await self._wait_for_workers(has_happened, seconds=step.seconds)
        if job := self._event_job(step.what):
            if step.what == "failure":
                await is_saved(self._activity.operator, job.id, JobStatus.FAILED)
            await self._point_at(job)

    async def _wait_for_workers(
        self, is_done: Callable[[], Awaitable[bool]], *, seconds: float, every: float = _POLL_SECONDS
    ) -> None:
        """Wait at most these simulated seconds. The person can only let time run faster. Afterwards the clock has its
        former speed.
        """
        clock = self._activity.simulation.clock
        deadline, speed, is_fast = clock.now + seconds, clock.speed, False
        shown: bool | None = None
        self._continues.clear()
        self.awaits_workers = True
        try:
            while not await is_done() and clock.now < deadline:
                if self._continues.is_set() and not is_fast:
                    is_fast = True
                    clock.set_speed(max(speed, _FAST))
                if shown != self.can_hurry:
                    shown = self.can_hurry
                    self._show_key("faster" if shown else "")
                await asyncio.sleep(every)
        finally:
            self.awaits_workers = False
            if is_fast:
                clock.set_speed(speed)
            self._show_caption(self._caption)

    @property
    def can_hurry(self) -> bool:
        """Whether simulated time passes and can run faster."""
        clock = self._activity.simulation.clock
        return not clock.is_paused and clock.speed < _FAST

    def _event_job(self, what: scenario_steps.Awaited) -> GenerationJob | None:
        """Return the first job of the scenario to which this happened since the outage or crash."""
        simulation = self._activity.simulation
        jobs = simulation.failed if what == "failure" else simulation.taken_over
        return next((job for job in jobs[self._ignored[what] :] if job.id in self._own), None)

    async def _write(self, step: scenario_steps.Create | scenario_steps.Change | scenario_steps.Burst) -> None:
        operator = self._activity.operator
        match step:
            case scenario_steps.Create(name=name, mode=mode, cost_cents=cost_cents):
                project = await self._project(step.project)
                self._jobs[name] = await operator.create_generation_job(
                    project_id=project.id, mode=mode, cost_cents=cost_cents
                )
                self._own.add(self._jobs[name].id)
            case scenario_steps.Change(name=name, to=to, error=error):
                job = self._job(name)
                outcome = await operator.transition_job_status(job.id, _STATUS_AFTER[to], error=error)
                if not isinstance(outcome, Applied):
                    raise RowMissing(f"The job {name!r} can no longer {to}.")
                self._jobs[name] = outcome.job
            case scenario_steps.Burst():
                newest = await self._queue(step, await self._project(step.project))
                listed = self._app.dashboard.listed.project_id
                # The list may be of another project or user.
                if newest and not is_of_other_user(self._app, newest) and listed in (None, newest.project_id):
                    await self._point_at(newest)

    async def _queue(self, step: scenario_steps.Burst, project: Project) -> GenerationJob | None:
        """Queue the jobs, and return the newest. After a refusal, report how many were queued, and queue no more."""
        newest: GenerationJob | None = None
        for done in range(step.count):
            plan = plan_job(self._random, step.mode or self._random.choice(USUAL_MODES))
            try:
                queued = await self._activity.simulation.queue_job(self._activity.operator, project, plan)
            except StoreError as error:
                if not done or is_cancelling():
                    raise
                show_warning(self._app, f"The burst queued {done} of {step.count} jobs. {error.message}")
                break
            if queued:
                self._own.add(queued.id)
                newest = queued
        return newest

    def _job(self, name: str) -> GenerationJob:
        if name not in self._jobs:
            raise RowMissing(f"The job {name!r} was not created.")
        return self._jobs[name]

    async def _project(self, name: str) -> Project:
        self._project_name = name
        projects = await self._activity.operator.get_projects()
        if found := next((project for project in projects if project.name == name), None):
            return found
        raise RowMissing(f"The project {name!r} does not exist.")

    # Changes of the dashboard

    def _show_caption(self, text: str, *, continues: str = "") -> None:
        """Show a caption until the next one. An empty one removes it. `continues` says what the continue key does
        now. It is empty if the caption names no key.
        """
        drop_message(self._app, AWAITS_WORKERS)  # It would hide the caption.
        if not text:
            self._app.messages.unpin(_OWNER)
            return
        space = key_of(self._app, CONTINUE.id, [CONTINUE])
        keys = f"{space}: {continues}" if continues else ""
        self._app.messages.pin(text, owner=_OWNER, keys=keys, has_keys_in_presenter=True)

    async def _act_as(self, who: str) -> None:
        """Act as another user. Dialogs of the former user close, and their running writes open no others."""
        session = self._app.poller.session
        if session is None:
            return
        operator = session.operator
        store = operator if who == OPERATOR_NAME else operator.acting_as(await operator.find_actor(who))
        self._app.tasks.stop_opening(above=Presenter)
        with self._app.key_queue.dropping(_OTHER_USER, drops=self._is_for_rows):
            self._app.act_as(store)
            if who == OPERATOR_NAME:
                # For the operator, list all projects instead of only the first one.
                dashboard = self._app.dashboard
                dashboard.ask(replace(dashboard.listed, project_id=None))
                dashboard.post_message(ProjectChosen())
            await wait_for_list(self._app)

    async def _point_at(self, job: GenerationJob) -> None:
        """Move the cursor to the job, in the list of its project or of all projects."""
        dashboard = self._app.dashboard
        if is_of_other_user(self._app, job):
            user = key_of(self._app, "app.user")
            show_warning(
                self._app, f"{_POINTS_AT.format(job_name(job))} It belongs to another user. Press {user} to switch."
            )
            return
        shown = dashboard.listed.project_id
        wanted = ListQuery(project_id=job.project_id if shown is not None else None)
        # Keys typed for the filter would act on the list once the filter is gone.
        is_typing = self._app.screen is dashboard and isinstance(dashboard.focused, Input)
        with self._app.key_queue.dropping(_MOVED, drops=every_key if is_typing else self._is_for_rows):
            if dashboard.jobs.bar.display:
                dashboard.jobs.leave_find()
            if dashboard.listed != wanted:
                dashboard.ask(wanted)
            self._app.poller.refresh()
            await wait_for_list(self._app)
            if problem := await go_to_job(self._app, job):
                show_warning(self._app, f"{_POINTS_AT.format(job_name(job))} {problem}")

    def _is_for_rows(self, event: events.Event) -> bool:
        """Return whether the key acts on rows. The key that continues the scenario does not count as one."""
        continues = isinstance(event, events.Key) and presses(self._app, CONTINUE, event.key)
        return not continues and self._app.key_queue.rules.is_for_rows(event)


def is_of_other_user(app: ActionHost, job: GenerationJob) -> bool:
    """Return whether the acting user does not see the job, because it belongs to another user."""
    store = app.poller.store
    return store is not None and isinstance(store.actor, ActingUser) and store.actor.id != job.user_id


async def is_saved(operator: Store, job_id: UUID, status: JobStatus) -> bool:
    """Wait until the database has the new status. A worker saves it after its handler has ended.

    Return False if the job is deleted, or if the status is not there in time.
    """
    deadline = asyncio.get_running_loop().time() + _SAVE_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        saved = (await operator.get_job_statuses([job_id])).get(job_id)
        if saved in (status, None):
            return saved == status
        await asyncio.sleep(_LIST_POLL_SECONDS)
    return False


async def wait_for_list(app: ActionHost) -> None:
    """Wait until the requested list is shown, at most for some seconds."""
    deadline = asyncio.get_running_loop().time() + _TIMEOUT_SECONDS
    dashboard = app.dashboard
    while asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(_LIST_POLL_SECONDS)
        if dashboard.listing is not None and not dashboard.awaits_list:
            return
