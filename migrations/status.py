"""Current and pending revisions, without Alembic."""

from collections.abc import Mapping
from dataclasses import dataclass

import psycopg

from gjobs.migrations import HEAD, REVISIONS
from gjobs.migrations.connection import connect, read_value
from gjobs.store.capabilities.capability import EARLIER_BUILD, refuse_too_old
from gjobs.store.errors import NoPrivilege, SchemaMissing


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationStatus:
    current: str | None
    """None if no migration has run. A revision that only a newer program knows has nothing pending."""
    head: str
    pending: tuple[str, ...]
    """Oldest first."""
    managed: bool
    """Whether our migrations own the schema, not the app."""


def read_status(conninfo: Mapping[str, str | int]) -> MigrationStatus:
    with connect(conninfo, read_only=True) as connection:
        current = current_revision(connection)
    return MigrationStatus(current=current, head=HEAD, pending=_pending(current), managed=current is not None)


def known_status(conninfo: Mapping[str, str | int]) -> MigrationStatus:
    """Return the status. Raises SchemaMissing if a newer program migrated the database."""
    found = read_status(conninfo)
    if found.current is not None and found.current not in (*REVISIONS, EARLIER_BUILD):
        raise SchemaMissing(
            f"This database is at revision {found.current}, which this program does not know.",
            hint="Use the newer gjobs that migrated it.",
        )
    return found


def current_revision(connection: psycopg.Connection) -> str | None:
    """Return the revision; None if no migration has run. Raises SchemaMissing if it is too old to be taken over."""
    table = connection.execute(
        "select pg_catalog.has_schema_privilege(c.relnamespace, 'usage')"
        "       and pg_catalog.has_table_privilege(c.oid, 'select') and not pg_catalog.row_security_active(c.oid),"
        "       current_user::text"
        "  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace"
        " where n.nspname = 'gjobs' and c.relname = 'alembic_version'"
    ).fetchone()
    if table is None:
        return None
    may_read, login = table
    if not may_read:
        raise RevisionHidden(login)
    revision: str | None = read_value(connection, "select version_num from gjobs.alembic_version")
    refuse_too_old(revision)
    return revision


class RevisionHidden(NoPrivilege):
    """Migrations have run, but the login may not read which."""

    def __init__(self, login: str) -> None:
        role = '"{}"'.format(login.replace('"', '""'))
        super().__init__(
            f"Migrations have run here, but the login {login} may not read the revision (gjobs.alembic_version).",
            hint="To allow it, run as the tables' owner:"
            f" GRANT USAGE ON SCHEMA gjobs TO {role}; GRANT SELECT ON gjobs.alembic_version TO {role};",
        )


def _pending(current: str | None) -> tuple[str, ...]:
    if current is None:
        return REVISIONS
    if current == EARLIER_BUILD:
        return (HEAD,)
    return REVISIONS[REVISIONS.index(current) + 1 :] if current in REVISIONS else ()
