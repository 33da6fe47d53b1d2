"""The dashboard of a demo, with keys for its simulation, single steps, and scenarios."""

import asyncio
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any, ClassVar, Literal, assert_never

from textual import events, work
from textual.binding import BindingType
from textual.widgets import Input

from gjobs.store.errors import StoreError
from gjobs.store.job_list.list_query import NEWEST_FIRST
from gjobs.store.jobs.job import GenerationJob, JobStatus
from gjobs.store.poller import DEFAULT_INTERVAL
from gjobs.store.sample.simulation import SimulatedChange, SimulatedClock
from gjobs.store.store import Store
from gjobs.store.system.async_tools import is_cancelling
from gjobs.tui.dashboard.actions.action_context import try_move_to
from gjobs.tui.dashboard.actions.action_host import CONNECT
from gjobs.tui.dashboard.bindings import HINT, KEYS, NOTHING, DynamicKeyText, bind, key_of, presses
from gjobs.tui.dashboard.frame import scenario_player
from gjobs.tui.dashboard.frame.app import GjobsApp
from gjobs.tui.dashboard.frame.scenario_player import CONTINUE
from gjobs.tui.dashboard.presenter import Presenter
from gjobs.tui.dashboard.session.session_poller import Opener
from gjobs.tui.dashboard.widgets.message_board import drop_message, show_message, show_warning
from gjobs.tui.demo.demo_activity import DemoActivity, DemoControl
from gjobs.tui.text.clean_text import clean
from gjobs.tui.text.error_text import Message, error_message
from gjobs.tui.text.format import short_id

PAUSED = "Paused. The next press makes one step."
MOVED = "The step moved the cursor. gjobs ignored the keys that you typed before."
_NOTHING = Message(text="Nothing is simulated yet.", severity="warning")
_STUCK = Message(text="No job changed. The queue is full, and no worker runs a job.", severity="warning")
_MOST_WAITS, _STEP_SECONDS = 200, 3.0
"""Limits for one step: how many simulated waits it may end, and how many seconds it then waits for a change."""
_STATUS_AFTER = {"completed": JobStatus.SUCCEEDED, "failed": JobStatus.FAILED}


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


async def _place_of(job: GenerationJob, operator: Store) -> str:
    project = await operator.get_project(job.project_id)
    owner = (await operator.get_user_emails([job.user_id])).get(job.user_id)
    names = ((" in ", project.name if project else None), (" of ", owner))
    return "".join(f"{word}{clean(name, limit=60)}" for word, name in names if name)


DemoAction = Literal["slower", "faster", "pause", "step", "restart", "continue"]

STARTED_OVER = "The demo started over. gjobs ignored the keys that you typed before."

DEMO_BINDINGS = [
    bind("demo.pause", "comma", "pause", "Pause or resume the simulated workers", HINT, "demo('pause')"),
    bind("demo.step", "full_stop", "step", "Make one step of the paused simulation", HINT, "demo('step')"),
    bind("demo.slower", "less_than_sign", "slower", "Simulate at a lower speed", HINT, "demo('slower')"),
    bind("demo.faster", "greater_than_sign", "faster", "Simulate at a higher speed", HINT, "demo('faster')"),
    bind("demo.restart", "ctrl+r", "start over", "Start over with new sample data", HINT, "demo('restart')"),
]

PRESENT = [replace(KEYS["app.presenter"], description="stage", show=True)]
"""The key of the presenter view. Its hint is for the audience of a demo."""

FOLLOWED = "The cursor had moved to the newest job. gjobs ignored the keys that you typed for a job."


class DemoPresenter(Presenter, DynamicKeyText):
    """The presenter view with the keys of the demo."""

    BINDINGS: ClassVar[list[BindingType]] = [
        replace(one, action=f"app.{one.action}") for one in (*DEMO_BINDINGS, CONTINUE)
    ]


class DemoApp(GjobsApp, DynamicKeyText):
    BINDINGS: ClassVar[list[BindingType]] = [*DEMO_BINDINGS, CONTINUE, *PRESENT]
    follows_after: ClassVar[float] = 20.0
    """Seconds without input after which the cursor stays on the newest job."""
    totals_share: ClassVar[int | None] = 20
    """The numbers follow the list closely. A demo's own database needs no protection."""

    def __init__(self, control: DemoControl, opener: Opener, **options: Any) -> None:
        """Each opening must make a new database."""
        super().__init__(opener, state_path=None, **options)
        self.control = control
        self._demo_opener = opener
        self._player: scenario_player.ScenarioPlayer | None = None
        self._is_scripted = control.scenario is not None
        """Whether the space key is reserved for the scenario, even after the scenario's end: one space too many must
        not mark a job.
        """
        self._has_ended = False
        """Whether the scenario has been played to its end."""
        self._touched_at = time.monotonic()
        self._turn = asyncio.Lock()
        """Held by the current step. If the key is pressed during a step, the next step begins when this one has ended.
        """

    @property
    def demo_state(self) -> str:
        return self.control.state

    def on_ready(self) -> None:
        super().on_ready()
        self.dashboard.data_signal.subscribe(self.dashboard, lambda _: self._follow_newest())
        self._play()

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, (events.InputEvent, events.Paste)):
            self._touched_at = time.monotonic()
        is_due = self.key_queue.is_idle or self.key_queue.is_delivering(event)
        if is_due and isinstance(event, events.Key) and presses(self, CONTINUE, event.key) and self._takes_space:
            # This key works even right after a step moved the cursor, when other keys are ignored.
            self.action_demo("continue")
            return
        await super().on_event(event)

    def _follow_newest(self) -> None:
        """Move to the newest job, so that a demo left alone shows what happens. Keys for the former job are dropped."""
        table, view = self.dashboard.jobs.table, self.dashboard.jobs.table.view
        is_first = view.position is None or view.position.number == 1
        is_alone = time.monotonic() - self._touched_at >= self.follows_after and self._player is None
        if is_first or not is_alone or self.screen is not self.dashboard or table.marked or view.rows.has_before:
            return
        if self.dashboard.listed.order == NEWEST_FIRST:
            self.key_queue.drop_until_seen(FOLLOWED, drops=self.key_queue.rules.is_for_rows)
            table.action_first()

    def make_presenter(self) -> Presenter:
        presenter = DemoPresenter(self.dashboard)
        presenter.reworded = self.reworded
        return presenter

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if (action, parameters) == ("demo", ("continue",)):
            return self._takes_space and not self._has_ended
        return super().check_action(action, parameters)

    @property
    def _takes_space(self) -> bool:
        has_no_dialog = self.screen is self.dashboard or isinstance(self.screen, Presenter)
        return self._is_scripted and not isinstance(self.focused, Input) and has_no_dialog

    def action_demo(self, action: DemoAction) -> None:
        clock = self.control.clock
        match action:
            case "slower" | "faster":
                self.control.change_speed(1 if action == "faster" else -1)
            case "pause" if clock.is_paused:
                clock.set_paused(False)
                drop_message(self, PAUSED)
            case "pause":
                clock.set_paused(True)
            case "step" if clock.is_paused:
                self._make_step()
            case "step":
                clock.set_paused(True)
                show_message(self, PAUSED)
            case "restart":
                self._start_over()
            case "continue" if self._player is not None:
                self._continue(self._player)
            case "continue":
                self._report_end()
            case _:
                assert_never(action)
        self.show_status()
        self._reword_pause()

    def _continue(self, player: scenario_player.ScenarioPlayer) -> None:
        """Go on with the scenario. If that is not possible now, say why."""
        if not player.awaits_workers or player.can_hurry:
            player.go_on()
        elif self.control.clock.is_paused:
            pause = key_of(self, "demo.pause", DEMO_BINDINGS)
            show_message(self, Message(text=scenario_player.AWAITS_WORKERS, keys=f"{pause} resume"))
        else:
            show_message(self, f"{scenario_player.AWAITS_WORKERS} Time already runs fast.")

    def _reword_pause(self) -> None:
        self.reworded = {"demo.pause": "resume"} if self.control.clock.is_paused else NOTHING
        for screen in self.screen_stack:
            if isinstance(screen, DemoPresenter):
                screen.reworded = self.reworded
            screen.refresh_bindings()

    def _report_end(self) -> None:
        if self._has_ended and (scenario := self.control.scenario) is not None:
            text = f"The scenario has ended: {scenario.title}."
            show_message(self, Message(text=text, keys=f"{key_of(self, 'demo.restart', DEMO_BINDINGS)} play again"))

    @work(group="step")
    async def _make_step(self) -> None:
        """Make a step, unless the demo was resumed before it began."""
        async with self._turn:
            clock, activity = self.control.clock, self.control.activity
            if not clock.is_paused:
                return
            if activity is None:
                show_message(self, _NOTHING)
                return
            try:
                outcome = await _next_change(clock, activity)
                if isinstance(outcome, SimulatedChange):
                    await self._show_change(outcome, activity.operator)
                elif clock.is_paused:
                    show_message(self, outcome)
            except StoreError as error:
                if is_cancelling():
                    raise asyncio.CancelledError from None
                show_message(self, error_message(error))

    async def _show_change(self, change: SimulatedChange, operator: Store) -> None:
        """Move the cursor to the changed job if it is listed. Otherwise name its project and its owner."""
        job, status = change.jobs[0], _STATUS_AFTER.get(change.what)
        has_result = status is None or await scenario_player.is_saved(operator, job.id, status)
        self.poller.refresh()
        place = "" if await self._goes_to(job) else await _place_of(job, operator)
        others = f" and {len(change.jobs) - 1} more" if len(change.jobs) > 1 else ""
        text = f"Step: {change.what} {clean(job.mode, limit=40)} {short_id(job.id)}{others}{place}."
        if has_result:
            show_message(self, text)
        else:
            show_warning(self, f"{text} The result is not saved.")

    async def _goes_to(self, job: GenerationJob) -> bool:
        """Return whether the job is listed. Move the cursor to the job, unless jobs are marked or another screen is
        open.
        """
        if scenario_player.is_of_other_user(self, job):
            return False
        panel, table = self.dashboard.jobs, self.dashboard.jobs.table
        if self.screen is not self.dashboard or table.marked or (table.cursor_job and table.cursor_job.id == job.id):
            return panel.job(job.id) is not None
        with self.key_queue.dropping(MOVED, drops=self.key_queue.rules.is_for_rows):
            return await try_move_to(self, job)

    @work(group=CONNECT, exclusive=True)
    async def _start_over(self) -> None:
        """Open a new database. The former one is deleted."""
        for group in ("scenario", "step"):
            self.workers.cancel_group(self, group)
        is_presenting = any(isinstance(screen, Presenter) for screen in self.screen_stack)
        self.control.start_over()
        self._reword_pause()
        self.key_queue.drop_until_seen(STARTED_OVER)
        await self._replace_database(self._demo_opener, DEFAULT_INTERVAL, choice=None)
        if is_presenting:
            self.action_present()
        show_message(self, f"Started over with new sample data, seed {self.control.seed}.")
        self._play()

    @work(group="scenario", exclusive=True)
    async def _play(self) -> None:
        """Play the scenario, if there is one, once the first list is on screen."""
        scenario = self.control.scenario
        self._is_scripted, self._has_ended = scenario is not None, False
        await self.settled.wait()
        await scenario_player.wait_for_list(self)
        if scenario is None or (activity := self.control.activity) is None:
            self._is_scripted = False
            return
        self._player = scenario_player.ScenarioPlayer(self, scenario, activity)
        try:
            await self._player.play()
            self._has_ended = True
            self._report_end()
            self.screen.refresh_bindings()
        finally:
            self._player = None
