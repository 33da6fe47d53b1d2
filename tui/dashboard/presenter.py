"""Presenter view: the state machine and the last transitions on the whole screen, in large digits."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from operator import attrgetter
from typing import ClassVar
from uuid import UUID

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Center, Horizontal, Vertical
from textual.content import Content
from textual.renderables.digits import Digits as DigitsRenderable
from textual.screen import ModalScreen
from textual.widgets import Digits, Static

from gjobs.store.job_list.list_query import Listing, ListQuery
from gjobs.store.jobs.job import AnyStatus, GenerationJob, JobStatus
from gjobs.store.statistics.statistics import Totals
from gjobs.tui.dashboard.bindings import DIALOG, HINT, KEYS, bind
from gjobs.tui.dashboard.panels import state_machine
from gjobs.tui.dashboard.panels.footer import KeyHints, LineText, MessageLine, pinned_text
from gjobs.tui.dashboard.panels.screen import DashboardScreen
from gjobs.tui.dashboard.widgets.widgets import ClosesOnce, SteadyText
from gjobs.tui.text.clean_text import clean
from gjobs.tui.text.format import MUTED, UNKNOWN, age, percent, short_id
from gjobs.tui.text.status_text import status_label, status_style


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A change of a job's status, as two listings show it."""

    job: GenerationJob
    """The job after the change."""
    before: AnyStatus | None
    """The status that an earlier listing showed. None if none showed the job."""
    at: datetime

    @property
    def path(self) -> tuple[AnyStatus, ...]:
        """The statuses from `before` on. If the workflow has a status between, it is included: two changes were seen
        as one.
        """
        if self.before is None:
            return (self.job.status,)
        between = (one for one in self.before.allowed if self.job.status in one.allowed)
        return (self.before, *islice(between, 1), self.job.status)


class TransitionLog:
    """Keeps the last changes of one list. Changes between two listings are seen as one."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._query: ListQuery | None = None
        self._statuses: dict[UUID, AnyStatus] = {}
        self._taken_at: datetime | None = None
        """When the last listing was read, by the server's clock."""
        self.transitions: tuple[Transition, ...] = ()
        """Newest first."""

    def forget(self) -> None:
        self._query, self._statuses, self._taken_at, self.transitions = None, {}, None, ()

    def follow(self, listing: Listing) -> None:
        """Compare with the listing before. After a switch to another list, show the jobs that changed most recently."""
        jobs = [job for job in listing.window.jobs if job.id not in listing.hidden]
        if listing.query.window.listed != self._query:
            self.forget()
            self._query = listing.query.window.listed
        changed = [job for job in jobs if self._statuses.get(job.id) != job.status]
        new = [Transition(job=job, before=self._statuses.get(job.id), at=job.updated_at) for job in changed]
        if self._taken_at is not None:
            # A job that was restored, imported or scrolled into the window has not changed.
            since, known = self._taken_at - state_machine.LONGEST_TRANSACTION, {one.job.id for one in self.transitions}
            new = [one for one in new if one.before or (one.at > since and one.job.id not in known)]
        self.transitions = tuple(sorted([*new, *self.transitions], key=attrgetter("at"), reverse=True)[: self._most])
        self._statuses, self._taken_at = {job.id: job.status for job in jobs}, listing.taken_at


SHOWN_TRANSITIONS, MOST_TRANSITIONS = 5, 8
"""The number of transitions shown if they fit, and the maximum on a taller screen."""
_WITH_ID_FROM, _PATH_FROM = 100, 80
"""Minimum screen widths for the job's id and for three statuses."""


class TransitionRows(Center):
    DEFAULT_CSS = """
    TransitionRows {
        height: 1fr;

        SteadyText { height: auto; width: auto; max-width: 100%; text-wrap: nowrap; text-style: bold; }
        SteadyText { text-overflow: ellipsis; }
    }
    """

    _transitions: Sequence[Transition] = ()
    _now: datetime | None = None
    _empty = ""

    def compose(self) -> ComposeResult:
        yield SteadyText(id="transitions")

    def on_resize(self) -> None:
        self._draw()

    def show(self, transitions: Sequence[Transition], now: datetime, *, empty: str) -> None:
        """Show the transitions, newest first. Without any, show the text `empty`."""
        self._transitions, self._now, self._empty = transitions, now, empty
        self._draw()

    def _draw(self) -> None:
        if self._now is None or not self.content_size.height:
            return
        lines, gap = self._rows(self._now)
        words = Content("\n" * (gap + 1)).join(lines) if lines else Content.styled(self._empty, MUTED)
        self.query_one("#transitions", SteadyText).set_content(words)

    def _rows(self, now: datetime) -> tuple[list[Content], int]:
        """Return one line for each transition, and the number of blank lines between them."""
        height, width = self.content_size.height, self.app.size.width
        gap = 1 if height >= 2 * SHOWN_TRANSITIONS - 1 else 0
        most = min(MOST_TRANSITIONS if gap else SHOWN_TRANSITIONS, (height + gap) // (1 + gap))
        statuses, has_id = 3 if width >= _PATH_FROM else 2, width >= _WITH_ID_FROM
        return [_line(one, now, has_id=has_id, most=statuses) for one in self._transitions[:most]], gap


def _line(transition: Transition, now: datetime, *, has_id: bool, most: int) -> Content:
    """Return the line of a transition with its last `most` statuses."""
    job = transition.job
    mode = clean(job.mode, limit=18)
    name = f"{short_id(job.id)}   {mode:<18}" if has_id else f"{mode:<18}"
    start = Content(f"{age(transition.at, now):>11}   {name}   ")
    path = [Content.styled(status_label(one), status_style(one)) for one in transition.path[-most:]]
    return Content.assemble(start, Content.styled("  →  ", MUTED).join(path))


_WIDEST = 140
"""Minimum screen width for long arrows."""
_NOTES_FROM, _GAPS_FROM = 22, 30
"""Minimum screen heights for notes below the numbers, and for blank lines between the parts."""
_KEYS_ROOM = len("space: skip the wait")
"""Cells of the longest usual key hint of a caption."""
_MOST_CAPTION_LINES = 8
_PADDING = 2
_DIGITS = frozenset("0123456789$.,% ")
"""What can be drawn in large digits here."""


class BigNumber(Vertical):
    """A number in large digits above its name. A text that cannot be drawn large is bold."""

    DEFAULT_CSS = """
    BigNumber {
        height: auto;

        Digits { height: 3; text-align: center; text-style: bold; }
        .plain { width: 100%; height: 3; text-align: center; content-align: center middle; text-style: bold; }
        .name { width: 100%; height: 1; text-align: center; text-style: bold; text-wrap: nowrap; }
        .note { width: 100%; height: 1; text-align: center; color: $foreground-muted; text-wrap: nowrap; }
    }
    """

    def compose(self) -> ComposeResult:
        yield Digits()
        yield SteadyText(classes="plain")
        yield SteadyText(classes="name")
        yield SteadyText(classes="note")

    def show(self, number: str, name: str, *, style: str = "", note: str = "") -> None:
        digits, plain = self.query_one(Digits), self.query_one(".plain", SteadyText)
        fits = set(number) <= _DIGITS and DigitsRenderable.get_width(number) <= self.content_size.width
        digits.display, plain.display = fits, not fits
        if fits and digits.value != number:
            digits.update(number)
        plain.set_content(Content(number))
        self.query_one(".name", SteadyText).set_content(Content.styled(name, style))
        self.query_one(".note", SteadyText).set_content(Content(note))


class Caption(MessageLine):
    """A caption or a message, on as many lines as it needs."""

    DEFAULT_CSS = """
    Caption {
        &.-in-dialog { dock: none; background: $panel; }
        width: 100%;
        height: auto;
        min-height: 1;
        text-align: center;
        content-align: center middle;
        text-wrap: wrap;
        padding: 0 2;
    }
    """

    @property
    def _most_lines(self) -> int:
        return _MOST_CAPTION_LINES

    @property
    def _whole_room(self) -> int:
        return self.app.size.width - 2 * _PADDING

    @property
    def _pinned(self) -> LineText | None:
        """The pinned text, with the keys that work in the presenter view."""
        pinned = self._board.pinned
        return None if pinned is None else pinned_text(pinned, has_keys=pinned.has_keys_in_presenter)

    def _fit_lines(self) -> None:
        """Take the lines that the caption needs with the longest usual key hint. Another hint then moves nothing."""
        texts = [one for one in (self._passing, self._pinned) if one is not None]
        if self._board.pinned is not None and self._board.pinned.has_keys_in_presenter:
            texts[-1] = replace(texts[-1], keys=texts[-1].keys.ljust(_KEYS_ROOM, "."))
        self._line_count = max([1, *(len(one.lines(self._whole_room, self._most_lines)) for one in texts)])
        self.styles.height = self._line_count


READING_KEYS: list[BindingType] = [
    replace(one, action=f'leave_for("{one.action}")', show=False)
    for one in (KEYS[f"app.{name}"] for name in ("isolation", "times", "errors", "workers", "messages", "lens"))
]
"""Keys of the app that open an information screen."""


class Presenter(ModalScreen[None], ClosesOnce[None]):
    DEFAULT_CSS = """
    Presenter {
        background: $background;

        #heading { height: 1; width: 100%; background: $panel; text-style: bold; text-wrap: nowrap; padding: 0 1; }
        #heading.-past { color: $text-warning; }
        #machine { height: auto; padding: 0 1; align-vertical: middle; }
        #machine BigNumber { border: round $foreground-muted; }
        #machine #state-running { color: $text-primary; border: round $primary; }
        #machine #state-succeeded { width: 1.15fr; color: $text-success; border: round $success; }
        #machine #state-failed { color: $text-error; border: round $error; }
        #machine .arrow { width: 3; height: 5; content-align: center middle; color: $foreground-muted; }
        .note { display: none; }
        #figures { height: auto; padding: 0 1; }
        #figures #total-cost { width: 1.2fr; }
        #figures #total-count { width: 0.8fr; }
        #heading, .name, .note { text-overflow: ellipsis; }
        &.-notes .note { display: block; }
        &.-gaps Caption, &.-gaps #machine { margin-top: 1; }
        &.-gaps #figures { margin-bottom: 1; }
        &.-widest #machine .arrow { width: 7; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("presenter.close", "B,q,escape", "close", "Close the presenter view", HINT, "leave"),
        bind("presenter.help", "question_mark,f1", "help", "Show the manual", HINT | DIALOG, "app.help"),
        *READING_KEYS,
    ]
    help_topic = "demo"

    has_message_line = True

    def __init__(self, source: DashboardScreen) -> None:
        super().__init__()
        self._source = source
        self._log = TransitionLog(MOST_TRANSITIONS)

    def compose(self) -> ComposeResult:
        self._fit()
        yield SteadyText(id="heading")
        with Horizontal(id="machine"):
            for before, status in zip((None, *JobStatus), JobStatus, strict=False):
                if before:
                    yield Static("/" if before.is_final else "──→", classes="arrow", markup=False)
                yield BigNumber(id=f"state-{status}")
        with Horizontal(id="figures"):
            yield BigNumber(id="total-cost")
            yield BigNumber(id="success")
            yield BigNumber(id="total-count")
        yield TransitionRows()
        yield Caption()
        yield KeyHints(id="keys")

    def on_mount(self) -> None:
        self._source.data_signal.subscribe(self, lambda _: self.draw())
        self.set_interval(1.0, self._draw_transitions)
        self.call_after_refresh(self.draw)

    def on_resize(self) -> None:
        self._fit()
        self.call_after_refresh(self.draw)

    def _fit(self) -> None:
        width, height = self.app.size
        self.set_class(width >= _WIDEST, "-widest")
        self.set_class(height >= _NOTES_FROM, "-notes")
        self.set_class(height >= _GAPS_FROM, "-gaps")

    @property
    def hidden_keys(self) -> frozenset[str]:
        return self._source.hidden_keys

    async def action_leave_for(self, action: str) -> None:
        """Close the view and run the key's action on the dashboard, which shows the results."""
        self.dismiss()
        await self.app.run_action(action)

    def draw(self) -> None:
        listing, totals = self._source.listing, self._source.totals
        if listing is None:
            self._log.forget()
        else:
            self._log.follow(listing)
        heading = self.query_one("#heading", SteadyText)
        heading.set_class(listing is not None and listing.query.moment is not None, "-past")
        heading.set_content(Content(self._source.heading))
        self._draw_numbers(totals)
        self._draw_transitions()

    def _draw_numbers(self, totals: Totals | None) -> None:
        for status in JobStatus:
            figures = state_machine.state_figures(totals)[status] if totals else None
            number, total = (figures.number, figures.total) if figures else (UNKNOWN, "")
            self._box(f"state-{status}").show(number, status_label(status), style=status_style(status), note=total)
        everything = state_machine.all_figures(totals) if totals else None
        rate = totals.statistics.success_rate_finished if totals and totals.statistics else None
        success = UNKNOWN if rate is None else percent(rate).replace(" ", "")
        others = ", ".join(f"{one.number} {one.label}" for one in state_machine.other_figures(totals)) if totals else ""
        self._box("total-cost").show(everything.total if everything else UNKNOWN, "cost")
        self._box("success").show(success, "success rate")
        self._box("total-count").show(everything.number if everything else UNKNOWN, "jobs", note=others)

    def _box(self, widget: str) -> BigNumber:
        return self.query_one(f"#{widget}", BigNumber)

    def _draw_transitions(self) -> None:
        empty = "Loading …" if self._source.listing is None else "No jobs yet"
        self.query_one(TransitionRows).show(self._log.transitions, self._source.now, empty=empty)
