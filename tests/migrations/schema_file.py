"""Writes the expected schema of each revision: `python -m tests.migrations.schema_file`.

New objects are read from a new database. Known objects keep their line as long as its definition holds.
"""

from collections.abc import Iterator

from gjobs.migrations import REVISIONS
from gjobs.migrations.execution import upgrade_to
from gjobs.migrations.progress import Run, say_nothing
from gjobs.store.embedded.server import open_server
from gjobs.store.embedded.server_files import throw_away_dir
from gjobs.store.schema.schema_diff import (
    CHANGES,
    REPORTED_ONLY,
    SchemaObject,
    changes,
    is_optional,
    normal,
    read_catalogue,
)
from tests.conftest import Conninfo, connect


def schema_lines(conninfo: Conninfo) -> Iterator[str]:
    """Upgrade an empty database by one revision at a time. Yield a line for each object that is new or changed."""
    known = list(changes())
    promised: dict[tuple[str, str, str], SchemaObject] = {}
    for revision in REVISIONS:
        upgrade_to(Run(say_nothing, conninfo), revision)
        with connect(conninfo) as connection:
            found = {one.key: one for one in read_catalogue(connection)}
        kept = [one for since, one in known if since == revision and _is_same(one, found.get(one.key))]
        promised |= {one.key: one for one in kept}
        new = [one for one in found.values() if _is_new(one, promised.get(one.key))]
        promised |= {one.key: one for one in new}
        for one in (*kept, *new):
            yield "\t".join((revision, one.kind, one.place, one.name, one.definition))


def _is_same(known: SchemaObject, found: SchemaObject | None) -> bool:
    return found is not None and normal(found.definition) == normal(known.definition)


def _is_new(found: SchemaObject, known: SchemaObject | None) -> bool:
    if known is None:
        return found.kind not in REPORTED_ONLY and not is_optional(found)
    return not _is_same(known, found)


def main() -> None:
    with open_server(throw_away_dir(), grace=0.1, remove_after=True) as lease:
        lines = list(schema_lines(lease.conninfo))
    CHANGES.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main()
