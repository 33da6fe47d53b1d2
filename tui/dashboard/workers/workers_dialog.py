"""Workers dialog; it can open a job."""

from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from gjobs.store.errors import StoreError
from gjobs.store.leases.lease import WorkersOverview
from gjobs.store.poller import Poller, PollFailure, PollResult
from gjobs.store.users.actor import ActingUser, actor_name
from gjobs.tui.dashboard.action_context import context_for
from gjobs.tui.dashboard.dialogs.dialog import Dialog
from gjobs.tui.dashboard.message_board import show_message, show_warning
from gjobs.tui.dashboard.navigation import show_job
from gjobs.tui.dashboard.widgets import SteadyText
from gjobs.tui.dashboard.workers.worker_lines import Viewer, WorkerLine, lines, remark, seconds, summary
from gjobs.tui.text.clean_text import clean
from gjobs.tui.text.error_text import error_message, error_words
from gjobs.tui.text.format import elapsed

if TYPE_CHECKING:
    from gjobs.store.store import Store
    from gjobs.tui.dashboard.action_host import ActionHost
    from gjobs.tui.text.time_zone import ShownZone

_KEYS = {"workers.job": "job", "workers.again": "refresh", "dialog.leave": "close"}
_GONE = "The line under the cursor is gone."


class WorkersDialog(Dialog[UUID]):
    """Return the job to show."""

    DEFAULT_CSS = """
    WorkersDialog {
        #dialog { width: 132; padding: 0 2; overflow-y: hidden; }
        #summary { dock: top; }
        OptionList { max-height: 100%; margin-top: 1; text-wrap: nowrap; scrollbar-gutter: stable; }
        OptionList:focus { background-tint: $foreground 0%; }
        #foot { dock: bottom; height: auto; margin-top: 1; color: $foreground-muted; }
        #about { height: 2; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "lead", "Job", id="workers.job", tooltip="Show the details of the job under the cursor"),
        Binding("w,q", "leave", "Close", id="workers.close", tooltip="Close the workers"),
        Binding("r,f5", "again", "Refresh", id="workers.again", tooltip="Refresh now"),
    ]

    def __init__(
        self,
        poller: Poller[None, WorkersOverview],
        viewer: Viewer,
        *,
        clock: Callable[[], datetime],
        zone: tzinfo | None = None,
    ) -> None:
        """`clock` must be the clock of the poller."""
        super().__init__()
        self._poller = poller
        self._viewer = viewer
        self._clock = clock
        self._zone = zone
        self._seen: PollResult[WorkersOverview] | None = None
        self._failure: PollFailure | None = None
        self._lines: Sequence[WorkerLine] = ()
        self._height = 0

    def compose(self) -> ComposeResult:
        with self.box(f"Workers · as {clean(self._viewer.name, limit=60)}"):
            yield SteadyText(id="summary")
            yield OptionList(id="lines", markup=False, compact=True)
            with Vertical(id="foot"):
                yield SteadyText(id="about")
                yield SteadyText(id="remark")
                yield Static(self.keys_line(_KEYS), markup=False)

    def on_mount(self) -> None:
        self._options.focus()
        self.say("summary", Content("Loading …"))
        self._follow()
        self.set_interval(1.0, self._draw)

    @property
    def _options(self) -> OptionList:
        return self.query_one(OptionList)

    @work
    async def _follow(self) -> None:
        async for answer in self._poller.results():
            match answer:
                case PollResult():
                    self._seen, self._failure = answer, None
                case PollFailure():
                    self._failure = answer
            self._draw()

    def action_again(self) -> None:
        self._poller.refresh()

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        """Choose the line by what identifies it, because the lines may have changed."""
        self._follow_choice(event.option_id)

    def action_lead(self) -> None:
        option = self._options.highlighted_option
        self._follow_choice(option.id if option else None)

    def _follow_choice(self, key: str | None) -> None:
        job_id = next((line.job_id for line in self._lines if line.key == key), None)
        if job_id is None:
            show_warning(self.app, "No job under the cursor. Move to a job first.")
        else:
            self.dismiss(job_id)

    # Drawing

    def show_zone(self, zone: "ShownZone") -> None:
        self._zone = zone.zone
        self._draw()

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        if not self.is_open:
            return
        if self._seen is not None:
            overview, age = self._seen.value, self._clock() - self._seen.fetched_at
            now = overview.taken_at + age
            width = self._options.scrollable_content_region.width
            self._list(list(lines(overview, self._viewer, now=now, width=width, zone=self._zone)))
            self.say("summary", Content(summary(overview, now=now)))
            self._draw_about()
        self._draw_remark()

    def _list(self, drawn: Sequence[WorkerLine]) -> None:
        """Draw the lines. The cursor stays on its line, or moves up to its worker. It never moves to another job."""
        options, before = self._options, self._lines
        if [line.key for line in drawn] == [line.key for line in before]:
            for index, (line, former) in enumerate(zip(drawn, before, strict=True)):
                if line.spans != former.spans:
                    options.replace_option_prompt_at_index(index, Content.assemble(*line.spans))
            self._lines = drawn
            return
        key, top = self._key_to_keep(drawn), options.scroll_offset.y
        self._lines = drawn
        options.set_options(
            [Option(Content.assemble(*line.spans), id=line.key, disabled=not line.about) for line in drawn]
        )
        options.highlighted = next((index for index, line in enumerate(drawn) if line.key == key), None)
        options.scroll_to(y=top, animate=False)
        # Jobs come and go. The box grows with them but does not shrink while it is open.
        self._height = max(self._height, len(drawn))
        options.styles.min_height = self._height

    def _key_to_keep(self, drawn: Sequence[WorkerLine]) -> str | None:
        """Return the key of the line that gets the cursor."""
        if not self._lines:
            return next((line.key for line in drawn if line.job_id), drawn[0].key if drawn else None)
        place = self._options.highlighted
        if place is None:
            return None
        *above, pointed_at = self._lines[: place + 1]
        there = {line.key for line in drawn}
        kept = (pointed_at, *(line for line in reversed(above) if line.job_id is None and line.about))
        return next((line.key for line in kept if line.key in there), None)

    @on(OptionList.OptionHighlighted)
    def _draw_about(self) -> None:
        place = self._options.highlighted
        if place is None or place >= len(self._lines):
            self.say("about", Content(_GONE if self._lines else ""))
        else:
            self.say("about", Content(self._lines[place].about))

    def _draw_remark(self) -> None:
        words = self._remark()
        self.query_one("#remark").display = bool(words.plain)
        self.say("remark", words)

    def _remark(self) -> Content:
        """Return what is not shown, or the error."""
        if self._failure is not None:
            age = f"Seen {elapsed(seconds(self._clock() - self._seen.fetched_at))} ago. " if self._seen else ""
            return Content.styled(age + error_words(self._failure.error), "$text-error")
        if self._seen is None:
            return Content()
        paused = "Paused. " if self._poller.paused else ""
        return Content(paused + remark(self._seen.value, self._viewer))


async def show_workers(host: "ActionHost") -> None:
    """Show the workers. While the dialog is open, they refresh as often as the list."""
    context = context_for(host, "workers")
    if context is None:
        return
    store, session_poller = context.store, host.poller

    async def get_workers_overview(_: None) -> "WorkersOverview":
        return await store.get_workers_overview()

    viewer = Viewer(
        name=actor_name(store.actor),
        is_user=isinstance(store.actor, ActingUser),
        project=host.dashboard.project_name,
    )
    with session_poller.poll_also(get_workers_overview) as poller:
        dialog = WorkersDialog(poller, viewer, clock=session_poller.clock, zone=host.dashboard.zone.zone)
        job_id = await host.app.push_screen_wait(dialog)
    if job_id is not None:
        await _show_job(host, store, job_id)


async def _show_job(host: "ActionHost", store: "Store", job_id: UUID) -> None:
    """Show the job in the list if it is listed. Otherwise switch to its project."""
    dashboard = host.dashboard
    if (listed := dashboard.jobs.job(job_id)) is not None:
        dashboard.jobs.table.move_to(job_id)
        await dashboard.show_details_of(listed, is_listed=True)
        return
    try:
        job = await store.get_generation_job(job_id)
        project = await store.get_project(job.project_id) if job else None
    except StoreError as error:
        show_message(host.app, error_message(error))
        return
    if job is None:
        show_warning(host.app, f"The job {job_id} is deleted or hidden.")
    elif host.poller.store is store:
        await show_job(dashboard, job, project)
