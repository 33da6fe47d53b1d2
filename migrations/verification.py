"""The live schema beside what its revision promises, read without changing anything."""

from collections.abc import Mapping
from dataclasses import dataclass

import psycopg

from migrations.adoption import obstacle, origin
from migrations.connecting import connect, translate_migrating
from migrations.run import Origin
from migrations.session import is_shared
from migrations.status import current_revision
from store.schema import (
    APP_REVISION,
    Difference,
    DifferenceKind,
    SchemaObject,
    compare,
    expected,
    read_catalogue,
    required,
)

_POOLED = "'gjobs migrate up' needs a direct connection, or a pooler in session mode."


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    revision: str
    """Whose promise the schema was held to: the present revision's, or the first one's where no migration has run."""
    origin: Origin
    promised: tuple[SchemaObject, ...]
    differences: tuple[Difference, ...]
    obstacle: str | None
    """Why this login could not migrate; None where nothing is in its way."""

    @property
    def confirmed(self) -> tuple[SchemaObject, ...]:
        """What is as promised. What stands within a missing object is neither here nor among the differences."""
        differing = {(one.object, one.name) for one in self.differences}
        absent = {one.name for one in self.differences if one.kind is DifferenceKind.MISSING}
        return tuple(one for one in self.promised if (one.kind, one.title) not in differing and one.place not in absent)

    @property
    def matches(self) -> bool:
        return not required(self.differences)

    @property
    def adoptable(self) -> bool:
        """Whether `upgrade` would take the app's own tables over."""
        return self.origin is Origin.APP and self.matches and self.obstacle is None


def verify(conninfo: Mapping[str, str | int]) -> Verification:
    """Changes nothing. Raises SchemaMissing for a revision that only a newer program knows."""
    with connect(conninfo) as connection:
        try:
            connection.read_only = True
            shared = is_shared(connection, conninfo)
            current = current_revision(connection)
            promised = expected(current)
            return Verification(
                revision=current or APP_REVISION,
                origin=origin(connection),
                promised=promised,
                differences=compare(read_catalogue(connection), promised),
                obstacle=obstacle(connection) or (_POOLED if shared else None),
            )
        except psycopg.Error as error:
            raise translate_migrating(error) from error
