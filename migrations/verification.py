"""Compares the live schema with its revision, and decides whether an app's schema can be taken over."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import psycopg

from gjobs.migrations.connection import MigrationRefused, SchemaDiffers, connect, is_shared, read_value
from gjobs.migrations.progress import Origin
from gjobs.migrations.status import current_revision
from gjobs.store.capabilities.capability import EARLIER_BUILD
from gjobs.store.errors import command
from gjobs.store.schema.schema_diff import (
    APP_REVISION,
    NEWEST_REVISION,
    Difference,
    DifferenceKind,
    ObjectKind,
    SchemaObject,
    compare,
    expected,
    read_catalogue,
    required,
)

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

_DROPPED = (ObjectKind.RELATION, ObjectKind.FUNCTION)
OLDEST_SERVER = 150_000
"""In the server's own version number."""


def origin(connection: psycopg.Connection) -> Origin:
    if (current := current_revision(connection)) is not None:
        return Origin.EARLIER_BUILD if current == EARLIER_BUILD else Origin.MIGRATED
    return Origin.APP if read_value(connection, _PRESENT) else Origin.NOTHING


def require_app_schema(connection: psycopg.Connection) -> None:
    """Raise SchemaDiffers if the app's own schema differs from that of revision 0001_app."""
    differences = required(compare(read_catalogue(connection), expected(APP_REVISION)))
    if differences:
        raise SchemaDiffers(differences)


def require_no_objects_of_others(connection: psycopg.Connection) -> None:
    """Raise MigrationRefused if the schema gjobs has relations or functions that gjobs did not create. Those of an
    earlier build are not known, so they are not compared.
    """
    if current_revision(connection) == EARLIER_BUILD:
        return
    found, ours = (
        Counter(f"{one.kind} {one.title}" for one in objects if one.is_of_gjobs and one.kind in _DROPPED)
        for objects in (read_catalogue(connection), expected(NEWEST_REVISION))
    )
    if others := found - ours:
        raise MigrationRefused(
            f"The schema gjobs has objects that gjobs did not create: {', '.join(others)}.",
            hint="Move them to another schema or drop them, then try again.",
        )


def obstacle(connection: psycopg.Connection) -> str | None:
    """Return a sentence on why this login can't migrate, as `conditions.sql` would refuse it. None if it can."""
    row = connection.execute(_OBSTACLES).fetchone()
    version, is_replica, may_make_schema, may_make_indexes, user, owner = row or (0, False, False, False, "", None)
    if version < OLDEST_SERVER:
        return f"The migrations need PostgreSQL {OLDEST_SERVER // 10_000} or newer."
    if is_replica:
        return "This server is a read replica. Migrate on its primary."
    if owner is not None:
        return (
            f"The app's tables belong to {owner}. Only their owner can migrate them, and you are connected as {user}."
        )
    if not may_make_schema:
        return f"The role {user} may not create the schema gjobs, which stores the revision."
    if not may_make_indexes:
        return f"The role {user} may not create anything in the schema public."
    return None


def _unknown_type(connection: psycopg.Connection) -> str | None:
    """Return a sentence on a column whose type `upgrade` refuses. Run it last, because it may abort the transaction."""
    from gjobs.migrations.scripts import read

    try:
        connection.execute(read("column_types").encode())
    except psycopg.errors.ObjectNotInPrerequisiteState as error:
        return error.diag.message_primary
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    revision: str
    """The revision that the schema was compared with. Without migrations, the first one."""
    origin: Origin
    promised: tuple[SchemaObject, ...]
    differences: tuple[Difference, ...]
    obstacle: str | None
    """Why this login can't migrate. None if it can."""
    is_upgrade_unfinished: bool
    """Whether objects of gjobs exist, but not all. They are then neither compared nor among the differences."""

    @property
    def confirmed(self) -> tuple[SchemaObject, ...]:
        """Objects that match. Objects inside a missing object are neither here nor among the differences."""
        differing = {(one.object, one.name) for one in self.differences}
        absent = {one.name for one in self.differences if one.kind is DifferenceKind.MISSING}
        return tuple(one for one in self.promised if (one.kind, one.title) not in differing and one.place not in absent)

    @property
    def matches(self) -> bool:
        return not required(self.differences)

    @property
    def adoptable(self) -> bool:
        """Whether `upgrade` would take over the app's own tables."""
        return self.origin is Origin.APP and self.matches and self.obstacle is None


def verify(conninfo: Mapping[str, str | int]) -> Verification:
    """Compare the schema. Changes nothing. Raises SchemaMissing for a revision that only a newer program knows."""
    with connect(conninfo, read_only=True) as connection:
        pooled = f"{command('migrate up')} needs a direct connection, or a pooler in session mode."
        shared = is_shared(connection, conninfo)
        current = current_revision(connection)
        promised = expected(current)
        catalogue = read_catalogue(connection)
        is_unfinished = current == APP_REVISION and any(one.is_of_gjobs for one in catalogue)
        objects = [one for one in catalogue if not one.is_of_gjobs] if is_unfinished else catalogue
        differences = compare(objects, promised)
        found = origin(connection)
        reason = obstacle(connection) or (pooled if shared else None)
        if found is Origin.APP and not (reason or required(differences)):
            reason = _unknown_type(connection)
        return Verification(
            revision=NEWEST_REVISION if current == EARLIER_BUILD else current or APP_REVISION,
            origin=found,
            promised=promised,
            differences=differences,
            obstacle=reason,
            is_upgrade_unfinished=is_unfinished,
        )
