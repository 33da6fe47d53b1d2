"""Details dialog of one job."""

import math
import time
from datetime import datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content

from gjobs.store.jobs.job import GenerationJob, JobStatus
from gjobs.store.jobs.job_results import WRITES_OFF
from gjobs.tui.dashboard.bindings import DIALOG, PRESENT, WRITES, bind, keys_with, moment_bindings
from gjobs.tui.dashboard.details.details_pane import HISTORY, NAMES, PARTS, JobSections, LoadDetails, ShownJob
from gjobs.tui.dashboard.dialogs.dialog import MOST_PERCENT, Dialog
from gjobs.tui.dashboard.widgets.message_board import show_warning
from gjobs.tui.dashboard.widgets.widgets import SteadyText
from gjobs.tui.text.format import count, moment_words
from gjobs.tui.text.status_text import STATUS_ACTIONS, STATUS_TEXTS, JobAction

_LOADING = "This job is not in the list of this moment. Loading …"
_ABSENT = "This job did not exist at this moment, or policies hide it. It is shown as last seen."
_WRITES_OFF = f"{WRITES_OFF} Close the details, then return to the present."
_LEFT = "This job left the list. It is shown as last seen."
_BEYOND = "This job is not in the list. It is shown as last read."

_RETRY, _DELETE, _CASE, _ERROR = "details.retry", "details.delete", "details.case", "details.error"
_KEYS_OF_ALL = ("details.copy_id", "details.copy_json", _CASE)
_KEYS_OF_TIMES = ("details.moment", "dialog.zone")
"""Hints that are shown only if they need no further line."""

_EDGES = 6
"""Lines for the border, the padding and the title of the error."""


class JobDetails(Dialog[JobAction]):
    """The details of a job, updated while they are open. Return the action to run on it, if any."""

    DEFAULT_CSS = """
    JobDetails {
        #dialog { width: 108; overflow-y: hidden; }
        VerticalScroll { height: auto; max-height: 100%; }
        #gone, #hiding { margin-bottom: 1; }
        #stuck, #events, #facts, #error-title { margin-top: 1; }
        #gone { color: $text-warning; }
        #error-title { color: $foreground-muted; }
        #error { color: $text-error; }
        #keys { color: $foreground-muted; margin-top: 1; dock: bottom; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("details.close", "enter,q", "Close", "Close the details", action="leave"),
        bind("details.copy_id", "y", "Copy id", "Copy the job's id", action="app.run('job.copy_id')"),
        bind("details.error", "e", "Full error", "Show or fold the full error", action="fold"),
        bind("details.copy_json", "Y", "Copy JSON", "Copy the job as JSON", action="app.run('job.copy_json')"),
        bind(
            "details.case",
            "C",
            "Case",
            "Create a case of this job and its owner, for a ticket",
            PRESENT | DIALOG,
            "app.run('job.case')",
        ),
        *(
            bind(
                f"details.{text.action}",
                text.key,
                text.verb,
                f"{text.verb} this job{', with an error text' if text.asks_error else ''}",
                WRITES | DIALOG if text.asks_error else WRITES,
                f"answer('{text.action}')",
            )
            for text in STATUS_TEXTS.values()
            if text.action
        ),
        bind("details.retry", "r", "Retry", "Retry this failed job, as a new job", WRITES, "answer('retry')"),
        bind("details.delete", "d,delete", "Delete", "Delete this job", WRITES | DIALOG, "answer('delete')"),
        *moment_bindings("details"),
    ]
    help_topic = "events"

    def __init__(self, shown: ShownJob, load_details: LoadDetails, *, is_listed: bool = True) -> None:
        """`is_listed` is false for a job that was read by its id. At an earlier moment, the job is shown as it was, and
        keys that need the present have no hint. Keys that write have no hint in a read-only session.
        """
        super().__init__()
        self._load_details = load_details
        self._sections = JobSections(shown=shown, redraw=self._redraw)
        self._is_listed = self._was_listed = is_listed
        self._is_folded: bool | None = None
        """Whether the user folded the full error. None: it is folded if it does not fit."""
        self._folds = False
        """Whether the full error is folded now."""
        self._drawn_at = math.inf

    @property
    def job(self) -> GenerationJob:
        """The job as last seen."""
        return self._sections.job

    @property
    def _moment(self) -> datetime | None:
        return self._sections.shown.moment

    def compose(self) -> ComposeResult:
        with self.box("Job"):
            with VerticalScroll():
                for part in ("gone", *PARTS, "error-title", "error"):
                    yield SteadyText(id=part)
            yield SteadyText(id="keys")

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
        self._name_moment()
        self._draw()
        self.call_after_refresh(self._take_as_drawn)
        self._request(HISTORY, NAMES)

    def _request(self, *groups: str) -> None:
        for group in groups:
            self._load_details(self._sections, group)

    def _take_as_drawn(self) -> None:
        self._drawn_at = time.monotonic()

    def was_drawn(self, at: float) -> bool:
        """Return whether the screen already showed these details at a time, by the monotonic clock."""
        return self._drawn_at <= at

    def on_resize(self) -> None:
        """Cut the lines to the new width."""
        self.call_after_refresh(self._redraw)

    def show(self, shown: ShownJob, *, is_listed: bool) -> None:
        """Show the present state of the job, or that of an earlier moment."""
        sections, before = self._sections, self._sections.shown
        has_changed = not is_listed or shown.job.updated_at != before.job.updated_at
        is_updated = has_changed and (self._is_listed or is_listed)
        is_other_moment = shown.moment != before.moment
        sections.shown, self._is_listed = shown, is_listed
        self._was_listed = self._was_listed or is_listed
        if is_other_moment:
            sections.forget_moment(needs_lookup=not is_listed)
        self._redraw()
        if not self.is_open:
            return
        if is_other_moment or shown.zone != before.zone:
            self._name_moment()
        if is_other_moment:
            self._request(HISTORY, NAMES)
        elif is_updated:
            self._request(HISTORY)

    def read_again(self, *, was_lost: bool) -> None:
        """Read what could not be read. The list was just read."""
        if self.is_open and self._sections.is_due_again(was_lost=was_lost):
            self._request(HISTORY, NAMES)

    def _redraw(self) -> None:
        if self.is_open:
            self._draw()

    def _draw(self) -> None:
        """Draw, also while the dialog opens: its first frame must show the job that its keys act on."""
        room = self._room
        self.show_text("gone", self._unlisted_words)
        for name, part in self._sections.parts(room).items():
            self.show_text(name, part)
        self._draw_error(room)

    def _name_moment(self) -> None:
        """Name an earlier moment, because the dialog may cover the dashboard's header."""
        moment, zone = self._moment, self._sections.shown.zone
        words = "" if moment is None else f"as of {moment_words(moment, zone, is_exact=True)} · writes are off"
        time = Content.styled(words, "$text-warning") if words else Content()
        self.query_one("#dialog").border_subtitle = self.lower_border(time)

    @property
    def _unlisted_words(self) -> str:
        """Why the job is not listed; empty if it is."""
        if self._is_listed:
            return ""
        if self._sections.needs_lookup or self._sections.is_absent:
            return _LOADING if self._sections.needs_lookup else _ABSENT
        return _LEFT if self._was_listed and self._moment is None else _BEYOND

    def _draw_error(self, room: int) -> None:
        """Show the full error below everything else, or only its length if it does not fit."""
        error = self._sections.error()
        key, lines = self.key(_ERROR), error.get_height({}, room) if error and room > 0 else 0
        is_folded = bool(self._is_folded)
        if self._is_folded is None and room > 0:
            height_of_keys = self._hints(room, has_error=bool(error), is_folded=True).get_height({}, room)
            is_folded = lines > self._rows_left(room) - height_of_keys
        hint = f"Full error, {count(lines)} lines: {key} shows it" if is_folded else "Full error"
        self.show_text("error-title", hint if error else "")
        self.show_text("error", Content() if is_folded else error)
        self.set_part("keys", self._hints(room, has_error=bool(error), is_folded=is_folded))

    def _hints(self, room: int, *, has_error: bool, is_folded: bool) -> Content:
        self._folds, status = is_folded, self.job.status
        # The keys that do not apply to the job have no hint. They explain why they do not apply.
        changes = [f"details.{action}" for action, target in STATUS_ACTIONS.items() if target in status.allowed]
        retry = [_RETRY] if status is JobStatus.FAILED else []
        keys = [*changes, *retry, _DELETE, *([_ERROR] if has_error else []), *_KEYS_OF_ALL]
        line, longer = (
            self.keys_line([*keys, *times, "dialog.leave"], width=room or None) for times in ((), _KEYS_OF_TIMES)
        )
        return longer if longer.plain.count("\n") == line.plain.count("\n") else line

    def hint_words(self) -> dict[str, str]:
        return {**super().hint_words(), _ERROR: "full error" if self._folds else "fold error"}

    @property
    def hidden_keys(self) -> frozenset[str]:
        shown = self._sections.shown
        writing = keys_with(WRITES, JobDetails)
        if shown.moment is not None:
            return writing | keys_with(PRESENT, JobDetails)
        return writing if shown.hiding or shown.is_read_only else frozenset()

    def _rows_left(self, room: int) -> int:
        """Return the number of lines that fit below the other parts without scrolling."""
        shown = [part for part in self.query(SteadyText) if part.display and part.id in ("gone", *PARTS)]
        used = sum(part.visual.get_height({}, room) + part.styles.margin.height for part in shown)
        return self.size.height * MOST_PERCENT // 100 - _EDGES - used

    @property
    def _room(self) -> int:
        """Cells in a line."""
        return self.query_one(VerticalScroll).scrollable_content_region.width

    def action_fold(self) -> None:
        if not self._sections.error():
            text = "The message above is the full error." if self.job.error else "This job has no error."
            show_warning(self.app, text)
            return
        self._is_folded = not self._folds
        self._draw()
        if not self._folds:
            title = self.query_one("#error-title")
            self.call_after_refresh(title.scroll_visible, animate=False, top=True)

    def action_answer(self, answer: str) -> None:
        if self._moment is not None:
            show_warning(self.app, _WRITES_OFF)
            return
        self.dismiss(JobAction(answer))
