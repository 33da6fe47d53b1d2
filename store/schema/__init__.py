"""What a database's schema is, beside what a revision promises: object by object, read-only.

`found = read_catalogue(connection)` on a psycopg connection, or `await read_schema(database, actor)` from
`store.schema.queries`; then `compare(found, expected(revision))`.
"""

from store.schema.comparing import compare, required
from store.schema.expected import APP_REVISION, NEWEST_REVISION, expected
from store.schema.model import Difference, DifferenceKind, ObjectKind, SchemaObject
from store.schema.reading import read_catalogue

__all__ = [
    "APP_REVISION",
    "NEWEST_REVISION",
    "Difference",
    "DifferenceKind",
    "ObjectKind",
    "SchemaObject",
    "compare",
    "expected",
    "read_catalogue",
    "required",
]
