"""What the jobs cost: by status, in all, a success rate and a bar a day."""

from typing import TYPE_CHECKING

from textual.content import Content

from tui.keys.moved_keys import key_of
from tui.screens.dashboard_bindings import DASHBOARD_BINDINGS
from tui.widgets.steady_text import SteadyText
from tui.words.certainty import is_stale, numbers_standing
from tui.words.costs import Span, cost_lines
from tui.words.text import clean

if TYPE_CHECKING:
    from store.numbers.model import Numbers

_LINES = ((30, 4), (20, 3), (13, 2))
"""So many lines for screens of at least so many: a low one keeps them for jobs."""
NO_NOTE: Span = ("", "")


class CostsPanel(SteadyText):
    DEFAULT_CSS = """
    CostsPanel {
        box-sizing: content-box;
        border: round $primary-muted;
        border-title-color: $text-primary;
        border-title-style: bold;
        border-subtitle-color: $foreground-muted;
        padding: 0 1;
        text-wrap: nowrap;

        &.-sentence { text-wrap: wrap; }
        &.-stale { border-subtitle-color: $text-warning; }
    }
    """

    def __init__(self, *, id: str | None = None, screen_height: int) -> None:  # noqa: A002
        super().__init__(id=id)
        self._title = ("", NO_NOTE)
        self._standing = ""
        self._numbers: Numbers | None = None
        self._height = 0
        self.fit(screen_height)

    def show(self, numbers: "Numbers", *, of_what: str, note: Span = NO_NOTE) -> None:
        """The note stands beside the title."""
        self._entitle(f"Costs · {clean(of_what, limit=80)}", note)
        self._numbers = numbers
        self._draw()

    def tell_age(self, seconds: float) -> None:
        """How old the numbers are, beside how sure they are and with whose eyes they were read."""
        if self._numbers is not None:
            key = key_of(self.app, DASHBOARD_BINDINGS, "numbers.exact")
            self._stand(numbers_standing(self._numbers, seconds=seconds, key=key), is_stale=is_stale(seconds))

    def explain(self, why: str, *, of_what: str) -> None:
        """A sentence in place of numbers, where there are none and zeros would lie."""
        self._entitle(f"Costs · {clean(of_what, limit=80)}")
        self._numbers = None
        self._stand("")
        self.add_class("-sentence")
        self.say(Content(why))

    def forget(self) -> None:
        """Shows nothing, until there are numbers for the present eyes."""
        self._entitle("Costs")
        self._numbers = None
        self._stand("")
        self.say(Content(""))

    def fit(self, screen_height: int) -> None:
        """As high with numbers as without: what is below stays where it is when they come."""
        self._height = next((lines for least, lines in _LINES if screen_height >= least), 0)
        self.display = self._height > 0
        self.styles.height = self._height
        self._draw()

    def on_mount(self) -> None:
        self.forget()

    def on_resize(self) -> None:
        self._draw()

    def _entitle(self, title: str, note: Span = NO_NOTE) -> None:
        if (title, note) != self._title:
            self._title = (title, note)
            self.border_title = Content.assemble(title, " · ", note) if note[0] else Content(title)

    def _stand(self, words: str, *, is_stale: bool = False) -> None:
        if words != self._standing:
            self._standing = words
            self.set_class(is_stale, "-stale")
            self.border_subtitle = Content(words)

    def _draw(self) -> None:
        if self._numbers is not None:
            self.remove_class("-sentence")
            lines = cost_lines(self._numbers, width=self.size.width, height=self._height)
            self.say(Content("\n").join(Content.assemble(*line) for line in lines))
