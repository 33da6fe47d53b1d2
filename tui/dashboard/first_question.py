"""The question which database to open, in the folder of an app."""

from collections.abc import Iterator, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from gjobs.store.configuration.configuration import EMBEDDED
from gjobs.tui.dashboard.databases import listed_database
from gjobs.tui.dashboard.dialogs.pick import Choice, PickDialog
from gjobs.tui.dashboard.keys.bindings import APP_BINDINGS, key_of
from gjobs.tui.dashboard.setup import DatabaseChoice

REMARK = "The files of this app name these databases."
LOCAL, ALL_READ_ONLY = "You may write only to local ones.", "All of them are read-only."
"""Sentences after the remark. The first warns that writing to a local database needs no write permit."""


def skipped_words(number: int) -> str:
    values = "1 entry" if number == 1 else f"{number} entries"
    return f"gjobs skipped {values} of the app's files: 'gjobs profiles' says why."


class FirstQuestion(PickDialog):
    """Return EMBEDDED for the sample database, or the position of a found one."""

    DEFAULT_CSS = """
    FirstQuestion {
        #dialog { width: 92; }
        #later { color: $foreground-muted; margin-top: 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        # Otherwise, the input field would handle Ctrl+C and copy its selection.
        Binding("ctrl+c", "app.quit", "Quit", show=False, priority=True, id="dialog.quit", tooltip="Quit gjobs"),
    ]
    help_topic = "connecting"

    def __init__(self, choices: Sequence[DatabaseChoice], *, chosen: int | None, skipped: int = 0) -> None:
        """`chosen` is the position of the last answer, and `skipped` the number of values that cannot be used."""
        self._skipped = skipped
        may_write = any(one.may_write for one in choices)
        found = [listed_database(str(place), one) for place, one in enumerate(choices)]
        super().__init__(
            title="Open which database?",
            choices=[Choice(key=EMBEDDED, label="Sample database", detail="with jobs to practise on"), *found],
            chosen=None if chosen is None else str(chosen),
            remark=f"{REMARK} {LOCAL if may_write else ALL_READ_ONLY}",
        )

    def further_parts(self) -> ComposeResult:
        switch = key_of(self.app, APP_BINDINGS, "app.database")
        leave, end = self.key("dialog.leave"), key_of(self.app, APP_BINDINGS, "app.quit_anywhere")
        text = f"{switch} switches later. {leave} opens the sample database, and gjobs asks again. {end} quits."
        if self._skipped:
            text += f" {skipped_words(self._skipped)}"
        yield Static(Content(text), id="later", markup=False)

    def further_keys(self) -> Iterator[tuple[str, str]]:
        """Yield none: the sentence above names them."""
        yield from ()
