"""The values: an object of a schema, and how two schemas differ in one. Pure."""

from dataclasses import dataclass
from enum import StrEnum


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
