"""The line above all: which database, with whose eyes, whether it may write, how fresh, live or paused."""

from dataclasses import dataclass

from textual.content import Content

from tui.format import elapsed
from tui.text import clean_cell
from tui.widgets.steady_text import SteadyText


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the line says."""

    database: str | None
    """None until connected."""
    eyes: str
    """"ada@example.com", or "the operator"."""
    read_only: bool
    paused: bool
    interval: float
    """Seconds between two looks."""
    trouble: str | None
    """Why nothing is seen at present, in a few words."""


_LONGEST_NAME = 26
"""Cells of each name, so that on 80 columns the state at the end of the line is never cut."""


class StatusLine(SteadyText):
    DEFAULT_CSS = """
    StatusLine {
        height: 1;
        background: $panel;
        color: $foreground;
        text-wrap: nowrap;
        text-overflow: ellipsis;
    }
    """

    def show(self, standing: Standing, *, data_age: float | None) -> None:
        """`data_age` are the seconds since the last look; None where there was none."""
        self.say(status_content(standing, data_age=data_age))


def status_content(standing: Standing, *, data_age: float | None) -> Content:
    dot = (" · ", "$foreground-muted")
    parts: list[tuple[str, str]] = [(" gjobs ", "bold $text-primary"), (" ", "")]
    if standing.database is None:
        parts.append(("no database yet", "$foreground-muted"))
    else:
        parts += [(clean_cell(standing.database, _LONGEST_NAME), "bold"), dot, ("as ", "$foreground-muted")]
        parts.append((clean_cell(standing.eyes, _LONGEST_NAME), "bold $text-accent"))
    if standing.read_only:
        parts += [dot, ("read-only", "bold $text-warning")]
    return Content.assemble(*parts, dot, _freshness(standing, data_age))


def _freshness(standing: Standing, data_age: float | None) -> tuple[str, str]:
    if standing.trouble is not None:
        return (f"✗ {standing.trouble}", "bold $text-error")
    if standing.paused:
        seen = "" if data_age is None else f", seen {elapsed(data_age)} ago"
        return (f"‖ paused{seen}", "bold $text-warning")
    if standing.database is None:
        return ("connecting …", "$foreground-muted")
    return (f"live every {elapsed(standing.interval)}", "$text-success")
