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
