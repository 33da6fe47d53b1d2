"""What the keys of a screen do, read from its bindings: for the help and the command palette."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from textual.dom import DOMNode
from textual.screen import Screen


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundAction:
    binding_id: str
    keys: str
    """As they are shown, where they were moved to."""
    name: str
    what: str
    """The tooltip: a sentence."""
    action: str
    node: DOMNode
    """Where the action is looked up."""


def bound_actions(screen: Screen[Any]) -> list[BoundAction]:
    """In the order of the bindings. Those without an id and a tooltip are Textual's own."""
    actions: dict[str, BoundAction] = {}
    for node, binding_id, keys, name, what, action in _named_bindings(screen):
        before = actions.get(binding_id)
        actions[binding_id] = BoundAction(
            binding_id=binding_id,
            keys=f"{before.keys} {keys}" if before else keys,
            name=name,
            what=what,
            action=action,
            node=node,
        )
    return list(actions.values())


def _named_bindings(screen: Screen[Any]) -> Iterator[tuple[DOMNode, str, str, str, str, str]]:
    for active in screen.active_bindings.values():
        binding = active.binding
        if binding.id and binding.tooltip:
            keys = screen.app.get_key_display(binding)
            yield active.node, binding.id, keys, binding.description, binding.tooltip, binding.action
