"""What the keys of a screen do at present, read from its bindings: for the command palette."""

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
    """In the order of the bindings. Those without an id are Textual's own."""
    actions: dict[str, BoundAction] = {}
    for active in screen.active_bindings.values():
        binding = active.binding
        if not binding.id:
            continue
        keys = screen.app.get_key_display(binding)
        before = actions.get(binding.id)
        actions[binding.id] = BoundAction(
            binding_id=binding.id,
            keys=f"{before.keys} {keys}" if before else keys,
            name=binding.description,
            what=binding.tooltip,
            action=binding.action,
            node=active.node,
        )
    return list(actions.values())
