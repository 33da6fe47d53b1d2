"""A line whose words depend on the room for them. They are made when it is drawn: so the first frame has them."""

from textual.content import Content
from textual.widget import Widget


class FittedLine(Widget):
    """Of its own height: what it says never moves what stands around it."""

    DEFAULT_CSS = """
    FittedLine {
        height: 1;
        text-wrap: nowrap;
        text-overflow: ellipsis;
    }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._drawn: Content | None = None

    def words(self, room: int) -> Content:
        """What it says at present, in so many cells."""
        raise NotImplementedError

    def render(self) -> Content:
        self._drawn = self.words(self.content_size.width)
        return self._drawn

    def follow(self) -> None:
        """Draws it again where it reads otherwise by now."""
        if self._drawn is not None and not self.words(self.content_size.width).is_same(self._drawn):
            self.refresh()
