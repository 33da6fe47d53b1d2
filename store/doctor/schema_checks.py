"""Compare the live schema with its revision, and provide SQL that restores what is missing."""

from collections.abc import Iterable, Iterator, Sequence, Set
from typing import assert_never

from sqlalchemy import text

from gjobs.store.advice import command
from gjobs.store.capabilities.capability import quoted
from gjobs.store.database.database import Database
from gjobs.store.database.query import Query, Row
from gjobs.store.doctor.findings import Finding, Section, Severity
from gjobs.store.schema.schema_by_revision import expected
from gjobs.store.schema.schema_diff import (
    CATALOGUE,
    QUALIFY,
    Difference,
    DifferenceKind,
    ObjectKind,
    SchemaObject,
    compare,
    required,
    schema_object,
)
from gjobs.store.users.actor import Actor


def recreate_sql(lost: SchemaObject) -> str | None:
    """Return SQL that restores an object, or None if its definition is incomplete.

    Returns None for policies, too, because the app may hide rows on purpose. The app can write while the SQL runs.
    """
    name, place, definition = quoted(lost.name), lost.place, lost.definition
    match lost.kind:
        case ObjectKind.INDEX:
            return f"CREATE INDEX CONCURRENTLY {name} ON {place} USING {definition};"
        case ObjectKind.TRIGGER:
            moment, _, action = definition.partition(" FOR EACH ROW ")
            return f"CREATE TRIGGER {name} {moment} ON {place} FOR EACH ROW {action};"
        case ObjectKind.KEY if definition.startswith("PRIMARY KEY"):
            return f"ALTER TABLE {place} ADD CONSTRAINT {name} {definition};"
        case ObjectKind.KEY | ObjectKind.CHECK:
            return (
                f"ALTER TABLE {place} ADD CONSTRAINT {name} {definition} NOT VALID;\n"
                f"ALTER TABLE {place} VALIDATE CONSTRAINT {name};"
            )
        case ObjectKind.RELATION | ObjectKind.COLUMN | ObjectKind.ROW_SECURITY | ObjectKind.POLICY:
            return None
        case ObjectKind.FUNCTION | ObjectKind.BODY | ObjectKind.GRANT:
            return None
    assert_never(lost.kind)


MOST_NAMED = 6
TABLES = frozenset({"public.projects", "public.assets", "public.generation_jobs"})


def missing_checks(found: Sequence[SchemaObject], revision: str | None) -> list[SchemaObject]:
    """Return the missing checks of those app tables that exist."""
    there = {one.place for one in found}
    if not TABLES & there:
        return []
    missing = {one.name for one in compare(found, expected(revision)) if one.kind is DifferenceKind.MISSING}
    checks = (one for one in expected(revision) if one.kind is ObjectKind.CHECK and one.place in TABLES & there)
    return [one for one in checks if one.title in missing]


def is_violated(check: SchemaObject) -> Query[bool]:
    """Return a query that checks whether any row violates a missing check constraint."""
    condition = check.definition.removeprefix("CHECK ")
    asked = f"SELECT EXISTS (SELECT FROM {check.place} WHERE NOT {condition})"  # noqa: S608 - of a revision's own text
    return Query(text(asked), lambda row: bool(row[0]))


def schema_findings(
    found: Sequence[SchemaObject], revision: str | None, *, is_managed: bool, violated: Set[str] = frozenset()
) -> Iterator[Finding]:
    """Compare a schema with a revision.

    `violated` has the titles of missing checks that rows violate: the app has removed these on purpose.
    `revision` is None if no migration has run, or if it can't be read. Raises SchemaMissing for a newer revision.
    """
    if not any(known.place in TABLES for known in found):
        yield _finding(
            "no-table",
            Severity.PROBLEM,
            "None of the app's tables is here. The database is empty, or it is not the app's.",
            hint=f"{command('migrate sql')} prints the SQL that creates them.",
        )
        return
    if is_managed and revision is None:
        yield _finding(
            "revision",
            Severity.NOTE,
            "Migrations have run here, but this login may not read the revision, so the schema was not compared.",
            hint=f"To compare the schema, run {command('doctor')} as the owner of the tables.",
        )
        return
    promised = expected(revision)
    differences = compare(found, promised)
    broken = [one for one in required(differences) if one.name not in violated]
    name = f"revision {revision}" if revision else "the app's own schema"
    if not broken:
        yield _finding("matches", Severity.OK, f"All {len(promised)} objects of {name} are as expected.")
    by_title = {(one.kind, one.title): one for one in promised}
    for difference in broken:
        lost = by_title.get((difference.object, difference.name)) if difference.kind is DifferenceKind.MISSING else None
        yield _broken(difference, recreate_sql(lost) if lost else None)
    for title in sorted(violated):
        yield _finding(
            "further-values",
            Severity.NOTE,
            f"The check constraint {title} is missing, and some rows have values that it would refuse.",
            hint="gjobs shows these values too, so you don't have to do anything.",
        )
    yield from _tolerated(differences)


def _broken(difference: Difference, sql: str | None) -> Finding:
    thing = difference.object.value.replace(" ", "-")
    return _finding(f"{difference.kind.value}-{thing}", Severity.PROBLEM, _sentence(difference), sql=sql)


def _tolerated(differences: Iterable[Difference]) -> Iterator[Finding]:
    rest = [difference for difference in differences if not difference.required]
    own = [one for one in rest if one.kind is DifferenceKind.EXTRA]
    others = [one for one in rest if one.kind is not DifferenceKind.EXTRA and one.object is not ObjectKind.GRANT]
    if own:
        yield _finding("own-objects", Severity.OK, f"In addition, the app has {_named(own)}.")
    if others:
        yield _finding("tolerated", Severity.NOTE, f"Different from expected, but tolerated: {_named(others)}.")


def _named(differences: Sequence[Difference]) -> str:
    names = [f"{one.object} {one.name}" for one in differences]
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _sentence(difference: Difference) -> str:
    sentence = difference.sentence.rstrip(".")
    return f"{sentence[:1].upper()}{sentence[1:]}."


def _finding(
    name: str, severity: Severity, sentence: str, *, sql: str | None = None, hint: str | None = None
) -> Finding:
    return Finding(section=Section.SCHEMA, name=name, severity=severity, sentence=sentence, sql=sql, hint=hint)


def _nothing(_: Row) -> None:
    pass


def _schema_object(row: Row) -> SchemaObject:
    return schema_object(*row)


QUALIFY_QUERY = Query(text(QUALIFY), _nothing)
CATALOGUE_QUERY = Query(text(CATALOGUE), _schema_object)
"""Read these together, in this order. Later queries in the same transaction must name schemas explicitly."""


async def read_schema(database: Database, actor: Actor) -> tuple[SchemaObject, ...]:
    """Read the schema in one read-only transaction and one round trip."""
    _, objects = await database.read_together(actor, QUALIFY_QUERY, CATALOGUE_QUERY)
    return tuple(objects)
