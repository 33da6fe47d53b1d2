"""The last messages of this run, and notifications about finished jobs."""

import logging
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, tzinfo
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Static

from gjobs.store.configuration.settings import Notifications
from gjobs.store.errors import StoreError
from gjobs.store.filters.filter_syntax import parse
from gjobs.store.jobs.job import FINAL_STATUSES, JobStatus, UnknownStatus
from gjobs.store.poller import Poller, PollFailure, PollResult
from gjobs.store.store import Store
from gjobs.store.watch.watch import Transition, TransitionBatch
from gjobs.tui.dashboard.actions.action_host import ActionHost
from gjobs.tui.dashboard.bindings import bind
from gjobs.tui.dashboard.dialogs.list_dialog import RowsDialog
from gjobs.tui.dashboard.terminal.clipboard import copy_text
from gjobs.tui.dashboard.widgets.message_board import ShownMessage, board_of, show_message, show_warning
from gjobs.tui.dashboard.widgets.widgets import RowList, SteadyText
from gjobs.tui.text.clean_text import clean, shorten
from gjobs.tui.text.error_text import Message, Severity
from gjobs.tui.text.format import count, error_summary, short_id

_STYLES: dict[Severity, str] = {"information": "$text-success", "warning": "$text-warning", "error": "$text-error"}
_WORDS: dict[Severity, str] = {"information": "✓", "warning": "warning", "error": "error"}
_COPY = ("messages.copy", "messages.copy_all")
_OTHERS, _LOW_OTHERS = 6, 3
"""Lines of the border, the padding and the keys."""
_LEAST_TEXT = 24
"""Minimum width of the text beside the time. If there is less, the text begins below the time."""
_INDENT = 2


class MessagesDialog(RowsDialog[ShownMessage, None]):
    """Lists messages, the newest first. They can be copied. A new message does not move the cursor to another one."""

    DEFAULT_CSS = """
    MessagesDialog {
        #dialog { width: 120; overflow: hidden; }
        OptionList { height: 1fr; scrollbar-gutter: stable; }
        #none { height: 1fr; display: none; }
        #keys { height: 1; color: $foreground-muted; margin-top: 1; text-wrap: nowrap; text-overflow: ellipsis; }

        &.-empty {
            OptionList { height: 0; }
            #none { display: block; }
        }
        &.-low {
            #dialog { padding: 0 1; }
            #keys { margin-top: 0; }
        }
    }
    """
    LOW = 18
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("messages.close", "q,m", "Close", "Close the messages", action="leave"),
        bind("messages.copy", "y", "Copy", "Copy the message", action="copy"),
        bind("messages.copy_all", "Y", "Copy all", "Copy all messages", action="copy_all"),
    ]
    HINTS = (*_COPY, "dialog.leave")

    def __init__(self, host: ActionHost) -> None:
        super().__init__()
        self._host = host
        self._board = board_of(host)
        self._heights: tuple[int, ...] = ()
        """The number of lines of each listed message."""

    def compose(self) -> ComposeResult:
        with self.box("Messages"):
            yield RowList(markup=False, compact=True)
            yield Static("No messages yet.", id="none", markup=False)
            yield SteadyText(id="keys")

    @property
    def hidden_keys(self) -> frozenset[str]:
        return frozenset(() if self._board.kept else _COPY)

    def follow_messages(self) -> None:
        listed, kept = [id(one) for one in reversed(self.rows)], [id(one) for one in self._board.kept]
        if listed != kept:
            self.draw()

    def draw(self) -> None:
        """List the kept messages. The cursor stays on its message and, if it can, on its line of the screen."""
        if not self.is_open:
            return
        rows = self.row_list
        before, place, chosen = rows.scroll_y, rows.highlighted or 0, self.row_under_cursor
        above = sum(self._heights[:place]) - before

        width = rows.scrollable_content_region.width or None
        self.rows = tuple(reversed(self._board.kept))
        contents = self._contents(width)
        self._heights = tuple(content.plain.count("\n") + 1 for content in contents)
        self.set_class(not contents, "-empty")
        others = _LOW_OTHERS if self.is_low else _OTHERS
        self.query_one("#dialog").styles.height = max(sum(self._heights), 1) + others
        self.set_part("keys", self.keys_line(self.HINTS))

        rows.set_options(contents)
        if contents:
            place = next((at for at, one in enumerate(self.rows) if one is chosen), min(place, len(contents) - 1))
            rows.highlighted = place
            rows.scroll_to(y=sum(self._heights[:place]) - above if before else 0, animate=False, immediate=True)
            rows.scroll_to_highlight()

    def action_copy(self) -> None:
        if (place := self.row_list.highlighted) is not None:
            self._copy([self._contents()[place]], "Copied the message")

    def action_copy_all(self) -> None:
        if self.rows:
            self._copy(self._contents(), "Copied all messages")

    def _copy(self, contents: Sequence[Content], done: str) -> None:
        copy_text(self.app, "\n".join(content.plain for content in contents), done)

    def _contents(self, width: int | None = None) -> list[Content]:
        return [_content(message, self._host.dashboard.zone.zone, width) for message in self.rows]


def _content(message: ShownMessage, zone: tzinfo | None, width: int | None) -> Content:
    """Return the message. With `width`, wrap the text and indent its continuation lines."""
    time, word = f"{message.at.astimezone(zone):%H:%M:%S}  ", f"{_WORDS[message.severity]:<7}  "
    text, beside = message.text, len(time + word)
    if width is not None:
        is_beside = width - beside >= _LEAST_TEXT
        indent = beside if is_beside else _INDENT
        lines = [line.plain.rstrip() for line in Content(text).wrap(max(width - indent, 1))]
        text = f"\n{' ' * indent}".join(lines if is_beside else ["", *lines])
    return Content.assemble((time, "$foreground-muted"), (word, _STYLES[message.severity]), text)


NOT_SHOWN = (
    "gjobs sends no desktop notifications, because it does not know whether this terminal can show them. Inside tmux,"
    " gjobs cannot detect the terminal. Name it with 'terminal' under [notifications] in the configuration."
)

_NINE = frozenset({"iTerm.app", "iTerm2", "WezTerm", "ghostty", "Ghostty", "WarpTerminal"})
"""Names of terminals that take a notification with a single text."""
_SEVENS = ("foot", "rxvt-unicode")
_KITTY = ("xterm-kitty", "kitty")


def sequence(environment: Mapping[str, str], title: str, body: str, *, named: str | None = None) -> str | None:
    """Return the notification for the terminal that is `named`, or else for the one in the environment.

    Return None for an unknown terminal. Inside tmux, the outer terminal must be named. tmux forwards the
    sequence only if `allow-passthrough` is on. Inside screen, nothing is sent, because screen truncates the sequence.
    """
    in_tmux, in_screen = (bool(environment.get(name)) for name in ("TMUX", "STY"))
    if in_screen and not in_tmux:
        return None
    if named is not None:
        written = _written(named, "", title, body)
    elif in_tmux:
        return None
    else:
        written = _written(environment.get("TERM_PROGRAM", ""), environment.get("TERM", ""), title, body)
    if written is None or not in_tmux:
        return written
    doubled = written.replace("\x1b", "\x1b\x1b")
    return f"\x1bPtmux;{doubled}\x1b\\"


def _written(terminal: str, kind: str, title: str, body: str) -> str | None:
    title, body = clean(title), clean(body)
    if terminal in _NINE:
        return f"\x1b]9;{title}: {body}\x07"
    if kind in _KITTY or terminal in _KITTY:
        return f"\x1b]99;d=0:p=title;{title}\x1b\\\x1b]99;d=1:p=body;{body}\x1b\\"
    if kind.startswith(_SEVENS) or terminal in _SEVENS:
        # A semicolon would end the title.
        return f"\x1b]777;notify;{title.replace(';', ',')};{body}\x1b\\"
    return None


class Finished:
    """The jobs that ended since the last notification."""

    def __init__(self) -> None:
        self._ended: Counter[JobStatus] = Counter()
        self._last: Transition | None = None
        """The last failed job, or else the last job that ended."""

    def add(self, transition: Transition) -> None:
        status = transition.to_status
        if status is None or isinstance(status, UnknownStatus) or not status.is_final:
            return
        if status is JobStatus.FAILED or not self.has_failed:
            self._last = transition
        self._ended[status] += 1

    def __bool__(self) -> bool:
        return self._last is not None

    @property
    def has_failed(self) -> bool:
        return self._ended[JobStatus.FAILED] > 0

    def take(self) -> str:
        """Return a clean line about the jobs, and forget them."""
        last, ended, has_failed = self._last, self._ended, self.has_failed
        self._last, self._ended = None, Counter()
        if last is None:
            return ""
        summary = shorten(clean(error_summary(last.error)), 80) if has_failed else ""
        error = f": {summary}" if summary else ""
        if ended.total() == 1:
            return f"{shorten(clean(last.mode), 40)} {short_id(last.job_id)} {last.to_status}{error}"
        failed_first = sorted(FINAL_STATUSES, key=lambda status: status is not JobStatus.FAILED)
        parts = [f"{count(ended[status])} {status}" for status in failed_first if ended[status]]
        return f"{' and '.join(parts)}{error}"


log = logging.getLogger(__name__)


class Notices:
    """Watches for jobs that end, and notifies the user of those that are not on screen."""

    def __init__(self, host: ActionHost, notifications: "Notifications") -> None:
        self._host = host
        self._notifications = notifications
        self._is_unshown = notifications.desktop and self._sequence("", "") is None
        """Whether the user must still be warned that desktop notifications do not work here."""
        self._is_away = False
        """Whether the terminal has lost the focus."""
        self._missed = Finished()
        """Jobs that ended while the user was away."""

    async def follow(self, store: Store) -> None:
        """Watch as the store's actor until cancelled. If the store refuses to watch, show that and stop."""
        if self._is_unshown:
            self._is_unshown = False
            show_warning(self._host, NOT_SHOWN)
        self._missed = Finished()
        view = self._notifications.view
        text = "" if view is None else self._host.views.known[view].text
        try:
            watch = await store.watch(parse(text, now=datetime.now(UTC)))
        except StoreError as refusal:
            show_warning(self._host, f"No notifications about finished jobs: {refusal}")
            return
        interval = self._host.poller.interval
        poller: Poller[None, TransitionBatch] = Poller(lambda _: watch.read(), None, interval=interval)
        async with aclosing(poller.results()) as pages:
            async for page in pages:
                match page:
                    case PollResult(value=batch):
                        self._take(batch)
                        poller.adapt(interval=self._host.poller.interval)
                        if batch.has_more:
                            poller.refresh()
                    case PollFailure(error=error):
                        # The screen already shows that the database does not answer.
                        log.info("Can't read the finished jobs: %s", error)

    def _take(self, batch: TransitionBatch) -> None:
        unseen, listed = Finished(), self._host.dashboard.listed.project_id
        for transition in batch.transitions:
            if self._is_away:
                unseen.add(transition)
                self._missed.add(transition)
            elif listed not in (None, transition.project_id):
                unseen.add(transition)
        if not unseen:
            return
        has_failed, words = unseen.has_failed, unseen.take()
        if self._notifications.bell:
            self._host.bell()
        if not self._is_away:
            self._notify(words, has_failed=has_failed)
        elif self._notifications.desktop:
            written = self._sequence(f"gjobs {self._host.sub_title}".strip(), words)
            # Textual 8.2.8 has no public way to send more than a bell to the terminal.
            if written is not None and (driver := self._host._driver) is not None:  # noqa: SLF001
                driver.write(written)

    def note_focus(self, *, is_focused: bool) -> None:
        self._is_away = not is_focused
        if is_focused and self._missed:
            has_failed = self._missed.has_failed
            self._notify(f"While you were away: {self._missed.take()}", has_failed=has_failed)

    def _notify(self, words: str, *, has_failed: bool) -> None:
        show_message(self._host, Message(text=words, severity="warning" if has_failed else "information"))

    def _sequence(self, title: str, body: str) -> str | None:
        return sequence(os.environ, title, body, named=self._notifications.terminal)
