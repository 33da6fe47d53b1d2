"""What a key is said to do where that depends on the moment."""

from collections.abc import Mapping
from types import MappingProxyType

from textual.binding import ActiveBinding

NOTHING: Mapping[str, str] = MappingProxyType({})


class Rewords:
    """A widget that says so itself. After a change it refreshes its bindings."""

    reworded: Mapping[str, str] = NOTHING
    """In place of what the bindings with these ids say."""


def key_words(active: ActiveBinding) -> str:
    binding, node = active.binding, active.node
    return (
        node.reworded.get(binding.id or "", binding.description) if isinstance(node, Rewords) else binding.description
    )
