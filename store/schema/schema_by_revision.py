"""The expected schema of each revision, starting with the app's own schema (revision 0001)."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from gjobs.store.errors import SchemaMissing
from gjobs.store.schema.schema_diff import SchemaObject, schema_object

TABLES = ("projects", "assets", "generation_jobs")
APP_REVISION = "0001"
"""The expected revision of an app's own database, before the first migration."""
NEWEST_REVISION = "0013"

CHANGES = Path(__file__).with_name("expected.tsv")
"""What each revision adds or changes, oldest first: revision, kind, place, name, definition.

`python -m tests.migrations.schema_file` adds the objects of a new revision.
"""


def changes() -> Iterator[tuple[str, SchemaObject]]:
    """Yield what each revision adds or changes, oldest first, with the revision."""
    for line in CHANGES.read_text(encoding="utf-8").splitlines():
        revision, *described = line.split("\t")
        yield revision, schema_object(*described)


@cache
def expected(revision: str | None) -> tuple[SchemaObject, ...]:
    """Return the expected schema of a revision; None means no revision.

    Raises SchemaMissing for a revision that only a newer program knows.
    """
    if (revision := revision or APP_REVISION) > NEWEST_REVISION:
        raise SchemaMissing(
            f"This database is at revision {revision}, which this version of gjobs does not know.",
            hint="Use the newer gjobs that migrated it.",
        )
    return tuple({one.key: one for since, one in changes() if since <= revision}.values())
