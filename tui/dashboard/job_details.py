"""Details dialog of one job, and loading its contents."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from store.capabilities.capability import Capability
from store.errors import StoreError
from store.jobs.job import AnyStatus, GenerationJob, JobStatus, ListedJob
from store.jobs.job_history import JobHistory
from store.jobs.job_results import NO_LINKS, RetryLinks, StuckVerdict
from tui.dashboard.dialogs.dialog import Dialog
from tui.dashboard.job_actions.job_copies import JobCopy
from tui.dashboard.messages import CopyRequested, HistoryRequested, JobDetailsView
from tui.dashboard.widgets import SteadyText
from tui.text.clean_text import clean, clean_block
from tui.text.error_text import error_words
from tui.text.format import error_pretty
from tui.text.job_text import Names, fact_lines, stuck_words, timeline_lines
from tui.text.status_text import STATUS_ACTIONS, STATUS_TEXTS, JobAction

if TYPE_CHECKING:
    from store.store import Store
    from tui.dashboard.memory import ObservedHistories
    from tui.dashboard.session_poller import SessionPoller


_LONGEST_ERROR = 20_000

_LEFT = "This job left the list. It is shown as last seen."
_BEYOND = "This job is not in the list. It is shown as last read."

_RETRY = {"details.retry": "retry"}
_DELETE = {"details.delete": "delete"}
_KEYS_OF_ALL = {"details.copy_id": "copy id", "details.copy_json": "copy JSON", "dialog.leave": "close"}


def _applicable_keys(status: AnyStatus) -> Mapping[str, str]:
    """Return the keys that apply to a visible job, by binding id. The other keys explain why they do not apply."""
    moves = {f"details.{action}": action for action, target in STATUS_ACTIONS.items() if target in status.allowed}
    return {**moves, **(_RETRY if status is JobStatus.FAILED else {}), **_DELETE}


class JobDetails(Dialog[JobAction]):
    """The details of a job, updated while they are open. Return the action to run on it, if any."""

    DEFAULT_CSS = """
    JobDetails {
        #dialog { width: 108; overflow-y: hidden; }
        VerticalScroll { height: auto; max-height: 100%; }
        #gone, #hiding { color: $text-warning; margin-bottom: 1; }
        #stuck { color: $text-warning; margin-top: 1; }
        #error-title, #history-title { color: $foreground-muted; margin-top: 1; }
        #error { color: $text-error; }
        #keys { color: $foreground-muted; margin-top: 1; dock: bottom; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,q", "leave", "Close", id="details.close", tooltip="Close the details"),
        Binding("y", "copy('id')", "Copy id", id="details.copy_id", tooltip="Copy the job's id"),
        Binding("Y", "copy('json')", "Copy JSON", id="details.copy_json", tooltip="Copy the job as JSON"),
        *(
            Binding(
                text.key,
                f"answer('{text.action}')",
                text.verb,
                id=f"details.{text.action}",
                tooltip=f"{text.verb} this job{', with an error text' if text.asks_error else ''}",
            )
            for text in STATUS_TEXTS.values()
            if text.action
        ),
        Binding("r", "answer('retry')", "Retry", id="details.retry", tooltip="Retry this failed job, as a new job"),
        Binding("d,delete", "answer('delete')", "Delete", id="details.delete", tooltip="Delete this job"),
    ]

    def __init__(
        self,
        job: GenerationJob,
        *,
        project: str,
        now: datetime,
        hiding: Sequence[str] = (),
        is_listed: bool = True,
    ) -> None:
        """`hiding` explains why a job is hidden. `is_listed` is false for a job that was read by its id."""
        super().__init__()
        self.job = job
        self._project = project
        self._now = now
        self._hiding = tuple(hiding)
        self._is_listed = self._was_listed = is_listed
        self._names = Names()
        self._whole: GenerationJob | None = None
        self._history: JobHistory | None = None
        self._history_note = ""

    def compose(self) -> ComposeResult:
        with self.box("Job"):
            yield from self._compose_facts()
            yield SteadyText(id="keys")

    def _compose_facts(self) -> ComposeResult:
        with VerticalScroll():
            yield SteadyText(id="gone")
            yield SteadyText(id="hiding")
            yield SteadyText(id="facts")
            yield SteadyText(id="stuck")
            yield Static("Error", id="error-title", markup=False)
            yield SteadyText(id="error")
            yield Static("Events", id="history-title", markup=False)
            yield SteadyText(id="history")

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
        self._draw()
        self.post_message(HistoryRequested(self))

    def on_resize(self) -> None:
        """Cut the lines to the new width."""
        self.call_after_refresh(self._draw)

    def show(self, job: GenerationJob | None, *, now: datetime, hiding: Sequence[str]) -> None:
        """Show the present state of the job. None means that it is not listed."""
        has_changed = job is None or job.updated_at != self.job.updated_at
        is_news = has_changed and (self._is_listed or job is not None)
        self.job, self._now, self._is_listed = job or self.job, now, job is not None
        self._was_listed = self._was_listed or self._is_listed
        self._hiding = tuple(hiding)
        if self.is_open:
            self._draw()
            if is_news:
                self.post_message(HistoryRequested(self))

    def tell_names(self, names: Names) -> None:
        """Show the names of the owner and the asset."""
        self._names = names
        if self.is_open:
            self._draw()

    def tell_whole(self, job: GenerationJob | None) -> None:
        """Show the full row, if the list has only the beginning of its error."""
        self._whole = job
        if self.is_open:
            self._draw()

    @property
    def now(self) -> datetime:
        """The server's time, as last received."""
        return self._now

    def tell_history(self, history: JobHistory, *, note: str = "") -> None:
        """Show the events of the job, with a note on their limits."""
        self._history, self._history_note = history, note
        if self.is_open:
            self._draw()

    def tell_no_history(self, why: str) -> None:
        """Show why the events could not be read. Earlier events stay."""
        self._history_note = why
        if self.is_open:
            self._draw()

    @property
    def _error(self) -> str | None:
        """The full error if it is known and begins with the listed part; else the listed part."""
        error, whole = self.job.error, self._whole.error if self._whole else None
        return whole if error and whole and whole.startswith(error) else error

    def _draw(self) -> None:
        error = self._error
        self.query_one("#gone").display = not self._is_listed
        self._say("gone", Content(_LEFT if self._was_listed else _BEYOND))
        self.query_one("#hiding").display = bool(self._hiding)
        self._say("hiding", Content("\n").join(map(Content, self._hiding)))
        facts = fact_lines(self.job, project=self._project, names=self._names, now=self._now, width=self._room)
        self._say("facts", Content("\n").join(Content.assemble(*line) for line in facts))
        words = stuck_words(self._names.stuck) if self.job.status is JobStatus.RUNNING else ""
        self.query_one("#stuck").display = bool(words)
        self._say("stuck", Content(words))
        self.query_one("#error-title").display = self.query_one("#error").display = bool(error)
        self._say("error", Content(clean_block(error_pretty(error), limit=_LONGEST_ERROR)))
        self._draw_history()
        acts = {} if self._hiding else _applicable_keys(self.job.status)
        keys = {**acts, **_KEYS_OF_ALL}
        self._say("keys", self.keys_line(keys))

    @property
    def _room(self) -> int:
        """Cells in a line."""
        return self.query_one(VerticalScroll).scrollable_content_region.width

    def _draw_history(self) -> None:
        lines = timeline_lines(self._history, now=self._now, width=self._room) if self._history else []
        if self._history_note:
            lines.append([(clean(self._history_note, limit=400), "$foreground-muted")])
        self.query_one("#history-title").display = self.query_one("#history").display = bool(lines)
        self._say("history", Content("\n").join(Content.assemble(*line) for line in lines))

    def _say(self, where: str, content: Content) -> None:
        self.query_one(f"#{where}", SteadyText).say(content)

    def action_copy(self, what: str) -> None:
        self.post_message(CopyRequested(JobCopy(what), (self.job,)))

    def action_answer(self, answer: str) -> None:
        self.dismiss(JobAction(answer))


async def tell_names(poller: "SessionPoller", details: JobDetailsView) -> None:
    """Load names. The asset is read as the acting user, and the owner as the operator. If a name cannot be read, its
    id is shown instead.
    """
    session, store, job = poller.session, poller.store, details.job
    if session is None or store is None:
        return
    if isinstance(job, ListedJob) and job.is_error_cut:
        with suppress(StoreError):
            details.tell_whole(await store.get_generation_job(job.id))
    owner, asset = await _email(session.operator, job), await _asset_path(store, job)
    details.tell_names(
        Names(owner=owner, asset=asset, links=await _links(store, job), stuck=await _verdict(store, job))
    )


async def _verdict(store: "Store", job: GenerationJob) -> StuckVerdict | None:
    with suppress(StoreError):
        return await store.get_stuck_verdict(job.id)
    return None


async def _links(store: "Store", job: GenerationJob) -> RetryLinks:
    with suppress(StoreError):
        return await store.get_job_links(job.id)
    return NO_LINKS


async def _email(operator: "Store", job: GenerationJob) -> str | None:
    with suppress(StoreError):
        return (await operator.find_actor(str(job.user_id))).email
    return None


async def _asset_path(store: "Store", job: GenerationJob) -> str | None:
    with suppress(StoreError):
        asset = await store.get_asset(job.input_asset_id) if job.input_asset_id else None
        return asset.storage_path if asset else None
    return None


async def tell_history(store: "Store", observations: "ObservedHistories", details: JobDetailsView) -> None:
    """Load the events as the acting user, or explain why there are none."""
    try:
        if missing := (await store.capability_cache.get()).missing(Capability.EVENTS, store.actor):
            seen = observations.of(store).history(details.job.id, now=details.now)
            details.tell_history(seen, note=f"{'Observed here. ' if seen.events else ''}{missing.words}")
        else:
            details.tell_history(await store.get_job_history(details.job.id))
    except StoreError as error:
        details.tell_no_history(error_words(error))
