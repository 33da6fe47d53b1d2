"""Everything about one job: all columns, both kinds of time, the error unfolded."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from store.model import GenerationJob, JobStatus
from store.transitions import is_final
from tui.arrange import total_seconds
from tui.costs import STATUS_STYLES
from tui.format import age, duration, error_pretty, local_time, money, utc_time
from tui.job_action import JobAction
from tui.screens.dialog import Dialog
from tui.status import status_label
from tui.text import clean, clean_block

_LONGEST_ERROR = 20_000


class JobDetails(Dialog[JobAction]):
    """Follows its job while it is shown. Answers `start`, `complete`, `fail` or `delete` where that is asked for."""

    DEFAULT_CSS = """
    JobDetails {
        #dialog { width: 92; }
        VerticalScroll { height: auto; max-height: 100%; }
        #error-title { color: $foreground-muted; margin-top: 1; }
        #keys { color: $foreground-muted; margin-top: 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,q", "leave", "Close", id="details.close", tooltip="Back to the table"),
        Binding("y", "copy_id", "Copy id", id="details.copy_id", tooltip="Copy the job's id"),
        Binding("Y", "copy_json", "Copy JSON", id="details.copy_json", tooltip="Copy the job as JSON"),
        Binding("s", "answer('start')", "Start", id="details.start", tooltip="Start this job"),
        Binding("c", "answer('complete')", "Complete", id="details.complete", tooltip="Complete this job"),
        Binding("f", "answer('fail')", "Fail", id="details.fail", tooltip="Fail this job"),
        Binding("d", "answer('delete')", "Delete", id="details.delete", tooltip="Delete this job"),
    ]

    def __init__(self, job: GenerationJob, *, project: str, now: datetime) -> None:
        super().__init__()
        self.job = job
        self._project = project
        self._now = now

    def compose(self) -> ComposeResult:
        with self.box("Job"), VerticalScroll():
            yield Static(id="columns", markup=False)
            yield Static(id="error-title", markup=False)
            yield Static(id="error", markup=False)
            yield Static(
                Content("y copy id   Y copy JSON   s start   c complete   f fail   d delete   esc close"),
                id="keys",
                markup=False,
            )

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
        self._draw()

    def show(self, job: GenerationJob, *, now: datetime) -> None:
        """The same job as it is by now."""
        self.job, self._now = job, now
        self._draw()

    def _draw(self) -> None:
        self.query_one("#columns", Static).update(_columns(self.job, self._project, self._now))
        error = self.job.error
        self.query_one("#error-title", Static).update(Content("Error" if error else ""))
        self.query_one("#error", Static).update(
            Content(clean_block(error_pretty(error), limit=_LONGEST_ERROR)).stylize("$text-error")
        )

    def action_copy_id(self) -> None:
        self.app.copy_to_clipboard(str(self.job.id))
        self.notify(f"Copied the id {self.job.id}.", markup=False)

    def action_copy_json(self) -> None:
        self.app.copy_to_clipboard(job_json(self.job))
        self.notify("Copied the job as JSON.", markup=False)

    def action_answer(self, answer: JobAction) -> None:
        self.dismiss(answer)


def job_json(job: GenerationJob) -> str:
    return json.dumps(asdict(job), default=str, indent=2)


def _columns(job: GenerationJob, project: str, now: datetime) -> Content:
    total = total_seconds(job, now)
    name = "Total" if is_final(job.status) else "Since created"
    rows: list[tuple[str, Content]] = [
        ("Status", Content.assemble((status_label(job.status), f"bold {STATUS_STYLES[job.status]}"))),
        ("Mode", Content(clean(job.mode, limit=400))),
        ("Cost", Content(f"{money(job.cost_cents)}  ({job.cost_cents:,} cents)")),
        ("Created", _time(job.created_at, now)),
        ("Updated", _time(job.updated_at, now)),
        (name, Content(duration(total) if total is not None and job.status is not JobStatus.QUEUED else "–")),
        ("Id", Content(str(job.id))),
        ("Project", Content(f"{clean(project, limit=60)}  {job.project_id}")),
        ("Owner", Content(str(job.user_id))),
        ("Input asset", Content(str(job.input_asset_id or "–"))),
    ]
    return Content("\n").join(Content.assemble((f"{title:<15}", "$foreground-muted"), value) for title, value in rows)


def _time(time: datetime, now: datetime) -> Content:
    return Content.assemble(age(time, now), (f"  {local_time(time)} local  {utc_time(time)}", "$foreground-muted"))
