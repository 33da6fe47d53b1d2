"""Whose eyes a statement is run with."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Operator:
    """The role as connected. On a hosted database it bypasses row level security and sees everyone's rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActingUser:
    """A signed-in user of the app: role `authenticated` with their claims, under row level security."""

    id: UUID
    email: str | None = None


Actor = Operator | ActingUser

OPERATOR = Operator()
