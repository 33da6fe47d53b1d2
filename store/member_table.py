"""Tables with a value for each member of an enumeration."""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


def by_member(members: type[Enum], table: Mapping[K, V]) -> Mapping[K, V]:
    """Return the table, read-only. Raises TypeError if it lacks a member, so that a forgotten one fails at import."""
    if missing := [str(member.name) for member in members if member not in table]:
        raise TypeError(f"A table by {members.__name__} has no value for {', '.join(missing)}.")
    return MappingProxyType(table)
