"""A line beneath a field that says what is wrong with it, hidden while nothing is."""

from textual.content import Content
from textual.widgets import Static

from tui.words.text import clean


class Problem(Static):
    def __init__(self, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id, classes="problem", markup=False)

    def say(self, sentence: str) -> None:
        """Nothing is wrong where the sentence is empty."""
        self.update(Content(f"✗ {clean(sentence, limit=400)}"))
        self.set_class(bool(sentence), "-shown")

    def clear(self) -> None:
        self.say("")
