"""Filter keys, comparisons, terms: the language's vocabulary."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from store.jobs.job import JobStatus


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
    ID = "id"
    IS = "is"


NONE, ANY = "none", "any"
"""Of an asset: the jobs without one, and those with one."""

STUCK = "stuck"
"""What a job may be, beside its status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyWords:
    """`words` complete the sentence "jobs …"."""

    takes: str
    example: str
    """A term that can be typed."""
    words: str
    usual: tuple[str, ...] = ()
    """Values worth offering, whatever the database holds."""


_AGES = ("1h", "24h", "7d")

KEYS: Mapping[Key, KeyWords] = {
    Key.STATUS: KeyWords(
        takes="STATUS", example="status:failed,running", words="in one of these statuses", usual=tuple(JobStatus)
    ),
    Key.MODE: KeyWords(takes="MODE", example="mode:lifestyle", words="of this mode, the whole of it"),
    Key.COST: KeyWords(
        takes="CENTS or $AMOUNT", example="cost:>50 cost:$1..$2.50", words="that cost this; 50 is cents, $0.50 the same"
    ),
    Key.PROJECT: KeyWords(
        takes="NAME or ID", example='project:"Autumn catalog"', words="of the project of this whole name, or id"
    ),
    Key.USER: KeyWords(
        takes="E-MAIL or ID", example="user:ana@example.com", words="of this owner; e-mails are the operator's to read"
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
        words="created then or later; times are UTC without a zone",
        usual=_AGES,
    ),
    Key.UNTIL: KeyWords(
        takes="TIME or AGE",
        example="until:2026-11-01",
        words="created before then; a date is its first moment",
        usual=_AGES,
    ),
    Key.TOOK: KeyWords(
        takes="DURATION",
        example="took:>5m took:1m..1h30m",
        words="finished so long after they were created",
        usual=(">1m", ">5m", ">1h"),
    ),
    Key.ERROR: KeyWords(takes="TEXT", example="error:timeout", words="whose error contains this"),
    Key.ID: KeyWords(takes="ID", example="id:3f2a", words="whose id begins so: 4 digits or more"),
    Key.IS: KeyWords(
        takes=STUCK,
        example=f"is:{STUCK}",
        words="that run untouched for too long, held by no worker",
        usual=(STUCK,),
    ),
}
"""In the order in which they are shown."""


class Comparison(StrEnum):
    AT_LEAST = ">="
    AT_MOST = "<="
    MORE = ">"
    LESS = "<"
    EQUAL = "="


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """`amount` is in whole cents, or in whole seconds."""

    comparison: Comparison
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """Both ends belong to it."""

    low: int
    high: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Age:
    """So long before whenever the filter is used, by the database's clock: a list that is read again stays young."""

    seconds: int


Value = str | datetime | Age | Compared | Between
"""A text, an id or its beginning, a status, `none` or `any` are text; times are aware UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """Holds for a job for which one of the values does, or where it is negated, none."""

    key: Key | None
    """None for a bare word."""
    values: tuple[Value, ...]
    """At least one."""
    is_negated: bool = False
