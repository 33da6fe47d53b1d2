"""Row level security of the app's tables, as the catalogue has it."""

from dataclasses import dataclass

from sqlalchemy import text

from store.database import Query
from store.statements.rows import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    name: str
    """Without its schema, which is public."""
    has_row_security: bool
    is_forced: bool
    """On its owner, too."""
    reachable: tuple[str, ...]
    """Of the roles of requests, those with any privilege on it."""
    truncating: tuple[str, ...]
    """Those that may empty it."""
    publications: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    table: str
    name: str
    """As it stands within SQL."""
    is_permissive: bool
    command: str
    """SELECT, INSERT, UPDATE, DELETE or ALL."""
    roles: tuple[str, ...]
    """Of the requests', those that come under it; public stands for all."""
    using: str | None
    check: str | None
    """None where `using` decides what may be stored, too."""

    @property
    def stores(self) -> str | None:
        """What a new row has to be; None for a policy that lets none be stored."""
        return (self.check or self.using) if self.command in ("INSERT", "UPDATE", "ALL") else None


TABLES: Query[Table] = Query(
    text("""
select c.relname::text, c.relrowsecurity, c.relforcerowsecurity,
       array(select r.rolname::text from pg_roles r
              where r.rolname in ('anon', 'authenticated')
                and (has_any_column_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE')
                     or has_table_privilege(r.oid, c.oid, 'DELETE'))
              order by 1),
       array(select r.rolname::text from pg_roles r
              where r.rolname in ('anon', 'authenticated') and has_table_privilege(r.oid, c.oid, 'TRUNCATE')
              order by 1),
       array(select p.pubname::text from pg_publication_tables p
              where p.schemaname = n.nspname and p.tablename = c.relname order by 1)
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
 where n.nspname = 'public' and c.relname in ('generation_jobs', 'projects', 'assets') and c.relkind in ('r', 'p')
 order by c.relname = 'generation_jobs' desc, c.relname = 'projects' desc
"""),
    lambda row: Table(
        name=row[0],
        has_row_security=row[1],
        is_forced=row[2],
        reachable=tuple(row[3]),
        truncating=tuple(row[4]),
        publications=tuple(row[5]),
    ),
)

POLICIES: Query[Policy] = Query(
    text("""
select tablename::text, quote_ident(policyname), permissive = 'PERMISSIVE', cmd,
       array(select role::text from unnest(roles) as role
              where role in ('public', 'anon', 'authenticated') order by 1),
       qual, with_check
  from pg_policies
 where schemaname = 'public' and tablename in ('generation_jobs', 'projects', 'assets')
   and roles && array['public', 'anon', 'authenticated']::name[]
 order by tablename, policyname
"""),
    lambda row: _make_policy(row),
)


def _make_policy(row: Row) -> Policy:
    table, name, is_permissive, command, roles, using, check = row
    return Policy(
        table=table,
        name=name,
        is_permissive=is_permissive,
        command=command,
        roles=tuple(roles),
        using=using,
        check=check,
    )
