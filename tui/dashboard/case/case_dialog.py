"""Shows a case before it is saved or copied."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from gjobs.store.case.read_case import STEPS
from gjobs.store.errors import StoreError
from gjobs.tui.case.build_case import BuiltCase
from gjobs.tui.case.case_files import SUFFIXES, case_file_name, case_format, write_case
from gjobs.tui.case.case_text import case_markdown, case_title, redaction_line
from gjobs.tui.case.redaction import SecretKind, redaction_words
from gjobs.tui.dashboard.case.case_lines import case_lines
from gjobs.tui.dashboard.clipboard import copy_text
from gjobs.tui.dashboard.dialogs.dialog import Dialog, hint_lines, key_hint
from gjobs.tui.dashboard.dialogs.file_form import FileForm, shown_path
from gjobs.tui.dashboard.export.export_dialog import CLIPBOARD_BYTES
from gjobs.tui.dashboard.keys.bindings import DialogKey
from gjobs.tui.dashboard.message_board import show_message, show_warning
from gjobs.tui.dashboard.widgets import LEAVING_KEYS, SteadyText
from gjobs.tui.text.clean_text import clean
from gjobs.tui.text.error_text import error_message, error_words

if TYPE_CHECKING:
    from gjobs.tui.text.time_zone import ShownZone

_KEYS = {
    "case.save": "save",
    "case.copy": "copy",
    "case.redact": "redaction",
}
_LONGEST_TITLE = 80
_SHIFTED_CELLS = 24
"""How far one key shifts wide tables."""
UNREDACTED = "Redaction is off. The text may hold keys, storage paths and contacts of other users."

Report = Callable[[str], object]
Build = Callable[[bool, Report], Awaitable[BuiltCase]]
"""Builds the case, with or without redaction, and reports each step. Raises StoreError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFile:
    """Where to save the case."""

    file: Path
    overwrites: bool


class SaveCaseDialog(FileForm[CaseFile]):
    """Ask for a file name. The suffix chooses Markdown or a zip file."""

    suffixes = tuple(SUFFIXES)
    replaces = "The case"

    def __init__(self, built: BuiltCase) -> None:
        super().__init__()
        self._built = built

    def compose(self) -> ComposeResult:
        with self.box("Save the case"):
            yield Static(Content("A zip file also has the case as JSON, and its jobs as CSV."), markup=False)
            yield from self.file_parts(case_file_name(self._built))
            yield self.buttons(agree="Save (enter)")

    def result_for(self, file: Path | None, *, overwrites: bool = False) -> CaseFile | None:
        is_known = file is not None and case_format(self.typed) is not None
        return CaseFile(file=file, overwrites=overwrites) if is_known and file is not None else None


def _redaction(counts: Mapping[SecretKind, int] | None) -> str:
    return UNREDACTED if counts is None else redaction_words(counts)


class CaseDialog(Dialog[None]):
    """Build the case, show its text, and offer ways out. Closing the dialog stops the reading."""

    DEFAULT_CSS = """
    CaseDialog {
        #dialog { width: 96%; height: 96%; padding: 0 2; overflow-y: hidden; }
        #redaction { height: auto; }
        VerticalScroll { height: 1fr; margin-top: 1; }
        #text { text-wrap: nowrap; }
        #keys { height: 1; margin-top: 1; color: $foreground-muted; text-wrap: nowrap; text-overflow: ellipsis; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "leave", "Close", id="case.close", tooltip="Close the case"),
        DialogKey("enter,s", "save", "Save", id="case.save", tooltip="Save the case to a file"),
        Binding("y", "copy", "Copy", id="case.copy", tooltip="Copy the case as Markdown"),
        Binding("r", "redact", "Redaction", id="case.redact", tooltip="Turn redaction off or on"),
        Binding("left,h", "shift(-1)", "Left", show=False, id="case.left", tooltip="Scroll wide tables to the left"),
        Binding("right,l", "shift(1)", "Right", show=False, id="case.right", tooltip="Scroll wide tables to the right"),
    ]

    def __init__(self, build: Build, *, of: str) -> None:
        """`of` names the user or job until the case is read."""
        super().__init__()
        self._build = build
        self._of = clean(of, limit=_LONGEST_TITLE)
        self._built: BuiltCase | None = None
        self._text = ""
        self._redacts = True
        self._is_building = True
        self._hidden = 0
        """How many cells at the left of wide tables and blocks are hidden."""
        self._most_hidden = 0

    def compose(self) -> ComposeResult:
        with self.box(f"Case · {self._of}"):
            yield SteadyText(id="redaction")
            with VerticalScroll():
                yield SteadyText(id="text")
            sideways = key_hint(f"{self.key('case.left')} {self.key('case.right')}", "wide tables")
            close = self.keys_line({"dialog.leave": "close"})
            yield Static(hint_lines([self.keys_line(_KEYS), sideways, close]), id="keys", markup=False)

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
        self._start()

    def takes_key(self, event: events.Event) -> bool:
        """While the case is being built, delay all keys except those that close the dialog."""
        return not self._is_building or (isinstance(event, events.Key) and event.key in LEAVING_KEYS)

    @work(exclusive=True, group="case")
    async def _start(self) -> None:
        self._is_building = True
        self.say("redaction", Content.styled("Reading …", "$foreground-muted"))
        try:
            self._built = await self._build(self._redacts, self._show_step)
            self._text = await asyncio.to_thread(case_markdown, self._built)
        except StoreError as error:
            self._built = None
            self.say("redaction", Content.styled(error_words(error), "$text-error"))
        else:
            self._show(self._built)
        finally:
            self._is_building = False

    def _show_step(self, step: str) -> None:
        if self.is_open:
            place = f"{STEPS.index(step) + 1} of {len(STEPS)}"
            self.say("redaction", Content.styled(f"Reading {step}, {place} …", "$foreground-muted"))

    def _show(self, built: BuiltCase) -> None:
        if not self.is_open:
            return
        self.query_one("#dialog").border_title = Content(
            f"Case · {clean(case_title(built.case), limit=_LONGEST_TITLE)}"
        )
        is_redacted = built.placeholders is not None
        words = _redaction(built.counts_in(self._text))
        self.say("redaction", Content.styled(words, "" if is_redacted else "bold $text-warning"))
        self._show_text()

    def on_resize(self) -> None:
        self._hidden = 0
        self.call_after_refresh(self._show_text)

    def _show_text(self) -> None:
        if self.is_open:
            width = max(self.query_one(VerticalScroll).scrollable_content_region.width, 1)
            shown = case_lines(self._shown_text, width=width, hidden=self._hidden)
            self._most_hidden = shown.most_hidden
            self.say("text", shown.content)

    @property
    def _shown_text(self) -> str:
        """The text without its redaction line, because the dialog shows that line above the text."""
        line = "" if self._built is None else f"\n- {redaction_line(self._built.counts_in(self._text))}\n"
        return self._text.replace(line, "\n", 1) if line else self._text

    def action_shift(self, steps: int) -> None:
        """Shift wide tables and blocks. Sentences are wrapped, so they stay."""
        hidden = min(max(self._hidden + steps * _SHIFTED_CELLS, 0), self._most_hidden)
        if hidden != self._hidden:
            self._hidden = hidden
            self._show_text()

    def show_zone(self, zone: "ShownZone") -> None:  # noqa: ARG002 - the builder knows the zone
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
            self._ask_file(self._built)

    @work
    async def _ask_file(self, built: BuiltCase) -> None:
        """Save the case that was on screen when the key was pressed."""
        chosen = await self.app.push_screen_wait(SaveCaseDialog(built))
        if chosen is None:
            return
        try:
            counts = await asyncio.to_thread(write_case, built, str(chosen.file), overwrites=chosen.overwrites)
        except StoreError as error:
            show_message(self.app, error_message(error))
        else:
            show_message(self.app, f"Saved the case to {shown_path(chosen.file)}. {_redaction(counts)}")

    def _refuse(self) -> None:
        show_warning(self.app, "There is no case to save or copy.")
