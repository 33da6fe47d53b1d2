"""A line to type into. What is pasted may hold anything: characters without a form of their own are shown by a sign."""

from rich.highlighter import Highlighter
from rich.text import Text
from textual import events
from textual.suggester import Suggester
from textual.widgets import Input

from tui.words.text import visible


class ShowsInvisible(Highlighter):
    """One character for each, so that the cursor stands where it seems to; the value itself is as it was typed."""

    def __call__(self, text: str | Text) -> Text:
        shown = text.copy() if isinstance(text, Text) else Text(text)
        shown.plain = visible(shown.plain)
        self.highlight(shown)
        return shown

    def highlight(self, text: Text) -> None:
        """Adds no colours."""


class TextField(Input):
    DEFAULT_CSS = """
    TextField.-textual-compact {
        padding: 0 1;
        background: $foreground 8%;

        &:focus { background: $primary-muted; background-tint: $foreground 0%; }
    }
    """

    def __init__(self, *, id: str, value: str = "", placeholder: str = "", suggester: Suggester | None = None) -> None:  # noqa: A002
        super().__init__(
            id=id,
            value=value,
            placeholder=placeholder,
            suggester=suggester,
            highlighter=ShowsInvisible(),
            compact=True,
        )

    def _on_paste(self, event: events.Paste) -> None:
        """All of it: Textual's own keeps the first line, and says nothing of the rest."""
        event.prevent_default()
        event.stop()
        self.replace(event.text, *self.selection)
