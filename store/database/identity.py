"""Sets and checks the identity of a user, for one transaction."""

from psycopg import AsyncConnection, AsyncCursor

from gjobs.store.database.query import Row
from gjobs.store.errors import NoPrivilege
from gjobs.store.users.claims import RequestIdentity

UNPROTECTED = """(
WITH RECURSIVE read (name, verb, oid) AS (
    SELECT c.relname::text, 'is', c.oid
      FROM pg_catalog.pg_class c
     WHERE c.relname IN ('generation_jobs', 'projects', 'assets')
       AND c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'public')
    UNION
    SELECT read.name, 'reads', d.refobjid
      FROM read
      JOIN pg_catalog.pg_class v ON v.oid = read.oid AND v.relkind = 'v'
      JOIN pg_catalog.pg_rewrite w ON w.ev_class = v.oid
      JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = w.oid
                                 AND d.refclassid = 'pg_catalog.pg_class'::regclass
)
SELECT min(read.name || ' ' || read.verb || CASE c.relkind WHEN 'm' THEN ' a materialized view'
                                                           WHEN 'f' THEN ' a foreign table'
                                                           ELSE ' a view that runs with the rights of its owner' END)
  FROM read
  JOIN pg_catalog.pg_class c ON c.oid = read.oid
 WHERE c.relkind IN ('m', 'f')
    OR c.relkind = 'v' AND NOT EXISTS (SELECT FROM pg_catalog.pg_options_to_table(c.reloptions)
                                        WHERE option_name = 'security_invoker' AND option_value::boolean)
)"""
"""SQL for why one of the app's tables would show rows without applying a user's policies. Otherwise NULL.

It may be another kind of relation, or a view that reads one, directly or through other views.
"""

ACT_AS_OPERATOR = "Act as the operator instead."


def unprotected_words(why: str) -> str:
    """Return a sentence for a value of UNPROTECTED."""
    return f"gjobs can't show what a user sees: {why}, so policies do not decide what it returns."


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
