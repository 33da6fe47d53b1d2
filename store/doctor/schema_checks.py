"""Checks the schema against its revision, with SQL that restores missing objects."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from functools import partial
from typing import assert_never

from sqlalchemy import text

from gjobs.store.capabilities.capability import quoted
from gjobs.store.database.query import Query
from gjobs.store.doctor.findings import DISABLED_TRIGGER, Finding, Section, Severity
from gjobs.store.errors import command
from gjobs.store.schema.schema_diff import (
    APP_REVISION,
    CATALOGUE,
    TABLES,
    Difference,
    DifferenceKind,
    ObjectKind,
    SchemaObject,
    compare,
    expected,
    required,
    schema_object,
)

_schema_finding = partial(Finding, Section.SCHEMA)


def recreate_sql(lost: SchemaObject) -> str | None:
    """Return SQL that restores an object, or None if its definition is incomplete.

    Returns None for policies, too, because the app may hide rows on purpose.
    """
    name, place, definition = quoted(lost.name), lost.place, lost.definition
    match lost.kind:
        case ObjectKind.INDEX:
            return f"CREATE INDEX CONCURRENTLY {name} ON {place} USING {definition};"
        case ObjectKind.TRIGGER:
            moment, how = re.split(r" (?=REFERENCING |FOR EACH )", definition, maxsplit=1)
            created = f"CREATE TRIGGER {name} {moment} ON {place} {how};"
            return _waiting_briefly(created, *([_enable_sql(lost)] if _is_recording(lost) else []))
        case ObjectKind.KEY if definition.startswith("PRIMARY KEY"):
            return f"ALTER TABLE {place} ADD CONSTRAINT {name} {definition};"
        case ObjectKind.KEY | ObjectKind.CHECK:
            return (
                f"ALTER TABLE {place} ADD CONSTRAINT {name} {definition} NOT VALID;\n"
                f"ALTER TABLE {place} VALIDATE CONSTRAINT {name};"
            )
        case ObjectKind.ROW_SECURITY if lost.is_of_gjobs:
            if lost.name == "security_barrier":
                return f"ALTER VIEW {place} SET (security_barrier = on);"
            return f"ALTER TABLE {place} ENABLE ROW LEVEL SECURITY;"
        case ObjectKind.RELATION | ObjectKind.COLUMN | ObjectKind.ROW_SECURITY | ObjectKind.POLICY:
            return None
        case ObjectKind.FUNCTION | ObjectKind.BODY | ObjectKind.GRANT:
            return None
    assert_never(lost.kind)


def _trigger_state(trigger: SchemaObject, found: str | None) -> str | None:
    """Return how a trigger is disabled, or None if the definition found differs in something else."""
    states = ("DISABLED", "NOT ENABLED ALWAYS")
    return next((state.lower() for state in states if found == f"{trigger.definition} {state}"), None)


def _disabled(trigger: SchemaObject, state: str) -> Finding:
    """Report a trigger that does not always fire. Those of gjobs on the app's table must be ENABLE ALWAYS."""
    return _schema_finding(
        DISABLED_TRIGGER,
        Severity.PROBLEM,
        f"The trigger {trigger.title} is {state}.",
        sql=_waiting_briefly(_enable_sql(trigger)),
        hint=_hint_on_recording() if _is_recording(trigger) else None,
    )


def _hint_on_recording() -> str:
    return f"gjobs does not record all writes. Run the SQL, then {command('migrate verify --totals')}."


def _enable_sql(trigger: SchemaObject) -> str:
    always = "ALWAYS " if _is_recording(trigger) else ""
    return f"ALTER TABLE {trigger.place} ENABLE {always}TRIGGER {quoted(trigger.name)};"


def _waiting_briefly(*statements: str) -> str:
    """Return a transaction that gives up soon, because writes of the app wait while it waits for a lock."""
    return "\n".join(["BEGIN;", "SET LOCAL lock_timeout = '2s';", *statements, "COMMIT;"])


def _is_recording(one: SchemaObject) -> bool:
    """Return whether it is a trigger of gjobs on the app's table."""
    return one.kind is ObjectKind.TRIGGER and one.place in TABLES and one.is_of_gjobs


MOST_NAMED = 6


def _other_relations(found: Sequence[SchemaObject]) -> Mapping[str, str]:
    """Return the kinds of the views and foreign tables that have the name of an app's table."""
    return {
        one.full_name: one.definition
        for one in found
        if one.full_name in TABLES and one.definition not in ("table", _PARTITIONED)
    }


_PARTITIONED = "partitioned table"


def _comparable(objects: Sequence[SchemaObject], others: Mapping[str, str]) -> list[SchemaObject]:
    """Leave out what views and foreign tables can't have. Keep only the types of their columns."""
    return [
        replace(one, definition=re.split(r" not null| default ", one.definition)[0]) if one.place in others else one
        for one in objects
        if one.full_name not in others
        and (one.kind is ObjectKind.COLUMN or one.place not in others)
        and not any(f"REFERENCES {name}(" in one.definition for name in others)
    ]


def _is_violated(check: SchemaObject) -> Query[bool]:
    """Return a query that checks whether any row violates a missing check constraint."""
    condition = check.definition.removeprefix("CHECK ")
    asked = f"SELECT EXISTS (SELECT FROM {check.place} WHERE NOT {condition})"  # noqa: S608 - of a revision's own text
    return Query(text(asked), lambda row: bool(row[0]))


async def schema_findings(
    found: Sequence[SchemaObject],
    revision: str | None,
    *,
    is_managed: bool,
    read: Callable[..., Awaitable[Sequence[list[bool]]]],
) -> AsyncIterator[Finding]:
    """Compare a schema with a revision. `read` runs queries about the rows.

    `revision` is None if no migration has run, or if it can't be read. Raises SchemaMissing for a newer revision.
    """
    if not any(known.place in TABLES for known in found):
        yield _schema_finding(
            "no-table",
            Severity.PROBLEM,
            "None of the app's tables exists here. The database is empty, or it is not the app's.",
            hint=f"{command('migrate sql')} prints the SQL that creates them.",
        )
        return
    if is_managed and revision is None:
        yield _schema_finding(
            "revision",
            Severity.NOTE,
            "Migrations have run here, but this login may not read the revision, so the schema was not compared.",
            hint=f"To compare the schema, run {command('doctor')} as the owner of the tables.",
        )
        return
    if revision == APP_REVISION and any(one.is_of_gjobs for one in found):
        yield _schema_finding(
            "unfinished",
            Severity.WARNING,
            f"A run of {command('migrate up')} is not finished. It still runs, or it was interrupted.",
            hint="If it was interrupted, run it again. It continues where it stopped.",
        )
        found = [one for one in found if not one.is_of_gjobs]
    others = _other_relations(found)
    for place, kind in others.items():
        yield _schema_finding(
            "other-relation",
            Severity.NOTE,
            f"{place.removeprefix('public.')} is a {kind}. gjobs reads it, but does not write to it.",
            hint="Only its columns were checked, not its keys, indexes, constraints, triggers and policies.",
        )
    promised = _comparable(expected(revision), others)
    differences = compare(_comparable(found, others), promised)
    by_title = {(one.kind, one.title): one for one in promised}
    missing = (by_title[one.object, one.name] for one in differences if one.kind is DifferenceKind.MISSING)
    checks = [one for one in missing if one.kind is ObjectKind.CHECK and one.place in TABLES]
    answers = await read(*map(_is_violated, checks)) if checks else ()
    # The app has removed these checks on purpose.
    violated = {check.title for check, (is_violated,) in zip(checks, answers, strict=True) if is_violated}
    broken = [one for one in required(differences) if one.name not in violated]
    name = f"revision {revision}" if revision else "the app's own schema"
    if not (broken or violated):
        yield _schema_finding("matches", Severity.OK, f"All {len(promised)} objects of {name} are as expected.")
    partitioned = {one.full_name for one in found if one.definition == _PARTITIONED}
    gone = {one.name for one in broken if one.object is ObjectKind.COLUMN and one.kind is DifferenceKind.MISSING}
    for difference in broken:
        yield _broken(difference, by_title.get((difference.object, difference.name)), partitioned, gone)
    for title in sorted(violated):
        yield _schema_finding(
            "further-values",
            Severity.NOTE,
            f"The check constraint {title} is missing, and some rows have values that it would refuse.",
            hint=f"gjobs shows these values too. {command('migrate up')} needs a check constraint that allows them.",
        )
    for finding in _tolerated(differences):
        yield finding


def _broken(difference: Difference, promised: SchemaObject | None, partitioned: Set[str], gone: Set[str]) -> Finding:
    """Return a finding with the SQL that repairs the difference, if the owner may simply run it.

    `partitioned` and `gone` are the places of partitioned tables and of missing columns.
    """
    sql, hint = None, None
    if promised and difference.kind is DifferenceKind.MISSING:
        sql = recreate_sql(promised)
        if sql and promised.place in partitioned and ("CONCURRENTLY" in sql or "PRIMARY KEY" in sql):
            sql = None  # A partitioned table refuses both.
        if sql and any(f"{promised.place}.{word}" in gone for word in re.findall(r"\w+", sql)):
            sql = None  # It would need a missing column.
        if _is_recording(promised):
            hint = _hint_on_recording()
    elif promised and (state := _trigger_state(promised, difference.found)):
        return _disabled(promised, state)
    if promised and sql is None and promised.is_of_gjobs:
        restored = f"{command('migrate remove')}, then {command('migrate up')}"
        hint = f"Run {restored}. The removal loses events and budgets."
    name = f"{difference.kind.value}-{difference.object.value.replace(' ', '-')}"
    sentence = difference.sentence.rstrip(".")
    return _schema_finding(name, Severity.PROBLEM, f"{sentence[:1].upper()}{sentence[1:]}.", sql=sql, hint=hint)


def _tolerated(differences: Iterable[Difference]) -> Iterator[Finding]:
    rest = [difference for difference in differences if not difference.required]
    own = [one for one in rest if one.kind is DifferenceKind.EXTRA]
    others = [one for one in rest if one.kind is not DifferenceKind.EXTRA and one.object is not ObjectKind.GRANT]
    if own:
        yield _schema_finding("own-objects", Severity.OK, f"In addition, the app has {_named(own)}.")
    if others:
        yield _schema_finding("tolerated", Severity.NOTE, f"Different from expected, but tolerated: {_named(others)}.")


def _named(differences: Sequence[Difference]) -> str:
    names = [f"{one.object} {one.name}" for one in differences]
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


CATALOGUE_QUERY = Query(text(CATALOGUE), lambda row: schema_object(*row))
"""Read it after `QUALIFY_QUERY`."""
