"""The line above all: which database, with whose eyes, whether it may write, how fresh, live or paused."""

from dataclasses import dataclass

from textual.content import Content
from textual.widgets import Static

from tui.format import duration
from tui.text import clean


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the line says."""

    database: str
    eyes: str
    """"ada@example.com", or "the operator"."""
    read_only: bool
    paused: bool
    interval: float
    """Seconds between two looks."""
    failing: bool
    connected: bool


class StatusLine(Static):
    DEFAULT_CSS = """
    StatusLine {
        height: 1;
        background: $panel;
        color: $foreground;
        text-wrap: nowrap;
        text-overflow: ellipsis;
    }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, markup=False)
        self._standing: Standing | None = None

    def show(self, standing: Standing) -> None:
        if standing != self._standing:
            self._standing = standing
            self.update(_content(standing))


def _content(standing: Standing) -> Content:
    dot = (" · ", "$foreground-muted")
    parts: list[tuple[str, str]] = [
        (" gjobs ", "bold $text-primary"),
        (" ", ""),
        (clean(standing.database, limit=60), "bold"),
    ]
    if standing.connected:
        parts += [dot, ("as ", "$foreground-muted"), (clean(standing.eyes, limit=60), "bold $text-accent")]
    if standing.read_only:
        parts += [dot, ("read-only", "bold $text-warning")]
    return Content.assemble(*parts, dot, _freshness(standing))


def _freshness(standing: Standing) -> tuple[str, str]:
    if standing.failing:
        return ("✗ no connection", "bold $text-error")
    if not standing.connected:
        return ("connecting …", "$foreground-muted")
    if standing.paused:
        return ("‖ paused", "bold $text-warning")
    return (f"live every {duration(standing.interval)}", "$text-success")
