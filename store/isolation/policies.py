"""What the database says about the rows of a table for one user: row level security, grants and policies."""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import text

from store.database import Query
from store.statements.rows import Row


class Command(StrEnum):
    """As the catalogue of policies writes them."""

    SELECT = "r"
    INSERT = "a"
    UPDATE = "w"
    DELETE = "d"
    ALL = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One that applies to the user."""

    table: str
    name: str
    is_permissive: bool
    command: Command
    using: str | None
    """Which rows are seen, as the catalogue writes the expression."""
    check: str | None
    """Which rows may be stored; None where `using` decides that, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRules:
    table: str
    has_row_security: bool
    """Whether policies decide for this user at all."""
    granted: frozenset[Command]


_TABLES = text("""
    select c.relname::text, row_security_active(c.oid),
           has_any_column_privilege(c.oid, 'select'), has_any_column_privilege(c.oid, 'insert'),
           has_any_column_privilege(c.oid, 'update'), has_table_privilege(c.oid, 'delete')
      from pg_catalog.pg_class c
     where c.relnamespace = 'public'::regnamespace and c.relname in ('generation_jobs', 'projects', 'assets')
""")
_POLICIES = text("""
    select c.relname::text, p.polname::text, p.polpermissive, p.polcmd::text,
           pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
      from pg_catalog.pg_policy p join pg_catalog.pg_class c on c.oid = p.polrelid
     where c.relnamespace = 'public'::regnamespace and c.relname in ('generation_jobs', 'projects', 'assets')
       and exists (select from unnest(p.polroles) as role where role = 0 or pg_has_role(role, 'usage'))
     order by c.relname, p.polname
""")


def _make_rules(row: Row) -> TableRules:
    table, has_row_security, *granted = row
    commands = (Command.SELECT, Command.INSERT, Command.UPDATE, Command.DELETE)
    return TableRules(
        table=table,
        has_row_security=has_row_security,
        granted=frozenset(command for command, is_granted in zip(commands, granted, strict=True) if is_granted),
    )


def _make_policy(row: Row) -> Policy:
    table, name, is_permissive, command, using, check = row
    return Policy(
        table=table,
        name=name,
        is_permissive=is_permissive,
        command=Command(command),
        using=using,
        check=check,
    )


RULES: Query[TableRules] = Query(_TABLES, _make_rules)
"""Of the tables that are there, for the user who asks."""

POLICIES: Query[Policy] = Query(_POLICIES, _make_policy)
"""Those that apply to the user who asks, in the order of their names."""
