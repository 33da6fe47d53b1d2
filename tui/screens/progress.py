"""How far something long has come, and the way to stop it."""

from collections.abc import Callable

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Button, Static

from tui.screens.dialog import Dialog
from tui.words.format import count

_BAR_CELLS = 60


class ProgressDialog(Dialog[None]):
    """Whoever opened it closes it, when the work has ended: leaving it asks for that."""

    def __init__(
        self,
        *,
        title: str,
        total: int,
        stop: Callable[[], object],
        words: Callable[[int], str] | None = None,
    ) -> None:
        """`words` say how much of it is done; else the numbers do."""
        super().__init__()
        self._words = words or (lambda done: f"{count(done)} of {count(total)}")
        self._title = title
        self._total = total
        self._stop = stop
        self._done = 0
        self._is_stopping = False

    def compose(self) -> ComposeResult:
        with self.box(self._title):
            yield Static(self._how_far(), id="how-far", markup=False)
            stop = Button(Content(f"Stop ({self.key('dialog.leave')})"), id="stop", compact=True)
            yield Horizontal(stop, classes="buttons")

    def on_mount(self) -> None:
        self.query_one("#stop", Button).focus()

    def show_progress(self, done: int) -> None:
        self._done = done
        if self.is_open:
            self._show()

    def _show(self) -> None:
        self.query_one("#how-far", Static).update(self._how_far())

    def _how_far(self) -> Content:
        stopping = ", stopping after what is on its way …" if self._is_stopping else ""
        # More may be done than was counted: jobs move on meanwhile.
        filled = _BAR_CELLS * min(self._done, self._total) // self._total
        return Content.assemble(
            f"{self._words(self._done)}{stopping}\n\n",
            ("━" * filled, "$text-accent"),
            ("─" * (_BAR_CELLS - filled), "$foreground-muted"),
        )

    @on(Button.Pressed, "#stop")
    def action_leave(self) -> None:
        self._is_stopping = True
        self._stop()
        self.query_one("#stop", Button).disabled = True
        self._show()


async def close(dialog: ProgressDialog) -> None:
    """And what lies above it."""
    while dialog in dialog.app.screen_stack:
        await dialog.app.pop_screen()
