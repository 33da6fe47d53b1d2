"""Compares what a database has with what it is expected to have. Pure."""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from store.schema.model import BY_DEFINITION, Difference, DifferenceKind, SchemaObject

_SPACE = re.compile(r"\s+")
_OWN_ID_ONCE = re.compile(r"\( ?select auth\.uid\(\)(?: as uid)? ?\)", re.IGNORECASE)
_OWN_ROWS_TURNED = re.compile(r"\(user_id = auth\.uid\(\)\)")
_VALUES = re.compile(r"= ANY \(ARRAY\[(?P<values>[^\]]*)\]\)")
_STORAGE = re.compile(r" WITH \([^)]*\)")


def compare(found: Iterable[SchemaObject], expected: Sequence[SchemaObject]) -> tuple[Difference, ...]:
    """In the order expected, then what is the app's own. What stands within a missing object is not named again."""
    left = list(found)
    matches: dict[SchemaObject, SchemaObject] = {}
    for is_match in (_is_same, _says_the_same, _has_the_name):
        for wanted in expected:
            if wanted not in matches and (match := _take(left, partial(is_match, wanted))):
                matches[wanted] = match
    absent = {wanted.full_name for wanted in expected if wanted not in matches}
    differences = [
        difference
        for wanted in expected
        if wanted.place not in absent and (difference := _difference(wanted, matches.get(wanted)))
    ]
    return (*differences, *(_extra(own) for own in left if own.is_required))


def required(differences: Iterable[Difference]) -> tuple[Difference, ...]:
    """Those that break the promise; with none, the schema matches."""
    return tuple(difference for difference in differences if difference.required)


def normal(definition: str) -> str:
    """One spelling for definitions that mean the same.

    The user's own id may be asked for once per statement, a comparison with it be written either way round, a
    check list its values in any order, and an index have storage parameters.
    """
    text = _SPACE.sub(" ", definition)
    text = _OWN_ROWS_TURNED.sub("(auth.uid() = user_id)", _OWN_ID_ONCE.sub("auth.uid()", text))
    return _STORAGE.sub("", _VALUES.sub(_sorted_values, text))


def _sorted_values(match: re.Match[str]) -> str:
    return f"= ANY (ARRAY[{', '.join(sorted(match['values'].split(', ')))}])"


def _is_same(wanted: SchemaObject, own: SchemaObject) -> bool:
    return _has_the_name(wanted, own) and normal(wanted.definition) == normal(own.definition)


def _says_the_same(wanted: SchemaObject, own: SchemaObject) -> bool:
    return (
        wanted.kind in BY_DEFINITION
        and (wanted.kind, wanted.place) == (own.kind, own.place)
        and normal(wanted.definition) == normal(own.definition)
    )


def _has_the_name(wanted: SchemaObject, own: SchemaObject) -> bool:
    return (wanted.kind, wanted.place, wanted.name) == (own.kind, own.place, own.name)


def _take(left: list[SchemaObject], is_match: Callable[[SchemaObject], bool]) -> SchemaObject | None:
    for index, own in enumerate(left):
        if is_match(own):
            return left.pop(index)
    return None


def _difference(wanted: SchemaObject, match: SchemaObject | None) -> Difference | None:
    if match is None:
        return _report(DifferenceKind.MISSING, wanted, expected=wanted.definition)
    if normal(match.definition) != normal(wanted.definition):
        return _report(DifferenceKind.DIFFERENT, wanted, expected=wanted.definition, found=match.definition)
    if match.name != wanted.name:
        return _report(
            DifferenceKind.DIFFERENT, wanted, expected=wanted.name, found=f"called {match.name}", is_name=True
        )
    return None


def _extra(own: SchemaObject) -> Difference:
    return _report(DifferenceKind.EXTRA, own, found=own.definition)


def _report(
    kind: DifferenceKind,
    subject: SchemaObject,
    *,
    expected: str | None = None,
    found: str | None = None,
    is_name: bool = False,
) -> Difference:
    return Difference(
        kind=kind,
        object=subject.kind,
        name=subject.title,
        expected=expected,
        found=found,
        required=not (kind is DifferenceKind.EXTRA or is_name) and subject.is_required,
    )
