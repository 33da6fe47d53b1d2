"""Everything about one job: all columns, both kinds of time, the error unfolded."""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from store.model import GenerationJob, JobStatus
from tui.copying import copy_ids, copy_json
from tui.format import error_pretty
from tui.job_action import JobAction
from tui.job_facts import fact_lines
from tui.screens.dialog import Dialog
from tui.text import clean_block
from tui.widgets.steady_text import SteadyText

_LONGEST_ERROR = 20_000

_KEYS: Mapping[JobStatus, Mapping[str, str]] = {
    JobStatus.QUEUED: {"details.start": "start"},
    JobStatus.RUNNING: {"details.complete": "complete", "details.fail": "fail"},
    JobStatus.SUCCEEDED: {},
    JobStatus.FAILED: {},
}
"""What applies to a job, by the bindings' ids; the other keys say why they do not."""
_KEYS_OF_ALL = {
    "details.delete": "delete",
    "details.copy_id": "copy id",
    "details.copy_json": "copy JSON",
    "dialog.leave": "close",
}


class JobDetails(Dialog[JobAction]):
    """Follows its job while it is shown. Answers `start`, `complete`, `fail` or `delete` where that is asked for."""

    DEFAULT_CSS = """
    JobDetails {
        #dialog { width: 92; }
        VerticalScroll { height: auto; max-height: 100%; }
        #gone { color: $text-warning; margin-bottom: 1; }
        #error-title { color: $foreground-muted; margin-top: 1; }
        #error { color: $text-error; }
        #keys { color: $foreground-muted; margin-top: 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,q", "leave", "Close", id="details.close", tooltip="Back to the table"),
        Binding("y", "copy_id", "Copy id", id="details.copy_id", tooltip="Copy the job's id"),
        Binding("Y", "copy_json", "Copy JSON", id="details.copy_json", tooltip="Copy the job as JSON"),
        Binding("s", "answer('start')", "Start", id="details.start", tooltip="Start this job"),
        Binding("c", "answer('complete')", "Complete", id="details.complete", tooltip="Complete this job"),
        Binding("f", "answer('fail')", "Fail", id="details.fail", tooltip="Fail this job, with a text"),
        Binding("d,delete", "answer('delete')", "Delete", id="details.delete", tooltip="Delete this job"),
    ]

    def __init__(self, job: GenerationJob, *, project: str, now: datetime) -> None:
        super().__init__()
        self.job = job
        self._project = project
        self._now = now
        self._is_listed = True

    def compose(self) -> ComposeResult:
        with self.box("Job"), VerticalScroll():
            yield Static("This job left the list: it is shown as it was last seen.", id="gone", markup=False)
            yield SteadyText(id="facts")
            yield Static("Error", id="error-title", markup=False)
            yield SteadyText(id="error")
            yield SteadyText(id="keys")

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
        self._draw()

    def show(self, job: GenerationJob | None, *, now: datetime) -> None:
        """The same job as it is by now; None where it is listed no longer."""
        self.job, self._now, self._is_listed = job or self.job, now, job is not None
        if self.is_open:
            self._draw()

    def _draw(self) -> None:
        error = self.job.error
        self.query_one("#gone").display = not self._is_listed
        facts = fact_lines(self.job, project=self._project, now=self._now)
        self._say("facts", Content("\n").join(Content.assemble(*line) for line in facts))
        self.query_one("#error-title").display = self.query_one("#error").display = bool(error)
        self._say("error", Content(clean_block(error_pretty(error), limit=_LONGEST_ERROR)))
        keys = {**_KEYS[self.job.status], **_KEYS_OF_ALL}
        self._say("keys", Content("   ".join(f"{self.key(name)} {what}" for name, what in keys.items())))

    def _say(self, where: str, content: Content) -> None:
        self.query_one(f"#{where}", SteadyText).say(content)

    def action_copy_id(self) -> None:
        copy_ids(self.app, [self.job])

    def action_copy_json(self) -> None:
        copy_json(self.app, [self.job])

    def action_answer(self, answer: JobAction) -> None:
        self.dismiss(answer)
