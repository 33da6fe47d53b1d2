"""Operator, ActingUser, and how an actor is named."""

from dataclasses import dataclass
from typing import assert_never
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


def actor_name(actor: Actor) -> str:
    match actor:
        case Operator():
            return "the operator"
        case ActingUser(id=user_id, email=email):
            return email or str(user_id)
    assert_never(actor)
