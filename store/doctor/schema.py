"""The schema beside what its revision promises, object by object. Pure."""

from collections.abc import Iterable, Iterator, Sequence

from store.doctor.model import Finding, Section, Severity
from store.doctor.restoring import restoring
from store.schema import Difference, DifferenceKind, ObjectKind, SchemaObject, compare, expected, required

MOST_NAMED = 6
TABLES = frozenset({"public.projects", "public.assets", "public.generation_jobs"})


def schema_findings(found: Sequence[SchemaObject], revision: str | None, *, is_managed: bool) -> Iterator[Finding]:
    """`revision` is None where no migration has run, or where it may not be read. Raises SchemaMissing for a newer."""
    if not any(known.place in TABLES for known in found):
        yield _finding(
            "no-table",
            Severity.PROBLEM,
            "None of the app's tables is here: this is no database of the app's, or it is empty.",
            hint="'gjobs migrate sql' prints the SQL that makes it.",
        )
        return
    promised = expected(revision)
    differences = compare(found, promised)
    broken = required(differences)
    name = f"revision {revision}" if revision else "the app's own schema"
    if is_managed and revision is None:
        yield _finding("revision", Severity.NOTE, "Which migrations have run may not be read by this login.")
    if not broken:
        yield _finding("matches", Severity.OK, f"All {len(promised)} objects of {name} are as they should be.")
    by_title = {(one.kind, one.title): one for one in promised}
    for difference in broken:
        lost = by_title.get((difference.object, difference.name)) if difference.kind is DifferenceKind.MISSING else None
        yield _broken(difference, restoring(lost) if lost else None)
    yield from _tolerated(differences)


def _broken(difference: Difference, sql: str | None) -> Finding:
    thing = difference.object.value.replace(" ", "-")
    return _finding(f"{difference.kind.value}-{thing}", Severity.PROBLEM, _sentence(difference), sql=sql)


def _tolerated(differences: Iterable[Difference]) -> Iterator[Finding]:
    rest = [difference for difference in differences if not difference.required]
    own = [one for one in rest if one.kind is DifferenceKind.EXTRA]
    others = [one for one in rest if one.kind is not DifferenceKind.EXTRA and one.object is not ObjectKind.GRANT]
    if own:
        yield _finding("own-objects", Severity.OK, f"Beside them the app has {_named(own)}.")
    if others:
        yield _finding("tolerated", Severity.NOTE, f"Otherwise than expected, which is tolerated: {_named(others)}.")


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
