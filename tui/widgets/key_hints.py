"""The line below all: the keys that matter here, and what they do.

One text, where Textual's footer is a widget for each key, all of them made anew whenever the focus moves: that took a
tenth of the start.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from rich.cells import cell_len
from textual import events
from textual.binding import ActiveBinding
from textual.content import Content

from tui.keys.moved_keys import inherited_bindings
from tui.keys.rewording import key_words
from tui.widgets.fitted_line import FittedLine

_GAP = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyHint:
    key: str
    """As it is pressed."""
    shown: str
    """As it is called."""
    what: str

    @property
    def width(self) -> int:
        return cell_len(self.shown) + 1 + cell_len(self.what)


class KeyHints(FittedLine):
    """Of the bindings that are active and shown. A click on one presses its key."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    KeyHints {
        padding-left: 1;
        background: $footer-background;
        color: $footer-foreground;
    }
    """

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self.follow())

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        start = 0
        for hint in self._hints(self.content_size.width):
            if offset is not None and start <= offset.x < start + hint.width:
                self.app.simulate_key(hint.key)
            start += hint.width + _GAP

    def words(self, room: int) -> Content:
        hints = (
            Content.assemble(
                (hint.shown, "bold $footer-key-foreground"), (f" {hint.what}", "$footer-description-foreground")
            )
            for hint in self._hints(room)
        )
        return Content(" " * _GAP).join(hints)

    def _hints(self, room: int) -> list[KeyHint]:
        """The first key of each action, as many as fit."""
        shown: dict[str, ActiveBinding] = {}
        for active in _in_declared_order(list(self.screen.active_bindings.values())):
            if active.binding.show and not self._is_typed(active):
                shown.setdefault(active.binding.action, active)
        hints = [
            KeyHint(key=one.binding.key, shown=self.app.get_key_display(one.binding), what=key_words(one))
            for one in shown.values()
        ]
        ends = accumulate(hint.width + _GAP for hint in hints)
        return [hint for hint, end in zip(hints, ends, strict=True) if end - _GAP <= room]

    def _is_typed(self, active: ActiveBinding) -> bool:
        """Whether what has the focus takes the key for a character. Textual leaves out those whose names it knows."""
        focused, shown = self.screen.focused, self.app.get_key_display(active.binding)
        return (
            focused is not None
            and focused is not active.node
            and len(shown) == 1
            and focused.check_consume_key(active.binding.key, shown)
        )


def _in_declared_order(active: Sequence[ActiveBinding]) -> list[ActiveBinding]:
    """Textual puts a key that was moved behind the others of its widget, where there may be no room."""
    nodes = list(dict.fromkeys(one.node for one in active))
    places = {node: [binding.id for binding in inherited_bindings(type(node))] for node in nodes}

    def place(one: ActiveBinding) -> tuple[int, int]:
        declared = places[one.node]
        name = one.binding.id
        return nodes.index(one.node), declared.index(name) if name in declared else len(declared)

    return sorted(active, key=place)
