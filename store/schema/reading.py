"""The schema as it is, read from the catalogue on a connection of psycopg's. Works on PostgreSQL 14 and newer."""

from pathlib import Path
from typing import TYPE_CHECKING

from store.schema.model import ObjectKind, SchemaObject

if TYPE_CHECKING:
    from psycopg import Connection

QUALIFY = "select pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true)"
"""To be run before, in the same transaction, whose setting it is: then PostgreSQL writes each name with its schema."""

CATALOGUE = (Path(__file__).parent / "catalogue.sql").read_text(encoding="utf-8")
"""One row an object: the texts that `schema_object` takes."""


def schema_object(kind: str, place: str, name: str, definition: str) -> SchemaObject:
    """The definition as one line."""
    return SchemaObject(kind=ObjectKind(kind), place=place, name=name, definition=" ".join(definition.split()))


def read_catalogue(connection: "Connection") -> tuple[SchemaObject, ...]:
    """In a transaction of its own, or within the one that is open, which it gives its search_path back."""
    with connection.transaction(force_rollback=True):
        connection.execute(QUALIFY)
        rows = connection.execute(CATALOGUE.encode()).fetchall()
    return tuple(schema_object(*row) for row in rows)
