"""The vocabulary of the filter language: keys, comparisons, terms, JobFilter and FilterError."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

from gjobs.store.errors import InvalidValue
from gjobs.store.jobs.job import AnyStatus, JobStatus, parse_status
from gjobs.store.values.data_classes import by_member, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Matches the jobs that match every term. Without terms, it matches all jobs."""

    terms: "tuple[Term, ...]" = ()

    def __bool__(self) -> bool:
        return bool(self.terms)


NO_FILTER = JobFilter()


class FilterError(InvalidValue):
    """`text[start:end]` is the error; it is empty if something is missing. `suggestion` is a valid replacement.

    The field is `filter`.
    """

    def __init__(
        self, message: str, *, text: str, start: int, end: int, suggestion: str | None = None, hint: str | None = None
    ) -> None:
        meant = None if suggestion is None else f"Did you mean {suggestion}"
        super().__init__("filter", message, hint=hint or (f"{meant}?" if meant else None))
        self.text = text
        self.start = start
        self.end = end
        self.suggestion = suggestion


@dataclass(frozen=True, slots=True)
class TextSpan:
    """A part of a filter's text."""

    source: str
    start: int
    end: int

    def wrong(self, message: str, *, suggestion: str | None = None, hint: str | None = None) -> FilterError:
        return FilterError(message, text=self.source, start=self.start, end=self.end, suggestion=suggestion, hint=hint)


class Key(StrEnum):
    STATUS = "status"
    MODE = "mode"
    COST = "cost"
    PROJECT = "project"
    USER = "user"
    ASSET = "asset"
    SINCE = "since"
    UNTIL = "until"
    TOOK = "took"
    ERROR = "error"
    ERROR_GROUP = "error-group"
    ID = "id"
    IS = "is"


NONE, ANY = "none", "any"
"""For assets: jobs without one, and jobs with one."""

STUCK = "stuck"
"""A state of a job besides its status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyWords:
    """Help texts of a key. `words` complete the sentence "jobs …"."""

    takes: str
    example: str
    """A term that can be typed."""
    words: str
    usual: tuple[str, ...] = ()
    """Values to suggest, whatever the database holds."""


_AGES = ("1h", "24h", "7d")

KEYS: Mapping[Key, KeyWords] = by_member(
    Key,
    {
        Key.STATUS: KeyWords(
            takes="STATUS", example="status:failed,running", words="in one of these statuses", usual=tuple(JobStatus)
        ),
        Key.MODE: KeyWords(takes="MODE", example="mode:lifestyle", words="with exactly this mode"),
        Key.COST: KeyWords(
            takes="CENTS or $AMOUNT",
            example="cost:>50 cost:$1..$2.50",
            words="with this cost; 50 means cents, the same as $0.50",
        ),
        Key.PROJECT: KeyWords(
            takes="NAME or ID",
            example='project:"Autumn catalog"',
            words="in the project with exactly this name or id",
        ),
        Key.USER: KeyWords(
            takes="E-MAIL or ID",
            example="user:ana@example.com",
            words="of this owner; only the operator can use e-mails",
        ),
        Key.ASSET: KeyWords(
            takes="none, any or ID",
            example="asset:none",
            words="without an input asset, with any, or with this one",
            usual=(NONE, ANY),
        ),
        Key.SINCE: KeyWords(
            takes="TIME or AGE",
            example="since:24h",
            words="created then or later; times without a zone are UTC",
            usual=_AGES,
        ),
        Key.UNTIL: KeyWords(
            takes="TIME or AGE",
            example="until:2026-11-01",
            words="created before then; a date means its start",
            usual=_AGES,
        ),
        Key.TOOK: KeyWords(
            takes="SPAN",
            example="took:>5m took:1m..1h30m",
            words="whose total, from creation to end, is this long",
            usual=(">1m", ">5m", ">1h"),
        ),
        Key.ERROR: KeyWords(takes="TEXT", example="error:timeout", words="whose error contains this"),
        Key.ERROR_GROUP: KeyWords(
            takes="ID", example="error-group:3f2a9c1e8d", words="that failed with an error of this group"
        ),
        Key.ID: KeyWords(takes="ID", example="id:3f2a", words="whose id starts with these 4 or more digits"),
        Key.IS: KeyWords(
            takes=STUCK,
            example=f"is:{STUCK}",
            words="running too long without a worker",
            usual=(STUCK,),
        ),
    },
)
"""In display order."""


class Comparison(StrEnum):
    AT_LEAST = ">="
    AT_MOST = "<="
    MORE = ">"
    LESS = "<"
    EQUAL = "="


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """`amount` is in whole cents or whole seconds."""

    comparison: Comparison
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """Both ends are included."""

    low: int
    high: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Age:
    """A time before now, by the database's clock. A refreshed list stays current."""

    seconds: int


Value = str | datetime | Age | Compared | Between
"""A value of a term. Texts, ids, prefixes of ids, statuses, `none` and `any` are strings. Times are aware, in UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """Matches a job that matches one of the values. If negated, matches a job that matches none."""

    key: Key | None
    """None for a bare word."""
    values: tuple[Value, ...]
    """At least one."""
    is_negated: bool = False


def named_statuses(terms: Iterable[Term]) -> list[AnyStatus]:
    return [parse_status(str(value)) for term in terms if term.key is Key.STATUS for value in term.values]
