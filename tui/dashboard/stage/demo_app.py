"""The dashboard of a demo, with keys for its simulation."""

from dataclasses import replace
from typing import Any, ClassVar, Literal

from textual import work
from textual.binding import Binding, BindingType

from store.poller import DEFAULT_INTERVAL
from tui.dashboard.app import GjobsApp
from tui.dashboard.session_poller import Opener
from tui.dashboard.stage.presenter import Presenter
from tui.dashboard.widgets import show_toast
from tui.demo.demo_control import DemoControl
from tui.text.error_text import Toast

DemoAction = Literal["slower", "faster", "pause", "step", "restart"]

STARTED_OVER = "The demo started over. gjobs ignored the keys that you typed before."


DEMO_BINDINGS = [
    Binding("comma", "demo('pause')", "pause", id="demo.pause", tooltip="Pause or resume the simulated workers"),
    Binding("full_stop", "demo('step')", "step", id="demo.step", tooltip="Make one step of the paused simulation"),
    Binding("less_than_sign", "demo('slower')", "slower", id="demo.slower", tooltip="Simulate at a lower speed"),
    Binding("greater_than_sign", "demo('faster')", "faster", id="demo.faster", tooltip="Simulate at a higher speed"),
    Binding("ctrl+r", "demo('restart')", "start over", id="demo.restart", tooltip="Start over with new sample data"),
]


class DemoPresenter(Presenter):
    """The presenter view with the keys of the demo."""

    BINDINGS: ClassVar[list[BindingType]] = [replace(one, action=f"app.{one.action}") for one in DEMO_BINDINGS]


class DemoApp(GjobsApp):
    BINDINGS: ClassVar[list[BindingType]] = [*DEMO_BINDINGS]
    totals_share: ClassVar[int | None] = 20
    """The numbers follow the list closely. A demo's own database needs no protection."""

    def __init__(self, control: DemoControl, opener: Opener, **options: Any) -> None:
        """Each opening must make a new database."""
        super().__init__(opener, state_path=None, **options)
        self.control = control
        self._demo_opener = opener

    @property
    def demo_state(self) -> str:
        return self.control.state

    def make_presenter(self) -> Presenter:
        return DemoPresenter(self.dashboard)

    def action_demo(self, action: DemoAction) -> None:
        clock = self.control.clock
        match action:
            case "slower" | "faster":
                self.control.change_speed(1 if action == "faster" else -1)
            case "pause" if clock.is_paused:
                clock.resume()
            case "pause":
                clock.pause()
            case "step":
                self._step()
            case "restart":
                self._start_over()
        self.show_status()

    def _step(self) -> None:
        clock = self.control.clock
        if not clock.is_paused:
            clock.pause()
        elif not clock.step():
            show_toast(self, Toast(text="Nothing is simulated yet.", severity="warning"))

    @work(group="connect", exclusive=True)
    async def _start_over(self) -> None:
        """Open a new database. The former one is deleted."""
        self.control.start_over()
        self._keys.drop_until_seen(STARTED_OVER)
        await self._replace_database(self._demo_opener, DEFAULT_INTERVAL, choice=None)
        show_toast(self, Toast(text=f"Started over with new sample data, seed {self.control.seed}."))
