"""Opens a case of a job or of a user, and shows it before it is saved or copied."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from datetime import UTC
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

from rich.cells import cell_len, get_character_cell_size, set_cell_size
from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from gjobs.store.case.case import Case, CasePerson
from gjobs.store.case.read_case import STEPS, find_person, person_of
from gjobs.store.errors import StoreError
from gjobs.store.store import Store
from gjobs.store.users.actor import ActingUser, actor_name
from gjobs.tui.case.build_case import BuiltCase, prepared, read_whole_case
from gjobs.tui.case.case_document import SUFFIXES, case_file_name, write_case
from gjobs.tui.case.case_text import case_markdown, case_title, redaction_line, table
from gjobs.tui.case.redaction import redaction_words
from gjobs.tui.case.secret_patterns import SecretKind
from gjobs.tui.dashboard.actions.action_context import ActionContext
from gjobs.tui.dashboard.actions.action_host import ActionHost
from gjobs.tui.dashboard.bindings import DIALOG, KEYS, bind
from gjobs.tui.dashboard.dialogs.dialog import Dialog
from gjobs.tui.dashboard.dialogs.form import FileForm, shown_path
from gjobs.tui.dashboard.features.export import CLIPBOARD_BYTES
from gjobs.tui.dashboard.features.moments import refuse_in_past
from gjobs.tui.dashboard.panels.screen import STILL_LOADING
from gjobs.tui.dashboard.terminal.clipboard import copy_text
from gjobs.tui.dashboard.widgets.message_board import show_message, show_warning
from gjobs.tui.dashboard.widgets.widgets import SteadyText
from gjobs.tui.session import Session
from gjobs.tui.text.clean_text import ELLIPSIS, clean
from gjobs.tui.text.error_text import error_message, error_words
from gjobs.tui.text.format import ShownZone, short_id

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BORDER = re.compile(r"(?<!\\)\|")
_HEADING = "bold $text-primary"


def case_lines(text: str, *, width: int, hidden: int) -> tuple[Content, int]:
    """Return the text, and how many cells of its widest line do not fit.

    Leave out `hidden` cells at the left of each table and block that is too wide.

    Tables that are too wide have only the first digits of each id.
    """
    parts = [(kind, _fitted(lines, width) if kind == "|" else lines) for kind, lines in _parts(text.split("\n"))]
    widest = max((cell_len(line) for kind, lines in parts if kind for line in lines), default=0)
    shown: list[Content] = []
    for kind, lines in parts:
        # Hide at most the cells that do not fit, so that narrower tables do not move out of sight.
        left_out = min(hidden, max(map(cell_len, lines)) - width)
        for line in lines:
            if kind:
                shown.append(Content(_cut(line, width, left_out) if left_out >= 0 else line))
            else:
                content = Content.styled(line, _HEADING if line.startswith("#") else "")
                shown += content.wrap(width) if content.cell_length > width else [content]
    return Content("\n").join(shown), max(widest - width, 0)


def _parts(lines: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield neighboring lines of one kind: `|` for a table, a backtick for a block, empty for sentences."""
    part: list[str] = []
    before, fence = "", ""
    for line in lines:
        kind = "`" if fence else "|" if line.startswith("|") else "`" if line.startswith("```") else ""
        if kind != before and part:
            yield before, part
            part = []
        part.append(line)
        before = kind
        if kind == "`":
            fence = "" if line == fence else fence or line.removesuffix("text")
    yield before, part


def _fitted(lines: list[str], width: int) -> list[str]:
    """Return the table, with short ids if it is too wide."""
    if max(map(cell_len, lines)) <= width:
        return lines
    titles, *rows = [[cell.strip() for cell in _BORDER.split(line)[1:-1]] for line in lines]
    del rows[0]  # The rule below the titles.
    return table(titles, [[_ID.sub(lambda found: found[0][:8], cell) for cell in row] for row in rows])


def _cut(line: str, width: int, hidden: int) -> str:
    """Leave out the hidden cells at the left, and what does not fit at the right."""
    place = 0
    while hidden > 0 and place < len(line):
        hidden -= get_character_cell_size(line[place])
        place += 1
    rest = line[place:]
    return rest if cell_len(rest) <= width else set_cell_size(rest, width - 1) + ELLIPSIS


_LONGEST_TITLE = 80
_SHIFTED_CELLS = 24
"""How far one key shifts wide tables."""
UNREDACTED = "Redaction is off. The text may hold keys, storage paths and contacts of other users."


class SaveCaseDialog(FileForm):
    """Ask for a file name. The suffix chooses Markdown or a zip file."""

    suffixes = SUFFIXES
    replaces = "The case"
    help_topic = "case"

    def __init__(self, built: BuiltCase) -> None:
        super().__init__()
        self._built = built

    def compose(self) -> ComposeResult:
        with self.box("Save the case"):
            yield Static(Content("A zip file also has the case as JSON, and its jobs as CSV."), markup=False)
            yield from self.file_parts(case_file_name(self._built))
            yield self.buttons(agree="Save (enter)")


def _redaction(counts: Mapping[SecretKind, int] | None) -> str:
    return UNREDACTED if counts is None else redaction_words(counts)


class CaseDialog(Dialog[None]):
    """Read the case once, show its text, and offer ways out. Closing the dialog stops the reading."""

    DEFAULT_CSS = """
    CaseDialog {
        #dialog { width: 96%; height: 96%; padding: 0 2; overflow-y: hidden; }
        VerticalScroll { height: 1fr; margin-top: 1; }
        #text { text-wrap: nowrap; }
        #keys { height: 1; margin-top: 1; color: $foreground-muted; text-wrap: nowrap; text-overflow: ellipsis; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("case.close", "q", "Close", "Close the case", action="leave"),
        bind("case.save", "enter,s", "Save", "Save the case to a file", DIALOG, "save"),
        bind("case.copy", "y", "Copy", "Copy the case as Markdown", action="copy"),
        bind("case.redact", "r", "Redaction", "Turn redaction off or on", action="redact"),
        bind("case.left", "left,h", "Left", "Scroll wide tables to the left", action="shift(-1)"),
        bind("case.right", "right,l", "Right", "Scroll wide tables to the right", action="shift(1)"),
    ]
    HINTS = ("case.save", "case.copy", "case.redact", "case.left case.right", "dialog.leave")
    HINT_WORDS: ClassVar[Mapping[str, str]] = {"case.left case.right": "wide tables"}
    FOCUS = "VerticalScroll"
    is_waiting = True
    help_topic = "case"

    def __init__(
        self, host: ActionHost, session: Session, find: Callable[[Store], Awaitable[CasePerson]], *, of: str
    ) -> None:
        """`of` names the user or job until the case is read."""
        super().__init__()
        self._host = host
        self._session = session
        self._find = find
        self._case: Case | None = None
        self._of = clean(of, limit=_LONGEST_TITLE)
        self._built: BuiltCase | None = None
        self._text = ""
        self._redacts = True
        self._hidden = 0
        """How many cells at the left of wide tables and blocks are hidden."""
        self._most_hidden = 0

    def compose(self) -> ComposeResult:
        with self.box(f"Case · {self._of}"):
            yield SteadyText(id="redaction")
            with VerticalScroll():
                yield SteadyText(id="text")
            yield Static(self.keys_line(self.HINTS), id="keys", markup=False)

    def on_mount(self) -> None:
        self._start()

    @work(exclusive=True, group="case")
    async def _start(self) -> None:
        self.is_waiting = True
        self.set_part("redaction", Content.styled("Reading …", "$foreground-muted"))
        try:
            self._built = await self._build()
            self._text = await asyncio.to_thread(case_markdown, self._built)
        except StoreError as error:
            self._built = None
            self.set_part("redaction", Content.styled(error_words(error), "$text-error"))
        else:
            self._show(self._built)
        finally:
            self.is_waiting = False

    async def _build(self) -> BuiltCase:
        """Read the case, unless that was done, and redact it."""
        session, dashboard = self._session, self._host.dashboard
        if self._case is None:
            at, person = dashboard.now, await self._find(session.operator)
            self._case = await read_whole_case(session, person, at=at, report=self._show_step)
        zone = dashboard.zone.zone or UTC
        return await prepared(self._case, session.full_name, redacts=self._redacts, zone=zone)

    def _show_step(self, step: str) -> None:
        if self.is_open:
            place = f"{STEPS.index(step) + 1} of {len(STEPS)}"
            self.set_part("redaction", Content.styled(f"Reading {step}, {place} …", "$foreground-muted"))

    def _show(self, built: BuiltCase) -> None:
        if not self.is_open:
            return
        title = clean(case_title(built.case), limit=_LONGEST_TITLE)
        self.query_one("#dialog").border_title = Content(f"Case · {title}")
        style = "bold $text-warning" if built.placeholders is None else ""
        self.set_part("redaction", Content.styled(_redaction(built.counts_in(self._text)), style))
        self._show_text()

    def on_resize(self) -> None:
        self._hidden = 0
        self.call_after_refresh(self._show_text)

    def _show_text(self) -> None:
        if self.is_open:
            text = self._text
            if self._built is not None:
                # The dialog shows the line about the redaction above the text.
                text = text.replace(f"\n- {redaction_line(self._built.counts_in(text))}\n", "\n", 1)
            width = max(self.query_one(VerticalScroll).scrollable_content_region.width, 1)
            content, self._most_hidden = case_lines(text, width=width, hidden=self._hidden)
            self.set_part("text", content)

    def action_shift(self, steps: int) -> None:
        """Shift wide tables and blocks. Sentences are wrapped, so they stay."""
        hidden = min(max(self._hidden + steps * _SHIFTED_CELLS, 0), self._most_hidden)
        if hidden != self._hidden:
            self._hidden = hidden
            self._show_text()

    def show_zone(self, zone: ShownZone) -> None:  # noqa: ARG002 - the case is in the zone of the dashboard
        if self._built is not None:
            self._start()

    def action_redact(self) -> None:
        """Switch redaction. After an error, read again without switching."""
        if self._built is not None:
            self._redacts = not self._redacts
        self._start()

    def action_copy(self) -> None:
        if self._built is None:
            self._refuse()
        elif len(self._text.encode()) > CLIPBOARD_BYTES:
            limit = f"the {CLIPBOARD_BYTES // 1_000} kB of the clipboard"
            text = f"The case needs more than {limit}. Press {self.key('case.save')} to save it to a file."
            show_warning(self.app, text)
        else:
            copy_text(self.app, self._text, "Copied the case", note=_redaction(self._built.counts_in(self._text)))

    def action_save(self) -> None:
        if self._built is None:
            self._refuse()
        else:
            self._save(self._built)

    @work
    async def _save(self, built: BuiltCase) -> None:
        """Save the case that was on screen when the key was pressed."""
        chosen = await self.app.push_screen_wait(SaveCaseDialog(built))
        if chosen is None or chosen.file is None:
            return
        try:
            counts = await asyncio.to_thread(write_case, built, str(chosen.file), overwrites=chosen.overwrites)
        except StoreError as error:
            show_message(self.app, error_message(error))
        else:
            show_message(self.app, f"Saved the case to {shown_path(chosen.file)}. {_redaction(counts)}")

    def _refuse(self) -> None:
        show_warning(self.app, "There is no case to save or copy.")


NO_JOB = "No job under the cursor. Move to a job, or act as a user, and press the key again."


def show_case(host: ActionHost, context: ActionContext) -> Coroutine[Any, Any, None] | None:
    """Show the case of the job in the details or under the cursor. The data is read as the operator.

    If the focus is not on the job list, show the case of the acting user.
    """
    dashboard, actor = host.dashboard, context.store.actor
    is_on_jobs = dashboard.focused is dashboard.jobs.table
    job = dashboard.jobs.table.cursor_job if is_on_jobs else None
    if (details := dashboard.open_details) is not None:
        job = details.job
    elif is_on_jobs and dashboard.awaits_list:
        show_warning(host, STILL_LOADING)
        return None
    if job is not None:
        return _show(host, partial(person_of, user_id=job.user_id, job_id=job.id), of=f"job {short_id(job.id)}")
    if isinstance(actor, ActingUser):
        return show_case_of(host, actor)
    show_warning(host, NO_JOB)
    return None


async def show_case_of(host: ActionHost, user: ActingUser) -> None:
    await _show(host, partial(person_of, user_id=user.id), of=actor_name(user))


async def show_case_of_job(host: ActionHost, job_id: UUID) -> None:
    """Show the case of a job that the user saw, even if it was deleted since."""
    await _show(host, partial(find_person, text=str(job_id)), of=f"job {short_id(job_id)}")


async def _show(host: ActionHost, find: Callable[[Store], Awaitable[CasePerson]], *, of: str) -> None:
    session = host.poller.session
    if session is not None and not refuse_in_past(host, KEYS["job.case"]):
        await host.push_screen_wait(CaseDialog(host, session, find, of=of))
