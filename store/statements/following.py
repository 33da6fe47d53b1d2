"""Which tables of an app's own hold rows that the database deletes or unlinks along with a job."""

from sqlalchemy import text

from store.database import Query
from store.statements.rows import Row

_FOLLOWING = text("""
SELECT DISTINCT format('%I.%I', namespace.nspname, referring.relname)
  FROM pg_catalog.pg_constraint AS key
  JOIN pg_catalog.pg_class AS referring ON referring.oid = key.conrelid
  JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = referring.relnamespace
 WHERE key.contype = 'f'
   AND key.confrelid = to_regclass('public.generation_jobs')
   AND key.confdeltype IN ('c', 'n', 'd')
 ORDER BY 1
""")


def _name(row: Row) -> str:
    name: str = row[0]
    return name


def following_tables() -> Query[str]:
    """By their foreign keys: cascade, set null, set default."""
    return Query(_FOLLOWING, _name)
