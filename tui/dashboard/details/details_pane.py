"""Details pane: the job under the cursor, beside a wide list."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta, tzinfo
from itertools import zip_longest
from typing import NamedTuple

from textual.content import Content
from textual.timer import Timer

from gjobs.store.errors import StoreError
from gjobs.store.jobs.job import GenerationJob, JobStatus
from gjobs.store.jobs.job_history import JobHistory
from gjobs.tui.dashboard.details.job_sections import JobSections
from gjobs.tui.dashboard.messages import PaneLoadRequested
from gjobs.tui.dashboard.widgets import DrawnLines
from gjobs.tui.text.job_text import Names

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
_MUTED, _ERROR, _WARNING = "$foreground-muted", "$text-error", "$text-warning"


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

    def __init__(self, *, id: str | None = None, screen_width: int) -> None:  # noqa: A002
        super().__init__(id=id)
        self.border_title = Content("Details")
        self._sections: JobSections | None = None
        self._load: PaneLoad | None = None
        self._wrapped: Sequence[_Wrapped] = ()
        self._resting: Timer | None = None
        self._is_read = False
        self._is_stuck = False
        """Whether the row of the job is marked as stuck."""
        self.fit(screen_width)

    def fit(self, screen_width: int) -> None:
        """Set the width from the screen alone, so that nothing moves when another job is shown."""
        self.styles.width = min(max(screen_width // _SHARE, _LEAST_WIDTH), _MOST_WIDTH)

    @property
    def is_loading(self) -> bool:
        """Whether some details of the shown job are still to be read."""
        return self._sections is not None and not self._is_read

    def end_load(self) -> None:
        """Mark the details of the job as completely read."""
        self._is_read = True

    @property
    def job(self) -> GenerationJob | None:
        """The job shown; None without one."""
        return self._sections.job if self._sections else None

    def show(
        self,
        job: GenerationJob | None,
        *,
        project: str,
        now: datetime,
        hiding: Sequence[str],
        is_stuck: bool,
        zone: tzinfo | None = None,
    ) -> None:
        """Show the job under the cursor. What was read about another job is dropped at once.

        When the mark `is_stuck` of the row changes, the reasons are read again.
        """
        before = self._sections
        if job is None:
            self.forget()
            return
        if before is None or before.job.id != job.id:
            self._sections = JobSections(job=job, project=project, now=now, hiding=hiding, zone=zone)
            self._load = None
            self._is_read = False
            self._load_soon()
        else:
            has_changed = before.job.updated_at != job.updated_at or self._is_stuck != is_stuck
            if has_changed or _shows_seconds(job, now) or now - before.now >= _STEP:
                before.now = now
            elif (before.job, before.project, before.hiding, before.zone) == (job, project, hiding, zone):
                return
            before.job, before.project, before.hiding, before.zone = job, project, hiding, zone
            if has_changed:
                self._load_soon()
        self._is_stuck = is_stuck
        self.follow()

    def read_again(self, *, was_lost: bool) -> None:
        """Read what could not be read. The list was just read. `was_lost` is true if the previous reading of the list
        failed.
        """
        if self._sections is not None and self._sections.is_due_again(was_lost=was_lost):
            self._load_soon()

    def forget(self) -> None:
        """Clear everything, also what is still being read."""
        self._sections = self._load = None
        if self._resting is not None:
            self._resting.stop()
        self.follow()

    def _load_soon(self) -> None:
        if self._resting is not None:
            self._resting.stop()
        self._resting = self.set_timer(_REST_SECONDS, self._request)

    def _request(self) -> None:
        if self._sections is not None:
            self._load = PaneLoad(self, self._sections)
            self.post_message(PaneLoadRequested(self._load))

    def is_current(self, load: "PaneLoad") -> bool:
        return load is self._load

    def follow(self) -> None:
        """Redraw only the lines of the pane that have changed."""
        width, height = self.size
        if width:
            sections = zip_longest(self._words(width, height), self._wrapped)
            self._wrapped = [_wrap(words, width, before) for words, before in sections if words is not None]
            self.show_lines([line for section in self._wrapped for line in section.lines][:height])

    def fit_lines(self) -> None:
        self.follow()

    def _words(self, width: int, height: int) -> Iterable[Content]:
        if self._sections is None:
            return [Content.styled("No job under the cursor", _MUTED)]
        return _shown(self._sections, width, height)


class _Wrapped(NamedTuple):
    words: Content
    width: int
    lines: Sequence[Content]


def _wrap(words: Content, width: int, before: _Wrapped | None) -> _Wrapped:
    """Wrap a section. Return what was wrapped before if it is the same, because wrapping takes milliseconds."""
    if before is not None and before.width == width and before.words.is_same(words):
        return before
    return _Wrapped(words, width, words.wrap(width))


def _shows_seconds(job: GenerationJob, now: datetime) -> bool:
    """Running jobs show seconds, as their rows do. So do jobs changed less than a minute ago."""
    return job.status is JobStatus.RUNNING or now - job.updated_at < _SECONDS_UNTIL


def _shown(sections: JobSections, width: int, height: int) -> Iterator[Content]:
    """Yield the sections in the order of the dialog, with blank lines between them."""
    if sections.hiding:
        yield sections.reasons.stylize(_WARNING)
        yield Content()
    yield sections.state(width)
    if message := sections.message:
        yield message.stylize(_ERROR)
    if stuck := sections.stuck:
        yield Content.assemble("\n", stuck.stylize(_WARNING))
    spent, events = sections.spent(width), sections.events(width)
    if spent or events:
        yield Content.styled("\nEvents", _MUTED)
    yield from filter(None, (spent, events))
    yield Content.assemble("\n", sections.facts(width, prefers_names=True))
    if error := sections.error(limit=_LONGEST_ERROR):
        # Wrapping lines that do not fit would slow down each move of the cursor.
        lines = error.plain.splitlines()[:height]
        yield Content.assemble(("\nFull error\n", _MUTED), ("\n".join(lines), _ERROR))


class PaneLoad:
    """One load for a pane. Its results are dropped once the pane shows another job, or loads again."""

    is_sought = False

    def __init__(self, pane: DetailsPane, sections: JobSections) -> None:
        self._pane = pane
        self._sections = sections
        self.job = sections.job
        self.is_hidden = bool(sections.hiding)

    @property
    def now(self) -> datetime:
        """The server's time, as last received."""
        return self._sections.now

    def tell_names(self, names: Names) -> None:
        if self._pane.is_current(self):
            self._sections.names = names
            self._pane.end_load()  # Names are read last.
            self._pane.follow()

    def tell_whole(self, job: GenerationJob | None) -> None:
        if self._pane.is_current(self):
            self._sections.whole = job
            self._pane.follow()

    def tell_history(self, history: JobHistory, *, note: str = "") -> None:
        if self._pane.is_current(self):
            self._sections.show_history(history, note=note)
            self._pane.follow()

    def tell_no_history(self, error: StoreError) -> None:
        if self._pane.is_current(self):
            self._sections.show_no_history(error)
            self._pane.follow()
