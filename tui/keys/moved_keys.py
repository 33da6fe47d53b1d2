"""Keys as they are pressed, where the person's keymap has moved them."""

from collections.abc import Iterable, Iterator
from typing import Any

from textual.app import App
from textual.binding import Binding, BindingType
from textual.dom import DOMNode


def own_bindings(owner: type[DOMNode]) -> Iterator[Binding]:
    """Those that the class itself declares."""
    for binding in owner.__dict__.get("BINDINGS", ()):
        if isinstance(binding, Binding):
            yield binding


def shown_keys(app: App[Any], binding: Binding) -> list[str]:
    """What a binding's keys are called, the first one first."""
    # Textual has no public way to read the keymap.
    keymap = app._keymap  # noqa: SLF001
    keys = keymap.get(binding.id or "", binding.key).split(",")
    return [app.get_key_display(binding.with_key(key.strip())) for key in keys]


def inherited_bindings(owner: type[DOMNode]) -> Iterator[Binding]:
    """Those that the class declares, or one that it inherits from."""
    for parent in owner.__mro__:
        if issubclass(parent, DOMNode):
            yield from own_bindings(parent)


def key_of(app: App[Any], bindings: Iterable[BindingType], binding_id: str) -> str:
    """What the first key is called of the binding with this id."""
    binding = next(one for one in bindings if isinstance(one, Binding) and one.id == binding_id)
    return shown_keys(app, binding)[0]
