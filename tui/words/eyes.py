"""With whose eyes one looks, in words."""

from typing import assert_never

from store.actor import ActingUser, Actor, Operator


def eyes_name(actor: Actor) -> str:
    match actor:
        case Operator():
            return "the operator"
        case ActingUser(id=user_id, email=email):
            return email or str(user_id)
    assert_never(actor)
