"""Who a transaction is, and how long it may take: set for it alone, so that nothing outlives it."""

import json
from collections.abc import Mapping
from uuid import UUID

from psycopg import AsyncConnection, AsyncCursor

from store.actor import ActingUser, Actor
from store.database.limits import TimeLimits
from store.errors import NoPrivilege
from store.statements.rows import Row

ROLE_OF_USERS = "authenticated"


async def set_up(connection: AsyncConnection, actor: Actor, limits: TimeLimits) -> AsyncCursor[Row] | None:
    """Time-outs, and for a user role and claims. Returns who the database then says it is, to be checked."""
    await set_for_transaction(connection, {**time_outs(limits), **claims(actor)})
    return await ask_identity(connection, actor)


def time_outs(limits: TimeLimits) -> dict[str, str]:
    return {
        **statement_time_out(limits.statement),
        "lock_timeout": str(round(limits.lock * 1000)),
        # Against a client that stops in the middle: asleep, or cut off without a word.
        "idle_in_transaction_session_timeout": str(round(limits.patience * 1000)),
    }


def statement_time_out(seconds: float) -> dict[str, str]:
    """Never 0, which is none at all."""
    return {"statement_timeout": str(max(1, round(seconds * 1000)))}


def claims(actor: Actor) -> dict[str, str]:
    if not isinstance(actor, ActingUser):
        return {}
    claims = json.dumps({"sub": str(actor.id), "role": ROLE_OF_USERS})
    return {"request.jwt.claims": claims, "role": ROLE_OF_USERS}


async def set_for_transaction(connection: AsyncConnection, settings: Mapping[str, str]) -> None:
    """For this transaction alone."""
    calls = ", ".join("set_config(%s, %s, true)" for _ in settings)
    values = [part for setting in settings.items() for part in setting]
    await connection.execute(f"SELECT {calls}", values)


async def ask_identity(connection: AsyncConnection, actor: Actor) -> AsyncCursor[Row] | None:
    return await connection.execute("SELECT auth.uid()") if isinstance(actor, ActingUser) else None


async def check_identity(identity: AsyncCursor[Row] | None, actor: Actor) -> None:
    """Role without claims would read nothing and raise nothing: it must never pass for an empty table."""
    if identity is None or not isinstance(actor, ActingUser):
        return
    row = await identity.fetchone()
    seen: UUID | None = row[0] if row else None
    if seen != actor.id:
        raise NoPrivilege(f"The database takes this session for {seen or 'nobody'}, not for the user {actor.id}.")
