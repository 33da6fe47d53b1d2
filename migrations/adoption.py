"""An app's own schema, which the migrations go on from where it is what revision 0001 would have made."""

import psycopg

from migrations.errors import SchemaDiffers
from migrations.run import Origin
from migrations.status import current_revision
from store.schema import APP_REVISION, compare, expected, read_catalogue, required

_PRESENT = """
select exists (
    select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'public'
       and c.relname in ('projects', 'assets', 'generation_jobs', 'generation_job_summary')
)
"""

_OBSTACLES = """
select pg_catalog.current_setting('server_version_num')::integer,
       pg_catalog.pg_is_in_recovery(),
       pg_catalog.to_regnamespace('gjobs') is not null
           or pg_catalog.has_database_privilege(pg_catalog.current_database(), 'create'),
       pg_catalog.to_regnamespace('public') is null or pg_catalog.has_schema_privilege('public', 'create'),
       current_user,
       (select min(c.relowner::pg_catalog.regrole::text)
          from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
         where n.nspname = 'public'
           and c.relname in ('projects', 'assets', 'generation_jobs', 'generation_job_summary')
           and not pg_catalog.pg_has_role(current_user, c.relowner, 'usage'))
"""

OLDEST_SERVER = 150_000
"""As the server itself counts its versions."""


def origin(connection: psycopg.Connection) -> Origin:
    if current_revision(connection) is not None:
        return Origin.MIGRATED
    row = connection.execute(_PRESENT).fetchone()
    return Origin.APP if row and row[0] else Origin.NOTHING


def require_app_schema(connection: psycopg.Connection) -> None:
    """Raises SchemaDiffers where the app's own schema is not the one that revision 0001 would have made."""
    differences = required(compare(read_catalogue(connection), expected(APP_REVISION)))
    if differences:
        raise SchemaDiffers(differences)


def obstacle(connection: psycopg.Connection) -> str | None:
    """A sentence on what keeps this login from migrating, as `conditions.sql` would refuse it. None: nothing does."""
    row = connection.execute(_OBSTACLES).fetchone()
    version, is_replica, may_make_schema, may_make_indexes, user, owner = row or (0, False, False, False, "", None)
    if version < OLDEST_SERVER:
        return f"The migrations need PostgreSQL {OLDEST_SERVER // 10_000} or newer."
    if is_replica:
        return "This server is a read replica: migrate on its primary."
    if owner is not None:
        return f"The app's tables belong to {owner}, and only their owner can migrate them; this is {user}."
    if not may_make_schema:
        return f"The role {user} may not create the schema gjobs, which keeps the revision."
    if not may_make_indexes:
        return f"The role {user} may not create anything in the schema public."
    return None
