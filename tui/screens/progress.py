"""How far a long write has come, and the way to stop it."""

from collections.abc import Callable

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Button, ProgressBar, Static

from tui.format import count
from tui.screens.dialog import Dialog


class ProgressDialog(Dialog[None]):
    """Whoever opened it closes it, when the work has ended: leaving it asks for that."""

    DEFAULT_CSS = """
    ProgressDialog {
        #bar { width: 100%; margin-top: 1; }
        #bar Bar { width: 1fr; }
    }
    """

    def __init__(self, *, title: str, total: int, stop: Callable[[], object]) -> None:
        super().__init__()
        self._title = title
        self._total = total
        self._stop = stop
        self._done = 0
        self._is_stopping = False

    def compose(self) -> ComposeResult:
        with self.box(self._title):
            yield Static(Content(self._words), id="how-far", markup=False)
            yield ProgressBar(total=self._total, show_eta=False, id="bar")
            stop = Button(Content(f"Stop ({self.key('dialog.leave')})"), id="stop", compact=True)
            yield Horizontal(stop, classes="buttons")

    def on_mount(self) -> None:
        self.query_one("#stop", Button).focus()

    def show_progress(self, done: int) -> None:
        self._done = done
        if self.is_open:
            self.query_one(ProgressBar).update(progress=done)
            self._show_words()

    def _show_words(self) -> None:
        self.query_one("#how-far", Static).update(Content(self._words))

    @property
    def _words(self) -> str:
        stopping = ", stopping after what is on its way …" if self._is_stopping else ""
        return f"{count(self._done)} of {count(self._total)}{stopping}"

    @on(Button.Pressed, "#stop")
    def action_leave(self) -> None:
        self._is_stopping = True
        self._stop()
        self.query_one("#stop", Button).disabled = True
        self._show_words()


async def close(dialog: ProgressDialog) -> None:
    """And what lies above it."""
    while dialog in dialog.app.screen_stack:
        await dialog.app.pop_screen()
