"""Operator, ActingUser, Anon, and how an actor is named."""

from typing import assert_never
from uuid import UUID

from gjobs.store.value_class import dataclass

ROLE_OF_USERS, ROLE_OF_ANON = "authenticated", "anon"


@dataclass(frozen=True, slots=True)
class Operator:
    """The database role as connected. On a hosted database, it bypasses row level security and sees all rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActingUser:
    """A signed-in user of the app: role `authenticated` with the user's claims, under row level security."""

    id: UUID
    email: str | None = None
    aal: int = 1
    """The assurance level of the sign-in: 2 after a second factor."""


@dataclass(frozen=True, slots=True)
class Anon:
    """A visitor who has not signed in: role `anon` without a user id, under row level security."""


Actor = Operator | ActingUser | Anon

OPERATOR = Operator()
ANON = Anon()


def actor_name(actor: Actor) -> str:
    match actor:
        case Operator():
            return "the operator"
        case ActingUser(id=user_id, email=email):
            return email or str(user_id)
        case Anon():
            return ROLE_OF_ANON
    assert_never(actor)


def role_of(actor: Actor) -> str | None:
    """Return the app's request role that the actor's statements run as. None for the role as connected."""
    match actor:
        case Operator():
            return None
        case ActingUser():
            return ROLE_OF_USERS
        case Anon():
            return ROLE_OF_ANON
    assert_never(actor)
