"""Form that asks for a file to write, and asks again before it replaces one."""

from collections.abc import Coroutine, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, Static

from gjobs.tui.dashboard.dialogs.dialog import ConfirmDialog
from gjobs.tui.dashboard.dialogs.form import FieldProblem, FormDialog
from gjobs.tui.dashboard.widgets import ResultType, SteadyText, TextField
from gjobs.tui.export.file_writer import FileIsThere, UnusableFile, are_files_delivered, check_file
from gjobs.tui.text.clean_text import clean
from gjobs.tui.text.error_text import error_words
from gjobs.tui.text.write_text import Confirmation

_LONGEST_PATH = 200


class FileForm(FormDialog[ResultType]):
    """Return the result for the chosen file. Nothing is written here."""

    DEFAULT_CSS = """
    FileForm #note { color: $foreground-muted; }
    """
    FIELDS: ClassVar[Mapping[str, str]] = {"file": "file"}
    suffixes: ClassVar[Iterable[str]] = ()
    """The suffixes of file names. They choose the format."""
    replaces: ClassVar[str] = ""
    """What replaces the content of an existing file."""

    def result_for(self, file: Path | None, *, overwrites: bool = False) -> ResultType | None:
        """Return the result for a file, or None if its suffix is unknown. The file None means the clipboard."""
        raise NotImplementedError

    def note_words(self) -> str:
        """Return a note for the typed name."""
        return shown_path(self.path)

    def file_parts(self, default: str) -> ComposeResult:
        yield Static(f"File name with {', '.join(self.suffixes)}", classes="label", markup=False)
        yield TextField(id="file", value=default)
        yield SteadyText(id="note")
        yield FieldProblem(id="file-problem")
        yield FieldProblem(id="problem")

    def on_mount(self) -> None:
        self.query_one("#file", Input).focus()
        self._show_note()

    @on(Input.Changed, "#file")
    def _show_note(self) -> None:
        self.query_one("#note", SteadyText).say(Content(self.note_words()))

    @property
    def typed(self) -> str:
        return self.query_one("#file", Input).value.strip()

    @property
    def path(self) -> Path:
        """The whole path of the typed name. A browser gets the file, so there it is only the name."""
        path = Path(self.typed)
        if are_files_delivered():
            return Path(path.name)
        with suppress(RuntimeError, ValueError):  # There is no such user.
            path = path.expanduser()
        with suppress(OSError):  # The current directory was deleted.
            path = path.absolute()
        return path

    def choose(self, file: Path | None) -> ResultType | None:
        """Return the result, or None after showing what is wrong with the suffix."""
        result = self.result_for(file)
        if result is None:
            self.complain("file", f"End the file name with {', '.join(self.suffixes)}. This chooses the format.")
        return result

    def read(self) -> Coroutine[Any, Any, ResultType] | None:
        """Close the dialog with the result, after a confirmation if the file exists."""
        file = self.path
        if (result := self.choose(file)) is None:
            return None
        try:
            check_file(str(file), overwrites=False)
        except FileIsThere:
            self._confirm_replacement(file)
        except UnusableFile as error:
            self.complain("file", error_words(error))
        else:
            self.dismiss(result)
        return None

    def _confirm_replacement(self, file: Path) -> None:
        question = Confirmation(
            title="Replace this file?",
            lines=(shown_path(file), f"{self.replaces} replaces its content."),
            warning=None,
            agree="Replace",
            is_dangerous=True,
        )

        def replace_file(is_agreed: bool | None) -> None:
            if is_agreed:
                self.dismiss(self.result_for(file, overwrites=True))

        self.app.push_screen(ConfirmDialog(question), replace_file)


def shown_path(file: Path) -> str:
    return clean(str(file), limit=_LONGEST_PATH)
