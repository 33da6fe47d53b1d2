"""The App wires: the connection's messages to the dashboard, the dashboard's wishes to the store."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import App
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.worker import Worker, WorkerState

from store.feed import utc_now
from store.settings import Settings
from tui import state
from tui.bound_actions import bound_actions
from tui.commands import DashboardCommands, ProjectCommands
from tui.connection import Connection, Opener
from tui.eyes import eyes_name
from tui.help_entries import help_entries
from tui.job_actions import Desk, JobActions
from tui.log_file import log_to_file
from tui.messages import Connected, Connecting, Looked, LookFailed
from tui.opening import demo_opener, session_opener
from tui.pickers import pick_eyes, pick_project
from tui.project_actions import create_project
from tui.screens.dashboard import DashboardScreen
from tui.screens.help import HelpDialog
from tui.widgets.status_line import Standing

if TYPE_CHECKING:
    from store.store import Store

DEFAULT_THEME = "textual-dark"


class GjobsApp(App[int]):
    TITLE = "gjobs"
    # Textual types these two as an instance's.
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (40, "-narrow"), (100, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (8, "-low"), (30, "-high")]  # noqa: RUF012
    COMMANDS = App.COMMANDS | {DashboardCommands, ProjectCommands}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("u", "pick_eyes", "user", id="app.user", tooltip="Look with a user's eyes, or the operator's"),
        Binding("r", "refresh", "Refresh", show=False, id="app.refresh", tooltip="Look again at once"),
        Binding("z", "pause", "Pause", show=False, id="app.pause", tooltip="Pause the looking, or go on"),
        Binding("plus,equals_sign", "faster", "Faster", show=False, id="app.faster", tooltip="Look more often"),
        Binding("minus", "slower", "Slower", show=False, id="app.slower", tooltip="Look less often"),
        Binding("question_mark", "help", "help", id="app.help", tooltip="Show all keys"),
        Binding("q,ctrl+q", "quit", "Quit", show=False, id="app.quit", tooltip="Leave gjobs"),
    ]

    def __init__(
        self,
        opener: Opener,
        *,
        state_path: Path | None,
        interval: float = 2.0,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        super().__init__()
        self._state_path = state_path
        self._state = state.load(state_path) if state_path else state.State()
        self.dashboard = DashboardScreen(clock=clock)
        self.connection = Connection(opener, tell=self._tell, interval=interval, clock=clock)
        self.settled = asyncio.Event()
        """Set when there is something to see: a first look, or a reason why there is none."""
        self._read_only = False
        if self._state.theme in self.available_themes:
            self.theme = self._state.theme or DEFAULT_THEME

    def _tell(self, message: Message) -> None:
        self.post_message(message)

    async def on_mount(self) -> None:
        await self.push_screen(self.dashboard)
        self.theme_changed_signal.subscribe(self, self._remember_theme)
        self._show_standing()
        self._connect()

    async def on_unmount(self) -> None:
        if self._state_path:
            state.save(self._state_path, self._state)
        await self.connection.close()

    # From the connection to the dashboard

    @work(group="connect")
    async def _connect(self) -> None:
        session = await self.connection.open()
        self.look_with(session.store)

    def look_with(self, store: "Store") -> None:
        """Changes the eyes: what the former ones saw leaves the screen first."""
        self.connection.store = store
        self.dashboard.forget()
        self.dashboard.look_at(project_id=self._state.project(self._place), status=None)
        self._show_standing()
        self.run_worker(
            self.connection.follow(store, self.dashboard.looked_for), group="feed", exclusive=True, name="feed"
        )

    @on(Connecting)
    def _connecting(self, message: Connecting) -> None:
        self.dashboard.show_progress(message.sentence)

    @on(Connected)
    def _connected(self, message: Connected) -> None:
        self._read_only = message.session.read_only
        self._show_standing()

    @on(Looked)
    def _looked(self, message: Looked) -> None:
        if message.store is not self.connection.store or message.overview.query != self.dashboard.looked_for:
            return
        known = {project.id for project in message.overview.projects}
        project_id = self.dashboard.looked_for.project_id
        newest = message.overview.projects[0].id if message.overview.projects else None
        if (project_id is not None and project_id not in known) or (
            not self._state.knows(self._place) and project_id is None and newest is not None
        ):
            self._state.remember_project(self._place, newest)
            self.dashboard.look_at(project_id=newest, status=self.dashboard.looked_for.status)
            self._ask()
            return
        self.dashboard.show(message.overview, message.fetched_at)
        self._show_standing()
        self.settled.set()

    @on(LookFailed)
    def _look_failed(self, message: LookFailed) -> None:
        if message.store is not None and message.store is not self.connection.store:
            return
        self.dashboard.show_failure(message)
        self._show_standing()
        self.settled.set()

    def _show_standing(self) -> None:
        session, store, feed = self.connection.session, self.connection.store, self.connection.feed
        self.dashboard.show_standing(
            Standing(
                database=session.label if session else "opening the database",
                eyes=eyes_name(store.actor) if store else "",
                read_only=self._read_only,
                paused=feed is not None and feed.paused,
                interval=self.connection.interval,
                failing=self.connection.failure is not None,
                connected=session is not None,
            )
        )

    # From the dashboard to the store

    @on(DashboardScreen.QueryChanged)
    def _ask(self) -> None:
        if self.connection.feed is not None:
            self.connection.feed.ask(self.dashboard.looked_for)

    @on(DashboardScreen.ProjectChosen)
    def _remember_project(self) -> None:
        self._state.remember_project(self._place, self.dashboard.looked_for.project_id)

    @on(DashboardScreen.ActionWanted)
    def _act(self, message: DashboardScreen.ActionWanted) -> None:
        desk = self.desk()
        if desk is None:
            return
        self.run_worker(
            JobActions(self, desk).act(message.action, message.jobs, self.dashboard.looked_for.project_id),
            group="actions",
            name=message.action,
        )

    @on(DashboardScreen.Wanted)
    def _want(self, message: DashboardScreen.Wanted) -> None:
        desk = self.desk()
        if desk is not None and self.connection.session is not None:
            if message.what == "project":
                self.run_worker(pick_project(self, desk.projects), group="actions")
            else:
                self.run_worker(create_project(self, desk, self.connection.session.operator), group="actions")

    def desk(self) -> Desk | None:
        """What an action works with; where there is nothing to work with, says why."""
        session, store, overview = self.connection.session, self.connection.store, self.dashboard.overview
        failure = self.connection.failure
        if failure is not None:
            self.notify(f"Not possible now: {failure.error.message}", severity="error", markup=False)
            return None
        if session is None or store is None or overview is None:
            self.notify("Not possible yet: the database is being opened.", severity="warning", markup=False)
            return None
        return Desk(store=store, database=session.label, projects=overview.projects, changed=self.connection.refresh)

    def action_pick_eyes(self) -> None:
        if self.desk() is not None and self.connection.session is not None:
            self.run_worker(pick_eyes(self, self.connection.session.operator), group="actions", exclusive=False)

    def action_refresh(self) -> None:
        self.connection.refresh()

    def action_pause(self) -> None:
        feed = self.connection.feed
        if feed is not None:
            feed.resume() if feed.paused else feed.pause()
            self._show_standing()

    def action_faster(self) -> None:
        self._step_interval(-1)

    def action_slower(self) -> None:
        self._step_interval(1)

    def _step_interval(self, steps: int) -> None:
        self.connection.step_interval(steps)
        self._show_standing()

    def action_help(self) -> None:
        if self.screen is self.dashboard:
            self.push_screen(HelpDialog(help_entries(bound_actions(self.screen))))

    @property
    def _place(self) -> str:
        """Where a project is remembered: the database and the eyes."""
        session, store = self.connection.session, self.connection.store
        return f"{session.label if session else ''} as {eyes_name(store.actor) if store else ''}"

    def export_screenshot(self, *, title: str | None = None, simplify: bool = False) -> str:  # noqa: ARG002
        """An SVG picture, of the palette's command too; it has no title."""
        from tui.picture import svg

        return svg(self)

    def _remember_theme(self, _theme: object) -> None:
        self._state.theme = self.theme

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A mistake of ours: it is logged in full by Textual's exit, which it causes."""
        if event.state is WorkerState.ERROR:
            self.log.error(event.worker.error)


def run_dashboard(settings: Settings, *, demo: bool = False) -> int:
    """Until the person leaves; returns the exit code. A demo remembers nothing."""
    log_to_file(settings.data_dir)
    app = GjobsApp(
        demo_opener() if demo else session_opener(settings),
        state_path=None if demo else settings.data_dir / "state.json",
    )
    app.run()
    return app.return_code or 0
