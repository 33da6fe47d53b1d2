"""Workers and held jobs, as a dialog that can open a job."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import ClassVar
from uuid import UUID

from rich.cells import cell_len
from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from gjobs.store.errors import command
from gjobs.store.jobs.job import JobStatus
from gjobs.store.leases.lease import LeasedJob, WorkersOverview, WorkerStatus
from gjobs.store.poller import Poller, PollFailure, PollResult
from gjobs.store.store import Store
from gjobs.store.users.actor import ActingUser, Actor, actor_name
from gjobs.tui.dashboard.actions.action_context import ActionContext
from gjobs.tui.dashboard.actions.action_host import ActionHost
from gjobs.tui.dashboard.bindings import bind
from gjobs.tui.dashboard.dialogs.list_dialog import RowsDialog
from gjobs.tui.dashboard.features.navigation import show_job
from gjobs.tui.dashboard.widgets.message_board import show_warning
from gjobs.tui.dashboard.widgets.widgets import SteadyText
from gjobs.tui.text.clean_text import clean, clean_cell, pad, shorten
from gjobs.tui.text.error_text import error_words
from gjobs.tui.text.format import MUTED, Span, count, duration, elapsed, jobs_count, local_time, short_id
from gjobs.tui.text.status_text import status_glyph

_GOOD, _WARNING, _BAD = "$text-success", "$text-warning", "$text-error"
_GAP = "  "
_NAME_CELLS, _STATE_CELLS, _HOLDS_CELLS = 28, 16, 14
_MODE_CELLS, _PROJECT_CELLS, _TIME_CELLS = 16, 20, 14
_WIDE = 84
"""The width in cells from which projects and worker uptimes fit."""
_LONGEST = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLine:
    key: str
    """Identifies the subject of the line. It is unique and does not change."""
    spans: tuple[Span, ...]
    about: str = ""
    """The full text of the line, which may be cut on screen. Empty for a title."""
    job_id: UUID | None = None
    """Set if the line shows a job."""


def title(key: str, text: str) -> WorkerLine:
    return WorkerLine(key=f"title {key}", spans=((text, MUTED),))


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkersDrawing:
    """What the lines depend on. `now` is the server's time. No zone means this machine's."""

    overview: WorkersOverview
    actor: Actor
    project: Callable[[UUID], str]
    """Return the name of a project as the actor knows it."""
    now: datetime
    width: int
    zone: tzinfo | None = None

    def lines(self) -> Iterator[WorkerLine]:
        """Yield each worker with its jobs, then the jobs without a worker."""
        held: defaultdict[UUID, list[LeasedJob]] = defaultdict(list)
        unheld: list[LeasedJob] = []
        for job in self.overview.held:
            (unheld if job.owner is None else held[job.owner]).append(job)
        workers = _shown(self.overview, held)
        longest = max((cell_len(clean_cell(worker.name, _NAME_CELLS)) for worker in workers), default=0)
        name_cells = min(longest, _NAME_CELLS, self.width // 4)
        for worker in workers:
            jobs = held.pop(worker.id, [])
            yield self.worker(worker, name_cells)
            yield from map(self.job, jobs)
            if (left := worker.held_jobs - len(jobs)) > 0:
                yield title(f"more of {worker.id}", f"  … {jobs_count(left)} more, claimed later")
        for owner, jobs in held.items():
            yield self.unseen(owner)
            yield from map(self.job, jobs)
        if unheld:
            yield title("nobody's", "Waiting for another attempt, without a worker")
            yield from map(self.job, unheld)

    def worker(self, worker: WorkerStatus, name_cells: int) -> WorkerLine:
        if worker.stopped_at is not None:
            state, style = "◌ stopped", MUTED
        elif worker.is_alive:
            state, style = "▸ alive", _GOOD
        else:
            state, style = f"✗ silent {elapsed(seconds(self.now - worker.seen_at))}", _BAD
        holds = f"holds {count(worker.held_jobs)} of {count(worker.concurrency)}"
        start: list[Span] = [
            (pad(clean_cell(worker.name, name_cells), name_cells), "bold"),
            (f"{_GAP}{pad(state, _STATE_CELLS)}{_GAP}", style),
            (pad(holds, _HOLDS_CELLS), ""),
        ]
        modes = "all modes" if worker.modes is None else ", ".join(worker.modes)
        is_up = worker.is_alive and self.width >= _WIDE
        up = f"up {elapsed(seconds(self.now - worker.started_at))}, " if is_up else ""
        since, seen = (local_time(at, self.zone) for at in (worker.started_at, worker.seen_at))
        about = (
            f"{clean(worker.name, limit=_LONGEST)}: process {worker.process} on {clean(worker.host, limit=100)}",
            f"since {since}, last seen {seen}",
            clean(modes, limit=_LONGEST),
        )
        return self._line(f"worker {worker.id}", start, (up + modes, MUTED), "; ".join(about))

    def unseen(self, owner: UUID) -> WorkerLine:
        """Return a line for a worker that holds visible jobs but is itself hidden from the user."""
        why = "only the operator sees it" if isinstance(self.actor, ActingUser) else "not listed"
        about = f"Worker {owner}: {clean(actor_name(self.actor), limit=60)} sees its jobs, but not the worker itself."
        return self._line(f"worker {owner}", [(f"worker {short_id(owner)}", "bold")], (why, MUTED), about)

    def job(self, job: LeasedJob) -> WorkerLine:
        style = ""
        if job.owner is None:
            left = seconds(job.expires_at - self.now)
            time = f"retry in {duration(left)}" if left >= 1 else "due"
            words = f"attempt {job.attempt} failed · {job.note}" if job.note else "released"
        else:
            time, lost = f"for {elapsed(seconds(self.now - job.acquired_at))}", ""
            # A lease may have been renewed since the overview was taken.
            if job.expires_at <= self.overview.taken_at:
                style, lost = _WARNING, f"its lease expired {elapsed(seconds(self.now - job.expires_at))} ago"
            attempt = f"attempt {job.attempt}" if job.attempt > 1 else ""
            words = " · ".join(filter(None, (lost, attempt, job.note)))
        glyph = status_glyph(JobStatus.RUNNING if job.owner else JobStatus.QUEUED)
        project = clean(self.project(job.project_id), limit=_LONGEST)
        start: list[Span] = [
            (f"  {glyph} {short_id(job.job_id)}{_GAP}", MUTED),
            (pad(clean_cell(job.mode, _MODE_CELLS), _MODE_CELLS) + _GAP, ""),
        ]
        if self.width >= _WIDE:
            start.append((pad(project, _PROJECT_CELLS) + _GAP, MUTED))
        start.append((pad(time, _TIME_CELLS), style))
        about = f"{job.job_id} in {project}, claimed {local_time(job.acquired_at, self.zone)}"
        if words:
            about = f"{about}: {clean(words, limit=_LONGEST)}"
        return self._line(f"job {job.job_id}", start, (words, style), about, job.job_id)

    def _line(self, key: str, start: list[Span], end: Span, about: str, job_id: UUID | None = None) -> WorkerLine:
        """Return the line with the end cut to the room that is left."""
        text, style = end
        room = max(self.width - sum(cell_len(part) for part, _ in start) - len(_GAP), 0)
        spans = (*start, (_GAP, ""), (shorten(clean_cell(text, room), room), style))
        return WorkerLine(key=key, spans=spans, about=about, job_id=job_id)


def seconds(time: timedelta) -> float:
    return max(time.total_seconds(), 0.0)


LONG_GONE = timedelta(hours=1)
"""A worker without jobs is only counted, not listed, if it was last seen longer ago than this."""


def summary(overview: WorkersOverview, *, now: datetime) -> str:
    """Return the text above the lines."""
    held = [job for job in overview.held if job.owner is not None]
    alive = sum(worker.is_alive for worker in overview.workers)
    # A user sees held jobs, but no workers.
    parts = [f"{count(alive)} {'worker' if alive == 1 else 'workers'} alive"] if overview.workers or not held else []
    if held:
        longest = elapsed(seconds(now - min(job.acquired_at for job in held)))
        parts.append(f"{'≥ ' if overview.is_cut else ''}{jobs_count(len(held))} held, the longest for {longest}")
    if waiting := len(overview.held) - len(held):
        parts.append(f"{jobs_count(waiting)} waiting for another attempt")
    return " · ".join(parts)


def remark(overview: WorkersOverview, actor: Actor) -> str:
    """Return the text below the lines, about parts that are not shown. It may be empty."""
    sentences = []
    if not overview.workers and not overview.held:
        sentences.append(f"{command('worker MODULE:REGISTRY')} starts a worker.")
    if number := len(overview.workers) - len(_shown(overview, {job.owner for job in overview.held if job.owner})):
        sentences.append(f"{count(number)} more ran within the last week. Run {command('workers')} to list them.")
    if isinstance(actor, ActingUser):
        sentences.append("Only the operator sees the workers.")
    return " ".join(sentences)


def _shown(overview: WorkersOverview, holding: Collection[UUID]) -> list[WorkerStatus]:
    """Return the listed workers, sorted by whether they are alive and then by name, in a stable order."""
    shown = [
        worker
        for worker in overview.workers
        if worker.id in holding or (worker.stopped_at is None and overview.taken_at - worker.seen_at < LONG_GONE)
    ]
    return sorted(shown, key=lambda worker: (not worker.is_alive, worker.name, worker.started_at, worker.id))


class WorkersDialog(RowsDialog[WorkerLine, UUID]):
    """Return the job to show."""

    DEFAULT_CSS = """
    WorkersDialog {
        #dialog { width: 132; padding: 0 2; overflow-y: hidden; }
        #summary { dock: top; }
        OptionList { max-height: 100%; margin-top: 1; scrollbar-gutter: stable; }
        #foot { dock: bottom; height: auto; margin-top: 1; color: $foreground-muted; }
        #about { height: 2; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("workers.job", "enter", "Job", "Show the details of the job under the cursor", action="open_job"),
        bind("workers.close", "w,q", "Close", "Close the workers", action="leave"),
        bind("workers.again", "r,f5", "Refresh", "Refresh now", action="again"),
    ]
    HINTS = ("workers.job", "workers.again", "dialog.leave")
    help_topic = "workers"

    def __init__(self, host: ActionHost, poller: Poller[None, WorkersOverview], actor: Actor) -> None:
        super().__init__()
        self._host = host
        self._poller = poller
        self._actor = actor
        self._clock = host.poller.clock
        self._seen: PollResult[WorkersOverview] | None = None
        self._failure: PollFailure | None = None
        self._height = 0

    def compose(self) -> ComposeResult:
        with self.box(f"Workers · as {clean(actor_name(self._actor), limit=60)}"):
            yield SteadyText(id="summary")
            yield OptionList(id="lines", markup=False, compact=True)
            with Vertical(id="foot"):
                yield SteadyText(id="about")
                yield SteadyText(id="remark")
                yield Static(self.keys_line(self.HINTS), markup=False)

    def on_mount(self) -> None:
        self.set_part("summary", Content("Loading …"))
        self._follow()
        self.set_interval(1.0, self.draw)

    @work
    async def _follow(self) -> None:
        async for answer in self._poller.results():
            match answer:
                case PollResult():
                    self._seen, self._failure = answer, None
                case PollFailure():
                    self._failure = answer
            self.draw()

    def action_again(self) -> None:
        self._poller.refresh()

    @on(OptionList.OptionSelected)
    def action_open_job(self) -> None:
        """Choose the line under the cursor, which stays there when lines come and go."""
        if (line := self.row_under_cursor) is None or line.job_id is None:
            show_warning(self.app, "No job under the cursor. Move to a job first.")
        else:
            self.dismiss(line.job_id)

    # Drawing

    def draw(self) -> None:
        if not self.is_open:
            return
        if self._seen is not None:
            overview, age = self._seen.value, self._clock() - self._seen.fetched_at
            now = overview.taken_at + age
            project, zone = self._host.dashboard.project_name, self._host.dashboard.zone.zone
            drawing = WorkersDrawing(
                overview=overview, actor=self._actor, project=project, now=now, width=self.row_width, zone=zone
            )
            self._list(list(drawing.lines()))
            self.set_part("summary", Content(summary(overview, now=now)))
            self._draw_about()
        self._draw_remark()

    def _list(self, drawn: Sequence[WorkerLine]) -> None:
        """Draw the lines. The cursor stays on its line, or moves up to its worker. It never moves to another job."""
        options, before = self.row_list, self.rows
        if [line.key for line in drawn] == [line.key for line in before]:
            for index, (line, former) in enumerate(zip(drawn, before, strict=True)):
                if line.spans != former.spans:
                    options.replace_option_prompt_at_index(index, Content.assemble(*line.spans))
            self.rows = drawn
            return
        key, top = self._key_to_keep(drawn), options.scroll_offset.y
        self.rows = drawn
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
        if not self.rows:
            return next((line.key for line in drawn if line.job_id), drawn[0].key if drawn else None)
        place = self.row_list.highlighted
        if place is None:
            return None
        *above, row_under_cursor = self.rows[: place + 1]
        there = {line.key for line in drawn}
        kept = (row_under_cursor, *(line for line in reversed(above) if line.job_id is None and line.about))
        return next((line.key for line in kept if line.key in there), None)

    @on(OptionList.OptionHighlighted)
    def _draw_about(self) -> None:
        line = self.row_under_cursor
        self.set_part(
            "about", Content(line.about if line else "The line under the cursor is gone." if self.rows else "")
        )

    def _draw_remark(self) -> None:
        """Show what is not listed, or the error."""
        words = Content()
        if self._failure is not None:
            age = f"Seen {elapsed(seconds(self._clock() - self._seen.fetched_at))} ago. " if self._seen else ""
            words = Content.styled(age + error_words(self._failure.error), "$text-error")
        elif self._seen is not None:
            words = Content(f"{'Paused. ' if self._poller.paused else ''}{remark(self._seen.value, self._actor)}")
        self.show_text("remark", words)


async def show_workers(host: ActionHost, context: ActionContext) -> None:
    """Show the workers. While the dialog is open, they refresh as often as the list."""
    store = context.store
    with host.poller.poll_also(lambda _: store.get_workers_overview()) as poller:
        job_id = await host.push_screen_wait(WorkersDialog(host, poller, store.actor))
    if job_id is not None:
        await _show_job(host, store, job_id)


async def _show_job(host: ActionHost, store: Store, job_id: UUID) -> None:
    """Show the job in the list if it is listed. Otherwise switch to its project."""
    dashboard = host.dashboard
    if (listed := dashboard.jobs.job(job_id)) is not None:
        dashboard.jobs.table.move_to(job_id)
        await dashboard.show_details_of(listed, is_listed=True)
        return
    job = await store.get_generation_job(job_id)
    project = await store.get_project(job.project_id) if job else None
    if job is None:
        show_warning(host, f"The job {job_id} is deleted or hidden.")
    elif host.poller.store is store:
        await show_job(dashboard, job, project)
