"""Users to choose from, as a search finds them. Pure."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from store.actor import OPERATOR, ActingUser, Actor
from store.model import FoundUser
from tui.screens.pick import Choice
from tui.words.counted import counted_jobs
from tui.words.eyes import eyes_name
from tui.words.format import age, short_id

OPERATOR_KEY = "operator"
PLACEHOLDER = "Type some letters of the e-mail, or the beginning of an id"


def user_key(actor: Actor) -> str:
    return str(actor.id) if isinstance(actor, ActingUser) else OPERATOR_KEY


def user_choice(user: FoundUser, now: datetime) -> Choice:
    last = f", last {age(user.last_job_at, now)}" if user.last_job_at else ""
    return Choice(key=str(user.id), label=user_name(user), detail=counted_jobs(user.job_count) + last)


def user_name(user: FoundUser | ActingUser) -> str:
    return user.email or f"no e-mail, {short_id(user.id)}"


def eyes_choices(users: Sequence[FoundUser], present: Actor, needle: str, now: datetime) -> list[Choice]:
    """The operator first, then who is looking at present, so that neither has to be searched for."""
    choices = {str(user.id): user_choice(user, now) for user in users}
    itself = Choice(key=OPERATOR_KEY, label=eyes_name(OPERATOR), detail="the role as connected")
    first = [itself] if needle.casefold() in itself.label else []
    if not needle and isinstance(present, ActingUser):
        first.append(choices.pop(str(present.id), Choice(key=str(present.id), label=eyes_name(present), detail="")))
    return [*first, *choices.values()]


def actor_of(key: str, users: Sequence[FoundUser], present: Actor) -> Actor:
    """Whom a choice stands for."""
    if key == OPERATOR_KEY:
        return OPERATOR
    if key == user_key(present):
        return present
    return ActingUser(id=UUID(key), email=next((user.email for user in users if str(user.id) == key), None))
