"""The dashboard of a demo, with keys for its simulation."""

import time
from dataclasses import replace
from typing import Any, ClassVar, Literal, assert_never

from textual import events, work
from textual.binding import Binding, BindingType
from textual.widgets import Input

from gjobs.store.job_list.list_query import NEWEST_FIRST
from gjobs.store.poller import DEFAULT_INTERVAL
from gjobs.tui.dashboard import worker_groups
from gjobs.tui.dashboard.app import GjobsApp
from gjobs.tui.dashboard.keys.bindings import APP_BINDINGS, NOTHING, DynamicKeyText, key_of, presses
from gjobs.tui.dashboard.message_board import drop_message, show_message
from gjobs.tui.dashboard.session_poller import Opener
from gjobs.tui.dashboard.stage.demo_steps import PAUSED, DemoSteps
from gjobs.tui.dashboard.stage.presenter import Presenter
from gjobs.tui.dashboard.stage.scenario_stage import AWAITS_WORKERS, ScenarioStage
from gjobs.tui.demo.demo_control import DemoControl
from gjobs.tui.demo.scenario_player import ScenarioPlayer
from gjobs.tui.text.error_text import Message

DemoAction = Literal["slower", "faster", "pause", "step", "restart", "continue"]

STARTED_OVER = "The demo started over. gjobs ignored the keys that you typed before."


DEMO_BINDINGS = [
    Binding("comma", "demo('pause')", "pause", id="demo.pause", tooltip="Pause or resume the simulated workers"),
    Binding("full_stop", "demo('step')", "step", id="demo.step", tooltip="Make one step of the paused simulation"),
    Binding("less_than_sign", "demo('slower')", "slower", id="demo.slower", tooltip="Simulate at a lower speed"),
    Binding("greater_than_sign", "demo('faster')", "faster", id="demo.faster", tooltip="Simulate at a higher speed"),
    Binding("ctrl+r", "demo('restart')", "start over", id="demo.restart", tooltip="Start over with new sample data"),
]


CONTINUE = Binding("space", "demo('continue')", "continue", id="demo.continue", tooltip="Go on with the scenario")
"""While a scenario plays, `on_event` takes the key from the job list, which marks jobs with it."""


PRESENT = [
    replace(one, description="stage", show=True)
    for one in APP_BINDINGS
    if isinstance(one, Binding) and one.id == "app.presenter"
]
"""The key of the presenter view. Its hint is for the audience of a demo."""

_PAUSED_KEYS = {"demo.pause": "resume"}

FOLLOWED = "The cursor had moved to the newest job. gjobs ignored the keys that you typed for a job."


class DemoPresenter(Presenter, DynamicKeyText):
    """The presenter view with the keys of the demo."""

    BINDINGS: ClassVar[list[BindingType]] = [
        replace(one, action=f"app.{one.action}") for one in (*DEMO_BINDINGS, CONTINUE)
    ]


_CONTINUES = ("demo", ("continue",))


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
        self._player: ScenarioPlayer | None = None
        self._is_scripted = control.scenario is not None
        """Whether the space key is reserved for the scenario, even after the scenario's end: one space too many must
        not mark a job.
        """
        self._has_ended = False
        """Whether the scenario has been played to its end."""
        self._touched_at = time.monotonic()
        self._steps = DemoSteps(self, control, self._keys)

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
        if isinstance(event, events.Key) and self._is_for_scenario(event):
            # This key works even right after a step moved the cursor, when other keys are ignored.
            self.action_demo("continue")
            return
        await super().on_event(event)

    def _is_for_scenario(self, event: events.Key) -> bool:
        is_due = self._keys.is_idle or self._keys.is_delivering(event)
        return is_due and presses(self, CONTINUE, event.key) and self._takes_space

    def _follow_newest(self) -> None:
        """Move to the newest job, so that a demo left alone shows what happens. Keys for the former job are dropped."""
        table, position = self.dashboard.jobs.table, self.dashboard.jobs.table.position
        is_first = position is None or position.number == 1
        is_alone = time.monotonic() - self._touched_at >= self.follows_after and self._player is None
        if is_first or not is_alone or self.screen is not self.dashboard or table.marked or not table.has_first_row:
            return
        if self.dashboard.listed.order == NEWEST_FIRST:
            self._keys.drop_until_seen(FOLLOWED, drops=self.key_rules.is_for_rows)
            table.action_first()

    def make_presenter(self) -> Presenter:
        presenter = DemoPresenter(self.dashboard)
        presenter.reworded = self.reworded
        return presenter

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if (action, parameters) == _CONTINUES:
            return self._takes_space and not self._has_ended
        return super().check_action(action, parameters)

    @property
    def _takes_space(self) -> bool:
        return self._is_scripted and not isinstance(self.focused, Input) and self._is_on_stage

    @property
    def _is_on_stage(self) -> bool:
        """Whether the dashboard or the presenter view is on top, and no dialog."""
        return self.screen is self.dashboard or isinstance(self.screen, Presenter)

    def action_demo(self, action: DemoAction) -> None:
        clock = self.control.clock
        match action:
            case "slower" | "faster":
                self.control.change_speed(1 if action == "faster" else -1)
            case "pause" if clock.is_paused:
                clock.resume()
                drop_message(self, PAUSED)
            case "pause":
                clock.pause()
            case "step":
                self._step()
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

    def _continue(self, player: ScenarioPlayer) -> None:
        """Go on with the scenario. If that is not possible now, say why."""
        if not player.awaits_workers or player.can_hurry:
            player.go_on()
        elif self.control.clock.is_paused:
            pause = key_of(self, DEMO_BINDINGS, "demo.pause")
            show_message(self, Message(text=AWAITS_WORKERS, keys=f"{pause} resume"))
        else:
            show_message(self, f"{AWAITS_WORKERS} Time already runs fast.")

    def _reword_pause(self) -> None:
        self.reworded = _PAUSED_KEYS if self.control.clock.is_paused else NOTHING
        for screen in self.screen_stack:
            if isinstance(screen, DemoPresenter):
                screen.reworded = self.reworded
            screen.refresh_bindings()

    def _report_end(self) -> None:
        if self._has_ended and (scenario := self.control.scenario) is not None:
            text = f"The scenario has ended: {scenario.title}."
            show_message(self, Message(text=text, keys=f"{key_of(self, DEMO_BINDINGS, 'demo.restart')} play again"))

    def _step(self) -> None:
        clock = self.control.clock
        if not clock.is_paused:
            clock.pause()
            show_message(self, PAUSED)
        else:
            self._make_step()

    @work(group="step")
    async def _make_step(self) -> None:
        await self._steps.make_step()

    @work(group=worker_groups.CONNECT, exclusive=True)
    async def _start_over(self) -> None:
        """Open a new database. The former one is deleted."""
        for group in ("scenario", "step"):
            self.workers.cancel_group(self, group)
        is_presenting = any(isinstance(screen, Presenter) for screen in self.screen_stack)
        self.control.start_over()
        self._reword_pause()
        self._keys.drop_until_seen(STARTED_OVER)
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
        stage = ScenarioStage(self, self._keys)
        await stage.wait_for_list()
        if scenario is None or (activity := self.control.activity) is None:
            self._is_scripted = False
            return
        self._player = ScenarioPlayer(scenario, activity, stage)
        try:
            await self._player.play()
            stage.close()
            self._has_ended = True
            self._report_end()
            self.screen.refresh_bindings()
        finally:
            self._player = None
            stage.close()
