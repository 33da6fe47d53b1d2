"""The same catalogue through a session on a database, where a pooler may stand between."""

from sqlalchemy import text

from store.actor import Actor
from store.database import Database, Query
from store.schema.model import SchemaObject
from store.schema.reading import CATALOGUE, QUALIFY, schema_object
from store.statements.rows import Row


def _nothing(_: Row) -> None:
    pass


def _schema_object(row: Row) -> SchemaObject:
    return schema_object(*row)


QUALIFY_QUERY = Query(text(QUALIFY), _nothing)
CATALOGUE_QUERY = Query(text(CATALOGUE), _schema_object)
"""To be read together, in this order. What is read after them in the same transaction has to name its schemas."""


async def read_schema(database: Database, actor: Actor) -> tuple[SchemaObject, ...]:
    """In one read-only transaction and one round trip."""
    _, objects = await database.read_together(actor, QUALIFY_QUERY, CATALOGUE_QUERY)
    return tuple(objects)
