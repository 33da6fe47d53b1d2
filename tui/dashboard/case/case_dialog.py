"""Shows a case before it is saved or copied."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import ScrollableContainer
from textual.content import Content
from textual.widgets import Static

from store.case.read_case import STEPS
from store.errors import StoreError
from tui.case.build_case import BuiltCase
from tui.case.case_files import SUFFIXES, case_file_name, case_format, write_case
from tui.case.case_text import case_markdown, case_title
from tui.case.redaction import SecretKind, redaction_words
from tui.dashboard.dialogs.dialog import Dialog
from tui.dashboard.dialogs.file_form import FileForm, shown_path
from tui.dashboard.export.export_dialog import CLIPBOARD_BYTES
from tui.dashboard.widgets import LEAVING_KEYS, SteadyText, show_toast
from tui.text.clean_text import clean
from tui.text.error_text import Toast, error_toast, error_words

if TYPE_CHECKING:
    from tui.text.time_zone import ShownZone

_KEYS = {
    "case.save": "save",
    "case.copy": "copy",
    "case.redact": "redaction",
    "dialog.leave": "close",
}
_LONGEST_TITLE = 80
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


def _styled(text: str, width: int) -> Content:
    """Return the Markdown with emphasized headings. Only sentences are wrapped: tables and blocks scroll sideways."""
    lines, is_code = list[Content](), False
    for line in text.split("\n"):
        is_fence = line.startswith("```")
        is_code ^= is_fence
        shown = Content.styled(line, "bold $text-primary" if line.startswith("#") and not is_code else "")
        is_sentence = not (is_code or is_fence or line.startswith("|"))
        lines += shown.wrap(width) if is_sentence and shown.cell_length > width else [shown]
    return Content("\n").join(lines)


def _redaction(counts: Mapping[SecretKind, int] | None) -> str:
    return UNREDACTED if counts is None else redaction_words(counts)


class CaseDialog(Dialog[None]):
    """Build the case, show its text, and offer ways out. Closing the dialog stops the reading."""

    DEFAULT_CSS = """
    CaseDialog {
        #dialog { width: 96%; height: 96%; padding: 0 2; overflow-y: hidden; }
        #redaction { height: auto; }
        ScrollableContainer { height: 1fr; margin-top: 1; scrollbar-size: 1 1; scrollbar-gutter: stable; }
        #text { width: auto; text-wrap: nowrap; }
        #keys { height: 1; margin-top: 1; color: $foreground-muted; text-wrap: nowrap; text-overflow: ellipsis; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "leave", "Close", id="case.close", tooltip="Close the case"),
        Binding("enter,s", "save", "Save", id="case.save", tooltip="Save the case to a file"),
        Binding("y", "copy", "Copy", id="case.copy", tooltip="Copy the case as Markdown"),
        Binding("r", "redact", "Redaction", id="case.redact", tooltip="Turn redaction off or on"),
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

    def compose(self) -> ComposeResult:
        with self.box(f"Case · {self._of}"):
            yield SteadyText(id="redaction")
            with ScrollableContainer():
                yield SteadyText(id="text")
            yield Static(self.keys_line(_KEYS), id="keys", markup=False)

    def on_mount(self) -> None:
        self.query_one(ScrollableContainer).focus()
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
        self.query_one("#dialog").border_title = Content(
            f"Case · {clean(case_title(built.case), limit=_LONGEST_TITLE)}"
        )
        is_redacted = built.placeholders is not None
        words = _redaction(built.counts_in(self._text))
        self.say("redaction", Content.styled(words, "" if is_redacted else "bold $text-warning"))
        self._show_text()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_text)

    def _show_text(self) -> None:
        if self.is_open:
            width = self.query_one(ScrollableContainer).scrollable_content_region.width
            self.say("text", _styled(self._text, max(width, 1)))

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
            show_toast(self.app, Toast(text=text, severity="warning"))
        else:
            self.app.copy_to_clipboard(self._text)
            words = _redaction(self._built.counts_in(self._text))
            show_toast(self.app, Toast(text=f"Copied the case. {words}"))

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
            show_toast(self.app, error_toast(error))
        else:
            show_toast(self.app, Toast(text=f"Saved the case to {shown_path(chosen.file)}. {_redaction(counts)}"))

    def _refuse(self) -> None:
        show_toast(self.app, Toast(text="There is no case to save or copy.", severity="warning"))
