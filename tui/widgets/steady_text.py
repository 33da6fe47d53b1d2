"""A text that is drawn again only when it says something else."""

from textual.content import Content
from textual.widgets import Static


class SteadyText(Static):
    """Content only, never a string: what comes from a database is no markup."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes, markup=False)
        self._said = Content()

    def say(self, content: Content) -> None:
        if not content.is_same(self._said):
            self._said = content
            self.update(content)
