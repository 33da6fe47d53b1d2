"""The line of key hints at the bottom of the screen."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len
from textual import events
from textual.binding import ActiveBinding
from textual.content import Content

from gjobs.tui.dashboard.keys.bindings import inherited_bindings, key_words
from gjobs.tui.dashboard.keys.key_states import KeyState, KeyStates
from gjobs.tui.dashboard.widgets import FittedLine

_GAP = 2
_PINNED = ("app.help", "presenter.help", "app.quit")
"""These hints are at the right end of the line and get room first."""
_QUIT_FROM = 60
"""Minimum width of the line to show the hint of the quit key."""
_NEEDED_GROUPS = frozenset({"job", "jobs", "find"})
_NEEDED = "list.find"
"""Bindings whose hints come first if there is not enough room for all."""
_LEAST_NEEDED = frozenset({"list.export", "app.messages", "demo.restart"})
_PAIRS = {"demo.slower": ("demo.faster", "speed")}
"""Two keys that share a hint, and what they change."""
_OF_SUPPORT = frozenset({"app.errors", "job.case"})
"""The hints that are only in a wide line."""
_SUPPORT_FROM = 100
_OF_TIME = frozenset({"app.moment", "app.zone"})
"""The hints that are only in the widest lines, after all others."""
_TIME_FROM = 120
_FIRST_OF_DEMO = frozenset({"demo.pause", "app.presenter"})
_OF_DEMO = ("demo.slower", "demo.step")
"""The demo hints that get room only if the usable keys of the job fit. The more important one is first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyHint:
    """A key and what it does, in the line of key hints."""

    key: str
    """As Textual names it."""
    shown: str
    """As the screen shows it."""
    what: str
    binding_id: str
    is_refused: bool = False
    second: "KeyHint | None" = None
    """The hint of the other key of a pair. `shown` has both keys."""

    def pressed_at(self, cell: int) -> str:
        """Return the key that a click on this cell of the hint presses."""
        if self.second is None or cell < cell_len(self.shown) - cell_len(self.second.shown):
            return self.key
        return self.second.key

    @property
    def width(self) -> int:
        return cell_len(self.shown) + 1 + cell_len(self.what)

    @property
    def rank(self) -> int:
        """The order in which hints get room. If there is not enough room, grey hints are left out before usable
        ones.
        """
        if self.binding_id in _FIRST_OF_DEMO:
            return 0
        if self.binding_id in _OF_DEMO:
            return 2 + _OF_DEMO.index(self.binding_id)
        if self.binding_id in _OF_SUPPORT:
            return 6
        if self.binding_id in _LEAST_NEEDED:
            return 7
        if self.binding_id in _OF_TIME:
            return 8
        if self.binding_id == _NEEDED or self.binding_id.partition(".")[0] in _NEEDED_GROUPS:
            return 4 if self.is_refused else 1
        return 5

    @property
    def content(self) -> Content:
        if self.is_refused:
            return Content.styled(f"{self.shown} {self.what}", "$foreground-disabled")
        key = (self.shown, "bold $footer-key-foreground")
        return Content.assemble(key, (f" {self.what}", "$footer-description-foreground"))


class KeyHints(FittedLine):
    """Hints for the active bindings, in a fixed order. A click on a hint presses its key.

    Keys that do not work for the selected jobs are grey. The screen says which, see `KeyStates`.
    """

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    KeyHints {
        padding-left: 1;
        background: $footer-background;
        color: $footer-foreground;
    }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._known: list[KeyHint] | None = None
        """The hints of all active bindings. None until they are needed: reading the bindings is slow."""
        self._placed_for: tuple[int, list[KeyState]] | None = None
        """The room and the states that the placed hints are for."""
        self._placed: list[tuple[int, KeyHint]] = []
        """The hints that fit, each with its first cell."""
        self._line = Content()

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self._read_again())

    def _read_again(self) -> None:
        self._known = self._placed_for = None
        self.follow()

    def follow(self) -> None:
        """Redraw the line if it has changed. Behind a dialog it is hidden."""
        if self.screen is self.app.screen:
            super().follow()

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None:
            return
        for start, hint in self._placed:
            if start <= offset.x < start + hint.width:
                self.app.simulate_key(hint.pressed_at(offset.x - start))

    def words(self, room: int) -> Content:
        """Return the line. It is built again only if the room or the state of a key has changed."""
        if self._known is None:
            self._known = self._read_hints()
        states = self._states([hint.binding_id for hint in self._known])
        if (room, states) != self._placed_for:
            self._placed_for = room, states
            hints = [
                replace(hint, is_refused=state is KeyState.REFUSED)
                for hint, state in zip(self._known, states, strict=True)
                if state is not KeyState.HIDDEN
            ]
            self._placed = _placed(hints, room)
            self._line = _line(self._placed)
        return self._line

    def _read_hints(self) -> list[KeyHint]:
        """Return a hint for the first key of each action."""
        shown: dict[str, ActiveBinding] = {}
        for active in _in_declared_order(list(self.screen.active_bindings.values())):
            if active.binding.show and not self._is_typed(active):
                shown.setdefault(active.binding.action, active)
        hints = [
            KeyHint(
                key=one.binding.key,
                shown=self.app.get_key_display(one.binding),
                what=key_words(one),
                binding_id=one.binding.id or "",
            )
            for one in shown.values()
        ]
        return _paired(hints)

    def _states(self, binding_ids: list[str]) -> list[KeyState]:
        if isinstance(self.screen, KeyStates):
            return self.screen.key_states(binding_ids)
        return [KeyState.USABLE for _ in binding_ids]

    def _is_typed(self, active: ActiveBinding) -> bool:
        """Whether the focused widget takes the key as a character. Textual hides such a key only if it knows the
        key's character.
        """
        focused, shown = self.screen.focused, self.app.get_key_display(active.binding)
        return (
            focused is not None
            and focused is not active.node
            and len(shown) == 1
            and focused.check_consume_key(active.binding.key, shown)
        )


def _paired(hints: Sequence[KeyHint]) -> list[KeyHint]:
    """Join the hints of two keys that belong together, such as slower and faster."""
    by_id = {hint.binding_id: hint for hint in hints}
    joined: dict[str, KeyHint] = {}
    for first, (second, what) in _PAIRS.items():
        if first in by_id and second in by_id:
            other = by_id[second]
            joined[first] = replace(by_id[first], shown=by_id[first].shown + other.shown, what=what, second=other)
    seconds = {hint.second.binding_id for hint in joined.values() if hint.second}
    return [joined.get(hint.binding_id, hint) for hint in hints if hint.binding_id not in seconds]


def _placed(hints: Sequence[KeyHint], room: int) -> list[tuple[int, KeyHint]]:
    """Return the hints that fit, each with its first cell. The pinned ones are at the right end."""
    pinned = [hint for name in _PINNED for hint in hints if hint.binding_id == name]
    if room < _QUIT_FROM:
        pinned = pinned[:1]
    if room < _SUPPORT_FROM:
        hints = [hint for hint in hints if hint.binding_id not in _OF_SUPPORT]
    if room < _TIME_FROM:
        hints = [hint for hint in hints if hint.binding_id not in _OF_TIME]
    at_end = room - _width(pinned)
    others = _fitting([hint for hint in hints if hint.binding_id not in _PINNED], at_end - _GAP if pinned else room)
    return [*_from(0, others), *_from(at_end, pinned)]


def _line(placed: Sequence[tuple[int, KeyHint]]) -> Content:
    parts: list[str | Content] = []
    end = 0
    for start, hint in placed:
        parts += [" " * (start - end), hint.content]
        end = start + hint.width
    return Content.assemble(*parts)


def _width(hints: Sequence[KeyHint]) -> int:
    return sum(hint.width for hint in hints) + _GAP * max(len(hints) - 1, 0)


def _from(start: int, hints: Iterable[KeyHint]) -> list[tuple[int, KeyHint]]:
    """Place the hints side by side."""
    placed: list[tuple[int, KeyHint]] = []
    for hint in hints:
        placed.append((start, hint))
        start += hint.width + _GAP
    return placed


def _fitting(hints: Sequence[KeyHint], room: int) -> list[KeyHint]:
    """Return the hints that get room, in their order."""
    chosen: set[int] = set()
    for place in sorted(range(len(hints)), key=lambda place: hints[place].rank):
        if _width([hints[one] for one in (*chosen, place)]) <= room:
            chosen.add(place)
    return [hint for place, hint in enumerate(hints) if place in chosen]


def _in_declared_order(active: Sequence[ActiveBinding]) -> list[ActiveBinding]:
    """Sort as declared. Textual puts a remapped key behind the others, where it may not fit."""
    nodes = list(dict.fromkeys(one.node for one in active))
    places = {node: [binding.id for binding in inherited_bindings(type(node))] for node in nodes}

    def place(one: ActiveBinding) -> tuple[int, int]:
        declared = places[one.node]
        name = one.binding.id
        return nodes.index(one.node), declared.index(name) if name in declared else len(declared)

    return sorted(active, key=place)
