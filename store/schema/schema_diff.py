"""Reads schema objects from the catalogue, and compares them with those that a revision expects."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from gjobs.store.capabilities.capability import EARLIER_BUILD, JOBS, LATER_COLUMNS, QUALIFY, refuse_too_old
from gjobs.store.errors import SchemaMissing
from gjobs.store.values.data_classes import dataclass

if TYPE_CHECKING:
    from psycopg import Connection


class ObjectKind(StrEnum):
    """Kinds of schema objects. The values are shown to users."""

    RELATION = "relation"
    COLUMN = "column"
    KEY = "key"
    """A primary, foreign or unique key."""
    CHECK = "check"
    INDEX = "index"
    TRIGGER = "trigger"
    ROW_SECURITY = "row security"
    """A setting that is on: row level security of a table, or security_invoker of a view."""
    POLICY = "policy"
    """One object for each command. A policy for all commands counts as four."""
    FUNCTION = "function"
    BODY = "body"
    """The body of a function. The definition is a digest."""
    GRANT = "grant"
    """Privileges of a request role, whose name is the object's name."""


BY_DEFINITION = frozenset({ObjectKind.KEY, ObjectKind.CHECK, ObjectKind.INDEX, ObjectKind.TRIGGER, ObjectKind.POLICY})
"""Compared by definition, whatever their names."""

REPORTED_ONLY = frozenset({ObjectKind.BODY, ObjectKind.GRANT})
"""gjobs doesn't depend on these, so differences are only reported."""


TABLES = frozenset({"public.projects", "public.assets", "public.generation_jobs"})

_OPTIONAL = frozenset(
    {
        "public.generation_jobs.gjobs_words",
        "public.generation_jobs.Own generation jobs in own projects, INSERT",
        "public.generation_jobs.Own generation jobs in own projects, UPDATE",
        "public.assets.Own assets in own projects, INSERT",
        "public.assets.Own assets in own projects, UPDATE",
        *(f"{JOBS}.{name}" for name in LATER_COLUMNS),
        "public.generation_jobs.set_completed_at",
        "public.stuck_jobs",
    }
)
"""The index for words, policies that the doctor advises, and what `gjobs migrate columns` adds. Not every database has
them. Where they are not expected, they do not count as objects of the app.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaObject:
    kind: ObjectKind
    place: str
    """The schema, or the schema-qualified relation or function, that contains the object."""
    name: str
    definition: str
    """As Postgres writes it if search_path contains none of the app's schemas."""

    @property
    def key(self) -> tuple[str, str, str]:
        return self.kind, self.place, self.name

    @property
    def full_name(self) -> str:
        return f"{self.place}.{self.name}"

    @property
    def is_of_gjobs(self) -> bool:
        return self.place.split(".")[0] == "gjobs" or (self.place in TABLES and self.name.startswith("gjobs_"))

    @property
    def is_required(self) -> bool:
        """Whether the schema matches its revision only with this object. An app decides about its own policies."""
        is_policy_of_app = self.kind is ObjectKind.POLICY and self.place.startswith("public.")
        return self.kind not in REPORTED_ONLY and not is_policy_of_app

    @property
    def title(self) -> str:
        """The object's name for users."""
        match self.kind:
            case ObjectKind.RELATION | ObjectKind.COLUMN | ObjectKind.FUNCTION:
                return self.full_name
            case ObjectKind.BODY:
                return self.place
            case ObjectKind.KEY | ObjectKind.CHECK | ObjectKind.INDEX | ObjectKind.TRIGGER | ObjectKind.POLICY:
                return f"{self.name} on {self.place}"
            case ObjectKind.ROW_SECURITY | ObjectKind.GRANT:
                return f"{self.name} on {self.place}"
        assert_never(self.kind)


class DifferenceKind(StrEnum):
    MISSING = "missing"
    DIFFERENT = "different"
    EXTRA = "extra"
    """An object of the app that is not expected. It is tolerated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    kind: DifferenceKind
    object: ObjectKind
    name: str
    """The object's title."""
    expected: str | None
    """None if nothing was expected."""
    found: str | None
    """None if the object is missing."""
    required: bool
    """Whether the schema doesn't match its revision. Other differences are for information only."""

    @property
    def sentence(self) -> str:
        thing = f"{self.object} {self.name}"
        match self.kind:
            case DifferenceKind.MISSING:
                return f"{thing} is missing: {self.expected}"
            case DifferenceKind.EXTRA:
                return f"{thing} is the app's own: {self.found}"
            case DifferenceKind.DIFFERENT:
                article = "a " if self.object is ObjectKind.RELATION else ""
                return f"{thing} is {article}{self.found} instead of {article}{self.expected}"


_SPACE = re.compile(r"\s+")
_OWN_ID_ONCE = re.compile(r"\( ?select auth\.uid\(\)(?: as uid)? ?\)", re.IGNORECASE)
_OWN_ROWS_TURNED = re.compile(r"\(user_id = auth\.uid\(\)\)")
_VALUES = re.compile(r"= ANY \(ARRAY\[(?P<values>[^\]]*)\]\)")
_STORAGE = re.compile(r" WITH \([^)]*\)")


def compare(found: Iterable[SchemaObject], expected: Sequence[SchemaObject]) -> tuple[Difference, ...]:
    """Return the differences in the expected order, then the app's own objects. Leaves out parts of missing objects.

    Only objects of the same kind in the same place can match.
    """
    left = defaultdict[tuple[str, str], list[SchemaObject]](list)
    for own in found:
        left[own.kind, own.place].append(own)
    matches: dict[SchemaObject, SchemaObject] = {}
    for is_match in (_is_same, _says_the_same, _is_wider, _has_the_name):
        for promised in expected:
            owns = left[promised.kind, promised.place]
            if promised not in matches and (match := next((own for own in owns if is_match(promised, own)), None)):
                owns.remove(match)
                matches[promised] = match
    absent = {promised.full_name for promised in expected if promised not in matches}
    differences = [
        difference
        for promised in expected
        if promised.place not in absent and (difference := _difference(promised, matches.get(promised)))
    ]
    extra = (own for owns in left.values() for own in owns if own.kind not in REPORTED_ONLY and not is_optional(own))
    differences += (_report(DifferenceKind.EXTRA, own, None, own.definition, is_tolerated=True) for own in extra)
    return tuple(differences)


def required(differences: Iterable[Difference]) -> tuple[Difference, ...]:
    """Return the differences that matter. If there are none, the schema matches."""
    return tuple(difference for difference in differences if difference.required)


def normal(definition: str) -> str:
    """Return one spelling for definitions that mean the same.

    These differences are ignored:

    - whether the user's own id is read once per statement
    - the order of a comparison with that id
    - the order of the values in a check
    - storage parameters of an index
    """
    text = _SPACE.sub(" ", definition)
    text = _OWN_ROWS_TURNED.sub("(auth.uid() = user_id)", _OWN_ID_ONCE.sub("auth.uid()", text))
    return _STORAGE.sub("", _VALUES.sub(_sorted_values, text))


def _sorted_values(match: re.Match[str]) -> str:
    return f"= ANY (ARRAY[{', '.join(sorted(match['values'].split(', ')))}])"


def _is_same(promised: SchemaObject, own: SchemaObject) -> bool:
    return _has_the_name(promised, own) and normal(promised.definition) == normal(own.definition)


def _says_the_same(promised: SchemaObject, own: SchemaObject) -> bool:
    return promised.kind in BY_DEFINITION and normal(promised.definition) == normal(own.definition)


def _is_wider(promised: SchemaObject, own: SchemaObject) -> bool:
    """Return whether a check of the app allows more values. gjobs can read any text."""
    if promised.kind is not ObjectKind.CHECK:
        return False
    few, many = (_VALUES.search(normal(one.definition)) for one in (promised, own))
    if few is None or many is None:
        return False
    is_same_shape = _VALUES.sub("", normal(promised.definition)) == _VALUES.sub("", normal(own.definition))
    return is_same_shape and set(few["values"].split(", ")) < set(many["values"].split(", "))


def _has_the_name(promised: SchemaObject, own: SchemaObject) -> bool:
    return promised.name == own.name


def _difference(promised: SchemaObject, match: SchemaObject | None) -> Difference | None:
    if match is None:
        return _report(DifferenceKind.MISSING, promised, promised.definition, None)
    is_wider = _is_wider(promised, match)
    if normal(match.definition) != normal(promised.definition):
        return _report(DifferenceKind.DIFFERENT, promised, promised.definition, match.definition, is_tolerated=is_wider)
    if match.name != promised.name:
        found = f"called {match.name}"
        return _report(DifferenceKind.DIFFERENT, promised, promised.name, found, is_tolerated=True)
    return None


def is_optional(own: SchemaObject) -> bool:
    return own.full_name in _OPTIONAL


def _report(
    kind: DifferenceKind,
    subject: SchemaObject,
    expected: str | None,
    found: str | None,
    *,
    is_tolerated: bool = False,
) -> Difference:
    return Difference(
        kind=kind,
        object=subject.kind,
        name=subject.title,
        expected=expected,
        found=found,
        required=subject.is_required and not is_tolerated,
    )


CATALOGUE = (Path(__file__).parent / "catalogue.sql").read_text(encoding="utf-8")
"""Returns one row for each object, with the arguments of `schema_object`."""


def schema_object(kind: str, place: str, name: str, definition: str) -> SchemaObject:
    """Return an object, with its definition as one line."""
    return SchemaObject(kind=ObjectKind(kind), place=place, name=name, definition=" ".join(definition.split()))


def read_catalogue(connection: "Connection") -> tuple[SchemaObject, ...]:
    """Read the objects in a transaction, or in a savepoint of the open one, and restore the search_path."""
    with connection.transaction(force_rollback=True):
        connection.execute(QUALIFY)
        rows = connection.execute(CATALOGUE.encode()).fetchall()
    return tuple(schema_object(*row) for row in rows)


APP_REVISION = "0001_app"
"""The expected revision of an app's own database, before the first migration."""

CHANGES = Path(__file__).with_name("expected.tsv")
"""What each revision adds or changes, oldest first: revision, kind, place, name, definition.

`python -m tests.migrations.schema_file` adds the objects of a new revision.
"""


def changes() -> Iterator[tuple[str, SchemaObject]]:
    """Yield what each revision adds or changes, oldest first, with the revision."""
    for line in CHANGES.read_text(encoding="utf-8").splitlines():
        revision, *described = line.split("\t")
        yield revision, schema_object(*described)


NEWEST_REVISION = max(revision for revision, _ in changes())


@cache
def expected(revision: str | None) -> tuple[SchemaObject, ...]:
    """Return the expected schema of a revision; None means no revision.

    Raises SchemaMissing for a revision that only a newer program knows, or that is too old.
    """
    refuse_too_old(revision)
    if revision == EARLIER_BUILD:
        revision = NEWEST_REVISION
    if (revision := revision or APP_REVISION) > NEWEST_REVISION:
        raise SchemaMissing(
            f"This database is at revision {revision}, which this version of gjobs does not know.",
            hint="Use the newer gjobs that migrated it.",
        )
    return tuple({one.key: one for since, one in changes() if since <= revision}.values())
