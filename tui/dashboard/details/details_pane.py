"""The sections of a job's details, how they are read, and the details pane beside a wide list."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from textual.content import Content
from textual.timer import Timer

from gjobs.store.capabilities.capability import Capability
from gjobs.store.errors import StoreError, Unreachable
from gjobs.store.jobs.job import TRACEBACK, GenerationJob, JobStatus, ListedJob, cut_error
from gjobs.store.jobs.job_results import NO_LINKS, JobHistory, ObservedEvents
from gjobs.tui.dashboard.widgets.widgets import DrawnLines
from gjobs.tui.text.clean_text import ELLIPSIS, clean, clean_block
from gjobs.tui.text.error_text import error_words
from gjobs.tui.text.format import Span, error_pretty, error_summary, unrecorded_words
from gjobs.tui.text.job_text import NO_USERS, STATE_FACTS, Names, event_lines, fact_lines, spent_line, stuck_words

if TYPE_CHECKING:
    from gjobs.store.store import Store
    from gjobs.tui.session import Session

T = TypeVar("T")

_LONGEST_WHOLE_ERROR = 20_000
_LONGEST_MESSAGE = 400
_MUTED, _ERROR, _WARNING = "$foreground-muted", "$text-error", "$text-warning"

PARTS = ("hiding", "state", "stuck", "events", "facts")
"""The parts of the details, in their order. A blank line separates them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownJob:
    """A job as last listed, and what its details depend on."""

    job: GenerationJob
    project: str
    now: datetime
    """The server's time, as last received."""
    zone: tzinfo | None = None
    """The zone of the times; None means this machine's."""
    moment: datetime | None = None
    """The earlier moment that is shown; None for the present."""
    hiding: Sequence[str] = ()
    """Why the job is hidden from the user; empty if it is not."""
    is_stuck: bool = False
    """Whether the row of the job is marked as stuck."""
    is_read_only: bool = False


@dataclass(slots=True, kw_only=True)
class JobSections:
    """A job, and the further details that were read. Each section is clean text."""

    shown: ShownJob
    redraw: Callable[[], object]
    """Called when further details were read."""
    names: Names = field(default_factory=Names)
    is_complete: bool = False
    """Whether all details were read once."""
    needs_lookup: bool = False
    """Whether the list of another moment lacks the job, so it has to be read by its id."""
    is_absent: bool = False
    """Whether it is known that the moment has no such job."""
    whole: GenerationJob | None = None
    """The full row, if the list has only the beginning of its error."""
    history: JobHistory | None = None
    history_note: str = ""
    history_error: StoreError | None = None
    """Why the last reading of the events failed; None if it did not fail."""

    @property
    def job(self) -> GenerationJob:
        return self.shown.job

    def show_names(self, names: Names) -> None:
        """Show the names of the owner and the asset, which are read last."""
        self.names, self.is_complete = names, True
        self.redraw()

    def show_whole(self, job: GenerationJob | None) -> None:
        """Show the full row, if the list has only the beginning of its error. If the job was read because the list
        lacks it (`needs_lookup`), show this row.
        """
        if self.needs_lookup:
            self.needs_lookup, self.is_absent = False, job is None
            self.shown = replace(self.shown, job=job or self.job)
        self.whole = job
        self.redraw()

    def show_history(self, history: JobHistory, *, note: str = "") -> None:
        """Show the events of the job, with a note on their limits."""
        self.history, self.history_note, self.history_error = history, note, None
        self.redraw()

    def show_no_history(self, error: StoreError) -> None:
        """Show why the events could not be read. Earlier events stay."""
        self.history_note, self.history_error = error_words(error), error
        self.redraw()

    def is_due_again(self, *, was_lost: bool) -> bool:
        """Return whether to read again what could not be read, now that the list was read. `was_lost` is true if the
        list could not be read either. Otherwise, read again only after a lost connection: after other errors, the
        query may be slow.
        """
        return self.history_error is not None and (was_lost or isinstance(self.history_error, Unreachable))

    def forget_moment(self, *, needs_lookup: bool) -> None:
        """Drop what was read about the moment shown before. The names stay, because they belong to the present."""
        self.needs_lookup, self.is_absent = needs_lookup, False
        self.whole, self.history, self.history_note, self.history_error = None, None, "", None
        self.names = replace(self.names, links=NO_LINKS, stuck=None)

    def parts(self, width: int, *, prefers_names: bool = False) -> dict[str, Content]:
        """Return everything but the full error. If a name and its id do not both fit, the id is shown, unless names are
        preferred.
        """
        shown = self.shown
        facts = fact_lines(
            self.job,
            project=shown.project,
            names=self.names,
            now=shown.now,
            width=width,
            prefers_names=prefers_names,
            zone=shown.zone,
        )
        stuck = stuck_words(self.names.stuck) if self.job.status is JobStatus.RUNNING else ""
        history, owner = self.history, self.names.owner
        users = {self.job.user_id: owner} if owner else NO_USERS
        events = event_lines(history, width=width, zone=shown.zone, users=users) if history else []
        if self.history_note:
            events.append([(clean(self.history_note, limit=_LONGEST_MESSAGE), _MUTED)])
        spent = spent_line(history, now=shown.now, width=width) if history and history.spans else []
        events = [line for line in (spent, *events) if line]
        message = [[(self.message, _ERROR)]] if self.message else []
        parts = (
            Content("\n").join(map(Content, shown.hiding)).stylize(_WARNING),
            _lines([*facts[:STATE_FACTS], *message]),
            Content(stuck or unrecorded_words(self.job)).stylize(_WARNING),
            _lines([[("Events", _MUTED)], *events] if events else []),
            _lines(facts[STATE_FACTS:]),
        )
        return dict(zip(PARTS, parts, strict=True))

    @property
    def message(self) -> str:
        """The error in one line; empty without an error."""
        return clean(error_summary(self._error, is_cut=self._is_cut), limit=_LONGEST_MESSAGE)

    def error(self, *, limit: int = _LONGEST_WHOLE_ERROR) -> Content:
        """Return the full error; empty if the message already says everything. An ellipsis marks a cut error."""
        full = _pretty(self._error, limit)
        if self._is_cut and not full.startswith(TRACEBACK):
            full += ELLIPSIS
        return Content() if full.strip() == self.message else Content(full)

    @property
    def _error(self) -> str | None:
        """The full error if it is known and the listed part belongs to it; else the listed part."""
        error, whole = self.job.error, self.whole.error if self.whole else None
        return whole if whole and cut_error(whole) == error else error

    @property
    def _is_cut(self) -> bool:
        """Whether only the part of the error that a list keeps is known."""
        return isinstance(self.job, ListedJob) and self.job.is_error_cut and self._error == self.job.error


NAMES, HISTORY, DETAILS_PANE = "names", "history", "details pane"
"""The groups of the Textual workers that read details. The pane has one group for both names and events."""
LoadDetails = Callable[[JobSections, str], object]
"""Starts to read the details that a group is for."""


async def load_details(
    session: "Session", store: "Store", sections: JobSections, group: str, observed: ObservedEvents
) -> None:
    """Load what the worker group is for. Load the events first, because they are shown first."""
    if group != NAMES:
        await _load_history(store, observed, sections)
    if group != HISTORY:
        await _load_names(session.operator, store, sections)


async def _load_names(operator: "Store", store: "Store", sections: JobSections) -> None:
    """Load names. The asset is read as the acting user, and the owner as the operator. If a name cannot be read, its
    id is shown instead. In the visibility view, the operator reads the whole error of a hidden job.
    """
    job = sections.job
    if sections.needs_lookup or (isinstance(job, ListedJob) and job.is_error_cut):
        with suppress(StoreError):
            sections.show_whole(await (operator if sections.shown.hiding else store).get_generation_job(job.id))
    user = await _or_else(operator.find_actor(str(job.user_id)), None)
    asset = await _or_else(store.get_asset(job.input_asset_id), None) if job.input_asset_id else None
    links = await _or_else(store.get_job_links(job.id), NO_LINKS)
    stuck = await _or_else(store.get_stuck_verdict(job.id), None)
    path = asset.storage_path if asset else None
    sections.show_names(Names(owner=user.email if user else None, asset=path, links=links, stuck=stuck))


async def _or_else(reading: Awaitable[T], otherwise: T) -> T:
    """Return what was read, or something else if it cannot be read."""
    with suppress(StoreError):
        return await reading
    return otherwise


async def _load_history(store: "Store", observed: ObservedEvents, sections: JobSections) -> None:
    """Load the events as the acting user, or explain why there are none."""
    try:
        if missing := (await store.capability_cache.get()).missing(Capability.MIGRATED, store.actor):
            seen = observed.history(sections.job.id, now=sections.shown.now)
            sections.show_history(seen, note=f"{'Observed here. ' if seen.events else ''}{missing.words}")
        else:
            sections.show_history(await store.get_job_history(sections.job.id))
    except StoreError as error:
        sections.show_no_history(error)


@lru_cache(maxsize=64)
def _pretty(error: str | None, limit: int) -> str:
    """Return an indented error of at most `limit` characters. It is cached, because it is drawn again whenever an age
    changes.
    """
    return clean_block(error_pretty(error), limit=limit)


def _lines(lines: Iterable[list[Span]]) -> Content:
    return Content("\n").join(Content.assemble(*line) for line in lines)


_REST_SECONDS = 0.25
"""The cursor rests on a job for this long before its events and names are read. While a key is held down, nothing is
read.
"""
_SECONDS_UNTIL, _STEP = timedelta(minutes=1), timedelta(seconds=10)
"""A waiting time is redrawn each second for a minute, then every 10 s, because drawing the pane is slow."""
_LONGEST_ERROR = 4_000
_LEAST_WIDTH, _MOST_WIDTH = 54, 72
"""The least width holds a title and an id. Lines longer than the maximum are hard to read."""
_SHARE = 3
"""The pane gets the screen's width divided by this."""


class DetailsPane(DrawnLines, can_focus=False):
    """Shows the listed values at once, and the rest once it has been read. It takes no focus and has no keys."""

    DEFAULT_CSS = """
    DetailsPane {
        height: 1fr;
        padding: 0 1;
        border: round $primary-muted;
        border-title-color: $foreground-muted;
        border-title-style: bold;
        border-subtitle-color: $foreground-muted;
    }
    """

    def __init__(self, *, id: str | None = None, screen_width: int, load_details: LoadDetails) -> None:  # noqa: A002
        super().__init__(id=id)
        self._load_details = load_details
        self.border_title = Content("Details")
        self._sections: JobSections | None = None
        self._resting: Timer | None = None
        self.fit(screen_width)

    def fit(self, screen_width: int) -> None:
        """Set the width from the screen alone, so that nothing moves when another job is shown."""
        self.styles.width = min(max(screen_width // _SHARE, _LEAST_WIDTH), _MOST_WIDTH)

    @property
    def is_loading(self) -> bool:
        """Whether some details of the shown job are still to be read."""
        return self._sections is not None and not self._sections.is_complete

    def show(self, shown: ShownJob | None) -> None:
        """Show the job under the cursor. What was read about another job is dropped at once.

        When the mark `is_stuck` of the row changes, the reasons are read again.
        """
        sections = self._sections
        if shown is None:
            self.forget()
            return
        if sections is None or sections.job.id != shown.job.id:
            self._sections = JobSections(shown=shown, redraw=self.fit_lines)
            self._load_soon()
        else:
            job, before = shown.job, sections.shown
            has_changed = (job.updated_at, shown.is_stuck) != (before.job.updated_at, before.is_stuck)
            # Running jobs show seconds, as their rows do. So do jobs changed less than a minute ago.
            shows_seconds = job.status is JobStatus.RUNNING or shown.now - job.updated_at < _SECONDS_UNTIL
            if not (has_changed or shows_seconds or shown.now - before.now >= _STEP):
                shown = replace(shown, now=before.now)
            if shown == before:
                return
            sections.shown = shown
            if has_changed:
                self._load_soon()
        self.fit_lines()

    def read_again(self, *, was_lost: bool) -> None:
        """Read what could not be read. The list was just read."""
        if self._sections is not None and self._sections.is_due_again(was_lost=was_lost):
            self._load_soon()

    def forget(self) -> None:
        """Clear everything, also what is still being read."""
        self._sections = None
        if self._resting is not None:
            self._resting.stop()
        self.fit_lines()

    def _load_soon(self) -> None:
        if self._resting is not None:
            self._resting.stop()
        self._resting = self.set_timer(_REST_SECONDS, self._request)

    def _request(self) -> None:
        if self._sections is not None:
            self._load_details(self._sections, DETAILS_PANE)

    def fit_lines(self) -> None:
        """Redraw only the lines of the pane that have changed."""
        width, height = self.size
        if width:
            self.show_lines(self._words(width, height).wrap(width)[:height])

    def _words(self, width: int, height: int) -> Content:
        if (sections := self._sections) is None:
            return Content.styled("No job under the cursor", _MUTED)
        parts = [*sections.parts(width, prefers_names=True).values()]
        if error := sections.error(limit=_LONGEST_ERROR):
            # Wrapping lines that do not fit would slow down each move of the cursor.
            lines = error.plain.splitlines()[:height]
            parts.append(Content.assemble(("Full error\n", _MUTED), ("\n".join(lines), _ERROR)))
        return Content("\n\n").join(filter(None, parts))
