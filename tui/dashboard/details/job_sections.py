"""The sections of a job's details, shared by the dialog and the pane."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from functools import lru_cache

from textual.content import Content

from gjobs.store.errors import StoreError, Unreachable
from gjobs.store.jobs.job import TRACEBACK, GenerationJob, JobStatus, ListedJob, cut_error
from gjobs.store.jobs.job_history import JobHistory
from gjobs.store.jobs.job_results import NO_LINKS
from gjobs.tui.text.clean_text import ELLIPSIS, clean, clean_block
from gjobs.tui.text.error_text import error_words
from gjobs.tui.text.format import Span, error_pretty, error_summary
from gjobs.tui.text.job_text import NO_USERS, STATE_FACTS, Names, event_lines, fact_lines, spent_line, stuck_words
from gjobs.tui.text.moment_text import unrecorded_words

_LONGEST_ERROR = 20_000
_LONGEST_MESSAGE = 400


@dataclass(slots=True, kw_only=True)
class JobSections:
    """A job as last listed, and the further details that were read. Each section is clean text."""

    job: GenerationJob
    project: str
    now: datetime
    """The server's time."""
    hiding: Sequence[str] = ()
    """Why the job is hidden from the user; empty if it is not."""
    names: Names = field(default_factory=Names)
    whole: GenerationJob | None = None
    """The full row, if the list has only the beginning of its error."""
    history: JobHistory | None = None
    history_note: str = ""
    history_error: StoreError | None = None
    """Why the last reading of the events failed; None if it did not fail."""
    zone: tzinfo | None = None
    """The zone of the times; None means this machine's."""
    _events: tuple[tuple[object, ...], Content] | None = None
    """The inputs of the last layout of the events, and its result."""

    def show_history(self, history: JobHistory, *, note: str) -> None:
        self.history, self.history_note, self.history_error = history, note, None

    def show_no_history(self, error: StoreError) -> None:
        """Show why the events could not be read. Earlier events stay."""
        self.history_note, self.history_error = error_words(error), error

    def is_due_again(self, *, was_lost: bool) -> bool:
        """Return whether to read again what could not be read, now that the list was read. `was_lost` is true if the
        list could not be read either. Otherwise, read again only after a lost connection: after other errors, the
        query may be slow.
        """
        return self.history_error is not None and (was_lost or isinstance(self.history_error, Unreachable))

    def forget_moment(self) -> None:
        """Drop what was read about the moment shown before. The names stay, because they belong to the present."""
        self.whole, self.history, self.history_note, self.history_error = None, None, "", None
        self.names = replace(self.names, links=NO_LINKS, stuck=None)

    def state(self, width: int) -> Content:
        """Return the status and the times."""
        return _lines(self._facts(width)[:STATE_FACTS])

    def facts(self, width: int, *, prefers_names: bool = False) -> Content:
        """Return all other facts. If a name and its id do not both fit, the id is shown, unless names are preferred."""
        return _lines(self._facts(width, prefers_names=prefers_names)[STATE_FACTS:])

    def _facts(self, width: int, *, prefers_names: bool = False) -> list[list[Span]]:
        return fact_lines(
            self.job,
            project=self.project,
            names=self.names,
            now=self.now,
            width=width,
            prefers_names=prefers_names,
            zone=self.zone,
        )

    @property
    def reasons(self) -> Content:
        """Why the job is hidden."""
        return Content("\n").join(map(Content, self.hiding))

    @property
    def stuck(self) -> Content:
        """Why the job is stuck, and what is safe to do; empty if it is not stuck. For an earlier moment, what was not
        recorded.
        """
        stuck = stuck_words(self.names.stuck) if self.job.status is JobStatus.RUNNING else ""
        return Content(stuck or unrecorded_words(self.job))

    @property
    def message(self) -> Content:
        """The error in one line; empty without an error."""
        return Content(clean(error_summary(self._error, is_cut=self._is_cut), limit=_LONGEST_MESSAGE))

    def error(self, *, limit: int = _LONGEST_ERROR) -> Content:
        """Return the full error; empty if the message already says everything. An ellipsis marks a cut error."""
        full = _pretty(self._error, limit)
        if self._is_cut and not full.startswith(TRACEBACK):
            full += ELLIPSIS
        return Content() if full.strip() == self.message.plain else Content(full)

    @property
    def _error(self) -> str | None:
        """The full error if it is known and the listed part belongs to it; else the listed part."""
        error, whole = self.job.error, self.whole.error if self.whole else None
        return whole if whole and cut_error(whole) == error else error

    @property
    def _is_cut(self) -> bool:
        """Whether only the part of the error that a list keeps is known."""
        return isinstance(self.job, ListedJob) and self.job.is_error_cut and self._error == self.job.error

    def timeline(self, width: int) -> Content:
        """Return the time in each status, and the events. Empty if nothing was read yet."""
        return Content("\n").join(filter(None, (self.spent(width), self.events(width))))

    def spent(self, width: int) -> Content:
        """Return the time in each status; empty if it is unknown."""
        if not self.history or not self.history.spans:
            return Content()
        return Content.assemble(*spent_line(self.history, now=self.now, width=width))

    def events(self, width: int) -> Content:
        """Return the events with a note on their limits. The texts of events do not depend on the current time, so
        they are laid out once.
        """
        owner = self.names.owner
        layout = width, self.zone, owner, self.history, self.history_note
        if self._events is None or self._events[0] != layout:
            users = {self.job.user_id: owner} if owner else NO_USERS
            lines = event_lines(self.history, width=width, zone=self.zone, users=users) if self.history else []
            if self.history_note:
                lines.append([(clean(self.history_note, limit=_LONGEST_MESSAGE), "$foreground-muted")])
            self._events = layout, _lines(lines)
        return self._events[1]


@lru_cache(maxsize=64)
def _pretty(error: str | None, limit: int) -> str:
    """Return an indented error of at most `limit` characters. It is cached, because it is drawn again whenever an age
    changes.
    """
    return clean_block(error_pretty(error), limit=limit)


def _lines(lines: Iterable[list[Span]]) -> Content:
    return Content("\n").join(Content.assemble(*line) for line in lines)
