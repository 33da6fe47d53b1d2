"""The dashboard: projects, costs and jobs of one look, and the keys that act on them."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import ClassVar, Literal
from uuid import UUID

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static

from store.model import GenerationJob, JobStatus, Overview, OverviewQuery
from tui.copying import copy_ids, copy_json
from tui.format import short_id
from tui.job_action import JobAction
from tui.messages import LookFailed
from tui.outcomes import Toast, cursor_lost_toast, marks_lost_toast
from tui.say import say
from tui.screens.dashboard_bindings import DASHBOARD_BINDINGS
from tui.screens.details import JobDetails
from tui.widgets.banner import Banner
from tui.widgets.costs_panel import CostsPanel
from tui.widgets.job_table_messages import Opened
from tui.widgets.jobs_panel import JobsPanel
from tui.widgets.key_hints import KeyHints
from tui.widgets.project_list import ProjectList
from tui.widgets.status_line import Standing, StatusLine
from tui.widgets.status_tabs import TABS, StatusTabs

_PATIENCE_SECONDS = 0.3
"""After so long it is said that an answer is waited for."""

Wish = Literal["project", "new_project"]


class DashboardScreen(Screen[None]):
    """Shows what it is told, and says by messages what the person wants."""

    DEFAULT_CSS = """
    DashboardScreen {
        layers: base notice;
        overflow: hidden;

        #main { height: 1fr; }
        #right { width: 1fr; }
        ProjectList { display: none; }
        &.-wide ProjectList { display: block; }
        #too-small { display: none; }
        &.-tiny #too-small, &.-flat #too-small {
            display: block;
            layer: notice;
            width: 100%;
            height: 100%;
            content-align: center middle;
            text-align: center;
            background: $background;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = DASHBOARD_BINDINGS

    class QueryChanged(Message):
        """Another project or status is wanted: `looked_for` says which."""

    class ProjectChosen(Message):
        """The person chose a project, which is worth remembering."""

    class Wanted(Message):
        """Something that needs the database."""

        def __init__(self, wish: Wish) -> None:
            super().__init__()
            self.wish = wish

    class ActionWanted(Message):
        """`start`, `complete`, `fail`, `delete` for the jobs as they were seen; `create` for none."""

        def __init__(self, action: JobAction, jobs: tuple[GenerationJob, ...]) -> None:
            super().__init__()
            self.action = action
            self.jobs = jobs

    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        super().__init__(id="dashboard")
        self._clock = clock
        self._server_ahead = timedelta(0)
        self._overview: Overview | None = None
        self._fetched_at: datetime | None = None
        self._failure: LookFailed | None = None
        self._standing: Standing | None = None
        self.looked_for = OverviewQuery()
        """What is looked at."""

    def compose(self) -> ComposeResult:
        yield StatusLine(id="status")
        yield Banner(id="banner")
        with Horizontal(id="main"):
            yield ProjectList(id="projects")
            with Vertical(id="right"):
                yield CostsPanel(id="costs")
                yield JobsPanel(id="jobs-panel")
        yield KeyHints(id="keys")
        yield Static("The terminal is too small: gjobs needs 40 × 8.", id="too-small", markup=False)

    def on_mount(self) -> None:
        self.jobs.table.focus()
        self.set_interval(1.0, self._tick)

    def on_resize(self) -> None:
        self.query_one(CostsPanel).fit(self.size.height)

    @property
    def jobs(self) -> JobsPanel:
        return self.query_one(JobsPanel)

    @property
    def overview(self) -> Overview | None:
        """What was last seen with the present eyes."""
        return self._overview

    @property
    def now(self) -> datetime:
        """The server's time, as far as the last look tells."""
        return self._clock() + self._server_ahead

    # What it is told

    def show(self, overview: Overview, fetched_at: datetime) -> None:
        """Takes a look at what `looked_for` asks for."""
        self._overview, self._fetched_at, self._failure = overview, fetched_at, None
        self._server_ahead = overview.taken_at - fetched_at
        self.jobs.show(overview, now=self.now)
        self.query_one(ProjectList).show(overview.projects, overview.query.project_id)
        self.query_one(CostsPanel).show(overview.statistics, overview.days, of_what=self._shown_project())
        self._tell_times()

    def show_failure(self, failure: LookFailed) -> None:
        self._failure = failure
        if self._overview is None:
            self.jobs.forget("Nothing has been read yet.")
        self._tell_times()

    def show_standing(self, standing: Standing) -> None:
        self._standing = standing
        self._tell_times()

    def show_progress(self, sentence: str) -> None:
        """What is being done while there is nothing else to show."""
        if self._overview is None:
            self.jobs.forget(sentence)

    def forget(self) -> None:
        """Nothing that other eyes saw stays on screen."""
        self._overview, self._fetched_at, self._failure = None, None, None
        self.query_one(ProjectList).forget()
        self.query_one(CostsPanel).forget()
        self.jobs.forget("Looking …")
        self._tell_times()

    def start_anew(self) -> None:
        """Another database: what was looked for in the former one means nothing here."""
        self.look_at(project_id=None, status=None)
        self.jobs.leave_find()
        self.forget()

    def look_at(self, *, project_id: UUID | None, status: JobStatus | None) -> None:
        """Changes what is looked at, without a message."""
        self.looked_for = OverviewQuery(project_id=project_id, status=status)
        self.jobs.choose_status(status)

    def expect_to_leave(self, job_ids: Iterable[UUID]) -> None:
        """Jobs that were just written: that they leave the list is no news."""
        self.jobs.expect_to_leave(job_ids)

    # What the person wants

    def choose_project(self, project_id: UUID | None) -> None:
        self._ask(project_id, self.looked_for.status)
        self.post_message(self.ProjectChosen())
        self.jobs.table.focus()

    @on(ProjectList.Chosen)
    def _project_chosen(self, event: ProjectList.Chosen) -> None:
        self.choose_project(event.project_id)

    @on(StatusTabs.Chosen)
    def _tab_chosen(self, event: StatusTabs.Chosen) -> None:
        self._ask(self.looked_for.project_id, event.status)

    def action_status(self, place: int) -> None:
        self._ask(self.looked_for.project_id, TABS[place])

    def _ask(self, project_id: UUID | None, status: JobStatus | None) -> None:
        self.look_at(project_id=project_id, status=status)
        self.post_message(self.QueryChanged())
        self.set_timer(_PATIENCE_SECONDS, self._say_waiting)

    def _say_waiting(self) -> None:
        if self._overview is not None and self._overview.query != self.looked_for:
            self.jobs.wait()

    def action_want(self, wish: Wish) -> None:
        self.post_message(self.Wanted(wish))

    def action_act(self, action: JobAction) -> None:
        if action == "create":
            self.post_message(self.ActionWanted(action, ()))
        elif jobs := self._selected():
            self.post_message(self.ActionWanted(action, jobs))

    def action_copy_id(self) -> None:
        if jobs := self._selected():
            copy_ids(self.app, jobs)

    def action_copy_json(self) -> None:
        if jobs := self._selected():
            copy_json(self.app, jobs)

    def _selected(self) -> tuple[GenerationJob, ...]:
        jobs = self.jobs.selected
        if not jobs:
            say(self.app, Toast(text="No job is under the cursor: go to one first.", severity="warning"))
        return jobs

    @on(JobsPanel.CursorGone)
    def _cursor_gone(self, event: JobsPanel.CursorGone) -> None:
        say(self.app, cursor_lost_toast(event.job_id))

    @on(JobsPanel.MarksGone)
    def _marks_gone(self, event: JobsPanel.MarksGone) -> None:
        say(self.app, marks_lost_toast(event.count))

    def action_sort(self) -> None:
        self.jobs.sort_by_next()

    def action_reverse(self) -> None:
        self.jobs.reverse()

    def action_find(self) -> None:
        self.jobs.find()

    def action_leave_find(self) -> None:
        self.jobs.leave_find()

    @on(Opened)
    async def _open(self, event: Opened) -> None:
        job = self.jobs.job(event.job_id)
        if job is None or not self.is_current:
            return
        details = JobDetails(job, project=self._project_name(job.project_id), now=self.now)

        def answered(action: JobAction | None) -> None:
            if action is not None:
                self.post_message(self.ActionWanted(action, (details.job,)))

        await self.app.push_screen(details, answered)

    # How it is drawn

    def _project_name(self, project_id: UUID) -> str:
        return self.jobs.project_names.get(project_id, short_id(project_id))

    def _shown_project(self) -> str:
        project_id = self._overview.query.project_id if self._overview else None
        return "all projects" if project_id is None else self._project_name(project_id)

    def _tick(self) -> None:
        self.jobs.tick(self.now)
        self._tell_times()

    def _tell_times(self) -> None:
        """Of all that shows one but the table, the details that lie above among them."""
        self._show_details()
        data_age = None if self._fetched_at is None else (self._clock() - self._fetched_at).total_seconds()
        if self._standing is not None:
            self.query_one(StatusLine).show(self._standing, data_age=data_age)
        banner = self.query_one(Banner)
        if self._failure is None:
            banner.hide()
        else:
            is_paused = self._standing is not None and self._standing.paused
            banner.show(self._failure, data_from=self._fetched_at, is_paused=is_paused, now=self._clock())

    def _show_details(self) -> None:
        details = next((screen for screen in self.app.screen_stack if isinstance(screen, JobDetails)), None)
        if details is not None and self._overview is not None:
            details.show(self.jobs.job(details.job.id), now=self.now)
