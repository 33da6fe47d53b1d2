"""The dashboard: projects, costs and jobs of one look, and the keys that act on them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer, Input, Static

from store.model import GenerationJob, JobStatus, Overview, OverviewQuery
from tui.arrange import NEWEST_FIRST, Sort, SortColumn, arrange
from tui.format import short_id
from tui.job_action import JobAction
from tui.job_list_title import job_list_title
from tui.messages import LookFailed
from tui.screens.details import JobDetails, job_json
from tui.widgets.banner import Banner
from tui.widgets.costs_panel import CostsPanel
from tui.widgets.job_table import JobTable
from tui.widgets.job_table_messages import CursorLost, MarksChanged, NewAbove, Opened, SortRequested
from tui.widgets.project_list import ProjectList
from tui.widgets.status_line import Standing, StatusLine
from tui.widgets.status_tabs import TABS, StatusTabs

_SORTS = tuple(SortColumn)


class DashboardScreen(Screen[None]):
    """Shows what it is told, and says by messages what the person wants."""

    CSS = """
    DashboardScreen {
        layers: base notice;

        #main { height: 1fr; }
        #right { width: 1fr; }
        #jobs-panel {
            height: 1fr;
            border: round $primary-muted;
            border-title-color: $text-primary;
            border-title-style: bold;
            border-subtitle-color: $text-accent;

            &:focus-within { border: round $primary; }
        }
        JobTable { background: $background; }
        #find { display: none; height: 1; border: none; padding: 0 1; background: $boost; }
        #find.-shown { display: block; }
        ProjectList { display: none; }
        &.-wide ProjectList { display: block; }
        #too-small { display: none; }
        &.-tiny #too-small, &.-flat #too-small {
            display: block;
            layer: notice;
            width: 100%;
            height: 100%;
            content-align: center middle;
            background: $background;
        }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "act('start')", "start", id="job.start", tooltip="Start the job, or the marked ones"),
        Binding("c", "act('complete')", "complete", id="job.complete", tooltip="Complete the job, or the marked ones"),
        Binding("f", "act('fail')", "fail", id="job.fail", tooltip="Fail the job, or the marked ones, with a text"),
        Binding("n", "act('create')", "new", id="job.new", tooltip="Queue a new job"),
        Binding("d,delete", "act('delete')", "delete", id="job.delete", tooltip="Delete the job, or the marked ones"),
        Binding("slash", "find", "find", id="list.find", tooltip="Find in the rows shown"),
        Binding("y", "copy_id", "Copy id", show=False, id="job.copy_id", tooltip="Copy the job's id"),
        Binding("Y", "copy_json", "Copy JSON", show=False, id="job.copy_json", tooltip="Copy the job as JSON"),
        Binding(
            "p", "want('project')", "Project", show=False, id="project.pick", tooltip="Find a project by some letters"
        ),
        Binding("P", "want('new_project')", "New project", show=False, id="project.new", tooltip="Create a project"),
        Binding("1", "status(0)", "All", show=False, id="list.all", tooltip="List all statuses"),
        Binding("2", "status(1)", "Queued", show=False, id="list.queued", tooltip="List the queued jobs"),
        Binding("3", "status(2)", "Running", show=False, id="list.running", tooltip="List the running jobs"),
        Binding("4", "status(3)", "Succeeded", show=False, id="list.succeeded", tooltip="List the succeeded jobs"),
        Binding("5", "status(4)", "Failed", show=False, id="list.failed", tooltip="List the failed jobs"),
        Binding("o", "sort", "Sort", show=False, id="list.sort", tooltip="Sort by the next column"),
        Binding("O", "reverse", "Reverse", show=False, id="list.reverse", tooltip="Turn the order around"),
        Binding("escape", "leave_find", "Clear find", show=False, id="list.clear", tooltip="Clear what was found"),
    ]

    class QueryChanged(Message):
        """Another project or status is wanted: `looked_for` says which."""

    class ProjectChosen(Message):
        """The person chose a project, which is worth remembering."""

    class Wanted(Message):
        """Something that needs the database: `project`, `new_project`."""

        def __init__(self, what: str) -> None:
            super().__init__()
            self.what = what

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
        self._rows: tuple[GenerationJob, ...] = ()
        self._fetched_at: datetime | None = None
        self._failure: LookFailed | None = None
        self.looked_for = OverviewQuery()
        """What is looked at."""
        self.sort = NEWEST_FIRST

    def compose(self) -> ComposeResult:
        yield StatusLine(id="status")
        yield Banner(id="banner")
        with Horizontal(id="main"):
            yield ProjectList(id="projects")
            with Vertical(id="right"):
                yield CostsPanel(id="costs")
                with Vertical(id="jobs-panel"):
                    yield StatusTabs(id="tabs")
                    yield Input(placeholder="Find in the rows shown: mode, error, id …", id="find", compact=True)
                    yield JobTable(id="jobs")
        yield Footer(compact=True, show_command_palette=False)
        yield Static("The terminal is too small: gjobs needs 40 × 8.", id="too-small", markup=False)

    def on_mount(self) -> None:
        self.jobs.sort = self.sort
        self.jobs.focus()
        self._entitle()
        self.set_interval(1.0, self._tick)

    @property
    def jobs(self) -> JobTable:
        return self.query_one("#jobs", JobTable)

    @property
    def overview(self) -> Overview | None:
        """What was last seen with the present eyes."""
        return self._overview

    @property
    def now(self) -> datetime:
        """The server's time, as far as the last look tells."""
        return self._clock() + self._server_ahead

    def on_resize(self) -> None:
        self.query_one(CostsPanel).fit(self.size.height)

    # What it is told

    def show(self, overview: Overview, fetched_at: datetime) -> None:
        """Takes a look at what `looked_for` asks for."""
        self._overview = overview
        self._fetched_at = fetched_at
        self._failure = None
        self._server_ahead = overview.taken_at - fetched_at
        self.query_one(Banner).hide()
        self.query_one(ProjectList).show(overview.projects, overview.query.project_id)
        self.query_one(CostsPanel).show(overview.statistics, overview.days)
        self._list()
        self._follow_details()

    def show_failure(self, failure: LookFailed) -> None:
        self._failure = failure
        self._tick_banner()

    def show_standing(self, standing: Standing) -> None:
        self.query_one(StatusLine).show(standing)

    def show_progress(self, sentence: str) -> None:
        """What is being done while there is nothing else to show."""
        self.jobs.empty_text = sentence

    def forget(self) -> None:
        """Nothing that other eyes saw stays on screen."""
        self._overview = None
        self._rows = ()
        self._failure = None
        self.query_one(Banner).hide()
        self.query_one(ProjectList).forget()
        self.query_one(CostsPanel).forget()
        self.jobs.clear()
        self.jobs.show((), now=self.now)
        self.jobs.empty_text = "Looking …"
        self._entitle()

    def look_at(self, *, project_id: UUID | None, status: JobStatus | None) -> None:
        """Changes what is looked at, without a message."""
        self.looked_for = OverviewQuery(project_id=project_id, status=status)
        self.query_one(StatusTabs).chosen = status

    # What the person wants

    def choose_project(self, project_id: UUID | None) -> None:
        self._ask(project_id, self.looked_for.status)
        self.post_message(self.ProjectChosen())
        self.jobs.focus()

    @on(ProjectList.Chosen)
    def _project_chosen(self, event: ProjectList.Chosen) -> None:
        self.choose_project(event.project_id)

    @on(StatusTabs.Chosen)
    def _tab_chosen(self, event: StatusTabs.Chosen) -> None:
        self._ask(self.looked_for.project_id, event.status)

    def action_status(self, place: int) -> None:
        self._ask(self.looked_for.project_id, TABS[place])

    def action_want(self, what: str) -> None:
        self.post_message(self.Wanted(what))

    def action_act(self, action: JobAction) -> None:
        if action == "create":
            self.post_message(self.ActionWanted(action, ()))
        elif jobs := self._selected():
            self.post_message(self.ActionWanted(action, jobs))
        else:
            self.app.notify("No job is under the cursor: go to one first.", severity="warning", markup=False)

    def action_copy_id(self) -> None:
        if jobs := self._selected():
            self.app.copy_to_clipboard("\n".join(str(job.id) for job in jobs))
            what = f"the id {jobs[0].id}" if len(jobs) == 1 else f"{len(jobs)} ids"
            self.app.notify(f"Copied {what}.", markup=False)

    def action_copy_json(self) -> None:
        if jobs := self._selected():
            self.app.copy_to_clipboard("\n".join(job_json(job) for job in jobs))
            what = f"job {short_id(jobs[0].id)}" if len(jobs) == 1 else f"{len(jobs)} jobs"
            self.app.notify(f"Copied {what} as JSON.", markup=False)

    def action_sort(self) -> None:
        following = _SORTS[(_SORTS.index(self.sort.column) + 1) % len(_SORTS)]
        self._sort_by(Sort(column=following, descending=self.sort.descending))

    def action_reverse(self) -> None:
        self._sort_by(Sort(column=self.sort.column, descending=not self.sort.descending))

    @on(SortRequested)
    def _sort_requested(self, event: SortRequested) -> None:
        again = event.column is self.sort.column
        self._sort_by(Sort(column=event.column, descending=not self.sort.descending if again else True))

    def action_find(self) -> None:
        find = self.query_one("#find", Input)
        find.add_class("-shown")
        find.focus()

    def action_leave_find(self) -> None:
        find = self.query_one("#find", Input)
        find.value = ""
        find.remove_class("-shown")
        self.jobs.focus()

    @on(Input.Changed, "#find")
    def _needle_changed(self) -> None:
        self._list()

    @on(Input.Submitted, "#find")
    def _needle_done(self) -> None:
        self.jobs.focus()

    @on(Opened)
    async def _open(self, event: Opened) -> None:
        job = next((row for row in self._rows if row.id == event.job_id), None)
        if job is None:
            return
        details = JobDetails(job, project=self._project_names().get(job.project_id, ""), now=self.now)

        def answered(action: JobAction | None) -> None:
            if action is not None:
                self.post_message(self.ActionWanted(action, (details.job,)))

        await self.app.push_screen(details, answered)

    @on(CursorLost)
    def _cursor_lost(self, event: CursorLost) -> None:
        self.app.notify(
            f"The job {short_id(event.job_id)} under the cursor left this list.", severity="warning", markup=False
        )

    @on(MarksChanged)
    def _marks_changed(self, event: MarksChanged) -> None:
        if event.dropped:
            self.app.notify(f"{event.dropped} marked jobs left this list.", severity="warning", markup=False)
        self._entitle()

    @on(NewAbove)
    def _new_above(self) -> None:
        self._entitle()

    # How it is drawn

    def _ask(self, project_id: UUID | None, status: JobStatus | None) -> None:
        self.look_at(project_id=project_id, status=status)
        self.post_message(self.QueryChanged())

    def _sort_by(self, sort: Sort) -> None:
        self.sort = sort
        self.jobs.sort = sort
        self._list()

    def _selected(self) -> tuple[GenerationJob, ...]:
        """The marked jobs, else the one under the cursor, as they were last shown."""
        marked = self.jobs.marked
        if marked:
            return tuple(job for job in self._rows if job.id in marked)
        return (self.jobs.cursor_job,) if self.jobs.cursor_job else ()

    def _project_names(self) -> dict[UUID, str]:
        return {project.id: project.name for project in self._overview.projects} if self._overview else {}

    def _list(self) -> None:
        if self._overview is None:
            return
        names = self._project_names()
        needle = self.query_one("#find", Input).value
        self._rows = arrange(self._overview.jobs, needle=needle, sort=self.sort, now=self.now, project_names=names)
        self.jobs.empty_text = _why_empty(self._overview, needle)
        self.jobs.show(self._rows, now=self.now, project_names=names if self.looked_for.project_id is None else None)
        self._entitle()

    def _entitle(self) -> None:
        names = self._project_names()
        project_id = self.looked_for.project_id
        self.query_one(CostsPanel).entitle(names.get(project_id, "…") if project_id else "all projects")
        panel = self.query_one("#jobs-panel")
        panel.border_title = Content(
            job_list_title(
                self._overview, shown=len(self._rows), needle=self.query_one("#find", Input).value, sort=self.sort
            )
        )
        marked = len(self.jobs.marked)
        panel.border_subtitle = Content(f"{marked} marked, esc unmarks" if marked else "")

    def _follow_details(self) -> None:
        screen = self.app.screen
        if isinstance(screen, JobDetails) and self._overview:
            job = next((row for row in self._overview.jobs if row.id == screen.job.id), None)
            if job is not None:
                screen.show(job, now=self.now)

    def _tick(self) -> None:
        self.jobs.tick(self.now)
        self._tick_banner()

    def _tick_banner(self) -> None:
        if self._failure is not None:
            self.query_one(Banner).show(
                self._failure.error,
                since=self._failure.since,
                data_from=self._fetched_at if self._overview else None,
                retry_at=self._failure.retry_at,
                now=self._clock(),
            )


def _why_empty(overview: Overview, needle: str) -> str:
    if needle.strip():
        return "No row holds what you look for. Escape shows all rows again."
    if not overview.projects:
        return "No projects found. Press P to create one first."
    if overview.query.status is not None:
        return f"No {overview.query.status} jobs."
    return "Press n to create your first generation job."
