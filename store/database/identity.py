"""Sets and checks the identity of a user, for one transaction."""

from psycopg import AsyncConnection, AsyncCursor

from store.database.query import Row
from store.errors import NoPrivilege
from store.users.claims import RequestIdentity

UNPROTECTED = """(
SELECT CASE c.relkind WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table'
                      ELSE 'view that runs with the rights of its owner' END
  FROM pg_catalog.pg_class c
 WHERE c.relname = 'generation_jobs'
   AND c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'public')
   AND (c.relkind IN ('m', 'f')
        OR c.relkind = 'v' AND NOT EXISTS (SELECT FROM pg_catalog.pg_options_to_table(c.reloptions)
                                            WHERE option_name = 'security_invoker' AND option_value::boolean))
)"""
"""SQL for the kind of generation_jobs, if it returns jobs without applying a user's policies. Otherwise NULL."""

ACT_AS_OPERATOR = "Act as the operator instead."


def unprotected_words(kind: str) -> str:
    """Return a sentence for a value of UNPROTECTED."""
    return f"gjobs can't show what a user sees: generation_jobs is a {kind}, so policies do not decide what it returns."


async def take_identity(connection: AsyncConnection, identity: RequestIdentity | None) -> AsyncCursor[Row] | None:
    """Apply role and claims to this transaction only. Return the identity that the database reports."""
    if identity is None:
        return None
    await connection.execute(identity.sql, identity.values)
    return await connection.execute(_WHO)


_WHO = (
    "SELECT auth.uid(), current_user::text, current_setting('request.jwt.claims')::jsonb ->> 'role',"
    f" {UNPROTECTED}::text"
)


async def check_identity(answer: AsyncCursor[Row] | None, identity: RequestIdentity | None) -> None:
    """Raise NoPrivilege if the database reports another identity, or would not apply the policies of this one.

    A role without claims would read no rows and raise no error. That must never look like an empty table. Without
    policies, all jobs would look like those of the user.
    """
    if answer is None or identity is None:
        return
    row = await answer.fetchone()
    user_id, role, claimed_role, unprotected = row or (None, None, None, None)
    if user_id != identity.user_id or role != identity.role:
        expected = f"the user {identity.user_id}" if identity.user_id else f"the role {identity.role}"
        raise NoPrivilege(f"gjobs acts as {expected}, but the database reports {user_id or 'no user'}.")
    if claimed_role != identity.role:
        raise NoPrivilege(
            f"The app signs in user {user_id} as the role {claimed_role}, so gjobs can't show what they see.",
            hint=f"gjobs can act only as users of the role {identity.role}. {ACT_AS_OPERATOR}",
        )
    if unprotected is not None:
        raise NoPrivilege(unprotected_words(unprotected), hint=ACT_AS_OPERATOR)
