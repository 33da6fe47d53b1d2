"""A list that is too long for a toast, to be read and closed."""

from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static

from tui.screens.dialog import Dialog


class SummaryDialog(Dialog[None]):
    DEFAULT_CSS = """
    SummaryDialog #lines { height: auto; max-height: 20; margin-top: 1; }
    """

    def __init__(self, *, title: str, sentence: str, lines: tuple[str, ...]) -> None:
        """Clean text."""
        super().__init__()
        self._title = title
        self._sentence = sentence
        self._lines = lines

    def compose(self) -> ComposeResult:
        with self.box(self._title):
            yield Static(Content(self._sentence), markup=False)
            with VerticalScroll(id="lines"):
                yield Static(Content("\n".join(self._lines)), markup=False)
            close = Button(Content(f"Close ({self.key('dialog.leave')})"), compact=True, action="screen.leave")
            yield Horizontal(close, classes="buttons")

    def on_mount(self) -> None:
        self.query_one("#lines").focus()
