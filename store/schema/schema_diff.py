"""Schema objects, reading the catalogue, comparing."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psycopg import Connection


class ObjectKind(StrEnum):
    """The values are words for people."""

    RELATION = "relation"
    COLUMN = "column"
    KEY = "key"
    """Primary, foreign or unique key."""
    CHECK = "check"
    INDEX = "index"
    TRIGGER = "trigger"
    ROW_SECURITY = "row security"
    """A switch that is on: of a table, or of a view that reads with its reader's rights."""
    POLICY = "policy"
    """One for each command: a policy for all of them counts as four."""
    FUNCTION = "function"
    BODY = "body"
    """Of a function; the definition is a digest."""
    GRANT = "grant"
    """What a role of requests may do; the name is the role's."""


BY_DEFINITION = frozenset({ObjectKind.KEY, ObjectKind.CHECK, ObjectKind.INDEX, ObjectKind.TRIGGER, ObjectKind.POLICY})
"""Known by what they say, whatever they are called."""

REPORTED_ONLY = frozenset({ObjectKind.BODY, ObjectKind.GRANT})
"""Nothing of ours counts on them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaObject:
    kind: ObjectKind
    place: str
    """The schema, or the relation or function within which it has its name; always with the schema."""
    name: str
    definition: str
    """As PostgreSQL writes it where search_path holds no schema of the app."""

    @property
    def full_name(self) -> str:
        return f"{self.place}.{self.name}"

    @property
    def is_required(self) -> bool:
        """Whether a schema that lacks it breaks the promise."""
        return self.kind not in REPORTED_ONLY

    @property
    def title(self) -> str:
        """How people call it."""
        match self.kind:
            case ObjectKind.RELATION | ObjectKind.COLUMN | ObjectKind.FUNCTION:
                return self.full_name
            case ObjectKind.BODY:
                return self.place
            case _:
                return f"{self.name} on {self.place}"


class DifferenceKind(StrEnum):
    MISSING = "missing"
    DIFFERENT = "different"
    EXTRA = "extra"
    """The app's own, beside what is expected: tolerated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    kind: DifferenceKind
    object: ObjectKind
    name: str
    """The object's title."""
    expected: str | None
    """None where nothing was."""
    found: str | None
    """None where it is missing."""
    required: bool
    """Whether the revision's promise is broken; what is not required is only worth knowing."""

    @property
    def sentence(self) -> str:
        thing = f"{self.object} {self.name}"
        match self.kind:
            case DifferenceKind.MISSING:
                return f"{thing} is missing: {self.expected}"
            case DifferenceKind.EXTRA:
                return f"{thing} is the app's own: {self.found}"
            case DifferenceKind.DIFFERENT:
                return f"{thing} is {self.found} instead of {self.expected}"


_SPACE = re.compile(r"\s+")
_OWN_ID_ONCE = re.compile(r"\( ?select auth\.uid\(\)(?: as uid)? ?\)", re.IGNORECASE)
_OWN_ROWS_TURNED = re.compile(r"\(user_id = auth\.uid\(\)\)")
_VALUES = re.compile(r"= ANY \(ARRAY\[(?P<values>[^\]]*)\]\)")
_STORAGE = re.compile(r" WITH \([^)]*\)")


def compare(found: Iterable[SchemaObject], expected: Sequence[SchemaObject]) -> tuple[Difference, ...]:
    """In the order expected, then what is the app's own. What stands within a missing object is not named again."""
    left = list(found)
    matches: dict[SchemaObject, SchemaObject] = {}
    for is_match in (_is_same, _says_the_same, _is_wider, _has_the_name):
        for promised in expected:
            if promised not in matches and (match := _take(left, partial(is_match, promised))):
                matches[promised] = match
    absent = {promised.full_name for promised in expected if promised not in matches}
    differences = [
        difference
        for promised in expected
        if promised.place not in absent and (difference := _difference(promised, matches.get(promised)))
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


def _is_same(promised: SchemaObject, own: SchemaObject) -> bool:
    return _has_the_name(promised, own) and normal(promised.definition) == normal(own.definition)


def _says_the_same(promised: SchemaObject, own: SchemaObject) -> bool:
    return (
        promised.kind in BY_DEFINITION
        and (promised.kind, promised.place) == (own.kind, own.place)
        and normal(promised.definition) == normal(own.definition)
    )


def _is_wider(promised: SchemaObject, own: SchemaObject) -> bool:
    """Whether a check of the app's allows further values: gjobs reads any text."""
    if {promised.kind, own.kind} != {ObjectKind.CHECK} or promised.place != own.place:
        return False
    few, many = (_VALUES.search(normal(one.definition)) for one in (promised, own))
    if few is None or many is None:
        return False
    is_same_shape = _VALUES.sub("", normal(promised.definition)) == _VALUES.sub("", normal(own.definition))
    return is_same_shape and set(few["values"].split(", ")) < set(many["values"].split(", "))


def _has_the_name(promised: SchemaObject, own: SchemaObject) -> bool:
    return (promised.kind, promised.place, promised.name) == (own.kind, own.place, own.name)


def _take(left: list[SchemaObject], is_match: Callable[[SchemaObject], bool]) -> SchemaObject | None:
    for index, own in enumerate(left):
        if is_match(own):
            return left.pop(index)
    return None


def _difference(promised: SchemaObject, match: SchemaObject | None) -> Difference | None:
    if match is None:
        return _report(DifferenceKind.MISSING, promised, expected=promised.definition)
    if normal(match.definition) != normal(promised.definition):
        return _report(
            DifferenceKind.DIFFERENT,
            promised,
            expected=promised.definition,
            found=match.definition,
            is_tolerated=_is_wider(promised, match),
        )
    if match.name != promised.name:
        return _report(
            DifferenceKind.DIFFERENT, promised, expected=promised.name, found=f"called {match.name}", is_tolerated=True
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
    is_tolerated: bool = False,
) -> Difference:
    return Difference(
        kind=kind,
        object=subject.kind,
        name=subject.title,
        expected=expected,
        found=found,
        required=not (kind is DifferenceKind.EXTRA or is_tolerated) and subject.is_required,
    )


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
