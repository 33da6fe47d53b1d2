"""The keys of the filter language and how their values are read. Also terms, JobFilter and FilterError."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from gjobs.store.errors import InvalidValue, command
from gjobs.store.jobs.job import AnyStatus, JobStatus, near_status, parse_status
from gjobs.store.values import formats
from gjobs.store.values.data_classes import by_member, dataclass
from gjobs.store.values.formats import ERROR_GROUP_DIGITS, LEAST_DIGITS, id_range, quote_typed


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One of the values that commas separate, without its quotes and escapes."""

    text: str
    span: TextSpan
    is_quoted: bool = False


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


QUOTE = '"'

NONE, ANY = "none", "any"
"""For assets: jobs without one, and jobs with one."""

STUCK = "stuck"
"""A state of a job besides its status."""


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


Read = Callable[[Piece, datetime | None], Value]
"""Reads a value, given the current time."""

_SMALLEST_CENTS, _LARGEST_CENTS = -2_147_483_648, 2_147_483_647

_MONEY = re.compile(r"(-?)(\$?)([0-9]{1,12})(?:\.([0-9]{1,2}))?")
_RANGE = ".."


def read_text(piece: Piece, _now: datetime | None) -> str:
    return piece.text


def _status(piece: Piece, _now: datetime | None) -> str:
    """Return a quoted status as it is. Otherwise accept a workflow status in any case, and refuse a misspelt one."""
    if piece.is_quoted:
        return piece.text
    known = parse_status(piece.text.lower())
    if isinstance(known, JobStatus):
        return known.value
    if near := near_status(piece.text):
        raise piece.span.wrong(
            f"Unknown status {quote_typed(piece.text)}.",
            suggestion=near,
            hint=f"Did you mean {near}? If your app has the status {piece.text}, quote it: {QUOTE}{piece.text}{QUOTE}.",
        )
    return piece.text


def _id(piece: Piece, _now: datetime | None) -> str:
    if id_range(piece.text) is None:
        raise piece.span.wrong(
            f"{quote_typed(piece.text)} is not the start of an id.",
            hint=f"Use at least the first {LEAST_DIGITS} digits, 0 to 9 and a to f.",
        )
    return piece.text.lower()


_ERROR_GROUP = re.compile(rf"[0-9a-f]{{{ERROR_GROUP_DIGITS}}}")


def _error_group(piece: Piece, _now: datetime | None) -> str:
    group = piece.text.lower()
    if not _ERROR_GROUP.fullmatch(group):
        raise piece.span.wrong(
            f"{quote_typed(piece.text)} is not the id of an error group.",
            hint=f"An id has {ERROR_GROUP_DIGITS} digits, 0 to 9 and a to f. {command('errors')} lists the groups.",
        )
    return group


def _asset(piece: Piece, now: datetime | None) -> str:
    word = piece.text.lower()
    return word if word in (NONE, ANY) else _id(piece, now)


def _state(piece: Piece, _now: datetime | None) -> str:
    if piece.text.lower() == STUCK:
        return STUCK
    raise piece.span.wrong(f"Unknown state {quote_typed(piece.text)}.", suggestion=STUCK)


def _cents(text: str, piece: Piece) -> int:
    """Parse whole cents, or dollars after a dollar sign. Refuse an ambiguous amount."""
    found = _MONEY.fullmatch(text)
    if found is None or (found[4] and not found[2]):
        raise piece.span.wrong(
            f"{quote_typed(text)} is not an amount.",
            suggestion=piece.text.replace(text, f"${text}", 1) if found else None,
            hint=None if found else "Use whole cents, such as 50, or dollars, such as $0.50.",
        )
    sign, dollars, whole, part = found.groups()
    cents = int(whole) * 100 + int((part or "").ljust(2, "0")) if dollars else int(whole)
    cents = -cents if sign else cents
    if not _SMALLEST_CENTS <= cents <= _LARGEST_CENTS:
        raise piece.span.wrong("No job can cost that.", hint=f"The most is {_LARGEST_CENTS} cents.")
    return cents


def _seconds(text: str, piece: Piece) -> int:
    seconds = formats.parse_duration(text)
    if seconds is None:
        raise piece.span.wrong(
            f"{quote_typed(text)} is not a duration.", hint="Use a number with s, m, h, d or w: 90s, 5m, 1h30m."
        )
    if seconds > formats.LONGEST:
        raise piece.span.wrong("That is too long.", hint=f"The longest is {formats.LONGEST_WORDS}.")
    return seconds


def _amount(piece: Piece, read: Callable[[str, Piece], int]) -> Compared | Between:
    low, dots, high = piece.text.partition(_RANGE)
    if not dots:
        sign = next((one for one in Comparison if piece.text.startswith(one)), None)
        amount = piece.text.removeprefix(sign or "")
        return Compared(comparison=sign or Comparison.EQUAL, amount=read(amount, piece))
    if not low and not high:
        raise piece.span.wrong("A range needs at least one end.", hint="Use 1..10, 1.. or ..10.")
    if not high:
        return Compared(comparison=Comparison.AT_LEAST, amount=read(low, piece))
    if not low:
        return Compared(comparison=Comparison.AT_MOST, amount=read(high, piece))
    between = Between(low=read(low, piece), high=read(high, piece))
    if between.low > between.high:
        raise piece.span.wrong("This range ends before it starts.", suggestion=f"{high}{_RANGE}{low}")
    return between


def _dollars(cents: int) -> str:
    """Return the amount in the form that a cost is shown in, but without commas: they separate values."""
    return formats.money(cents).replace(",", "")


def _cost(piece: Piece, _now: datetime | None) -> Value:
    return _amount(piece, _cents)


def _took(piece: Piece, _now: datetime | None) -> Value:
    """Parse a duration. Refuse `=`, because times have microseconds, so that it would match no job."""
    amount = _amount(piece, _seconds)
    if isinstance(amount, Compared) and amount.comparison is Comparison.EQUAL:
        raise piece.span.wrong(
            "No job takes exactly that long. Use > or <, such as took:>5m.",
            suggestion=f">{piece.text.removeprefix('=')}",
        )
    return amount


def _time(piece: Piece, now: datetime | None) -> datetime | Age:
    """Parse a time or an age."""
    try:
        if formats.parse_duration(piece.text) is not None:
            age = Age(seconds=_seconds(piece.text, piece))
            return age if now is None else now.astimezone(UTC) - timedelta(seconds=age.seconds)
        time = datetime.fromisoformat(piece.text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise piece.span.wrong(
            f"{quote_typed(piece.text)} is not a time.",
            hint="Use 2026-01-31, 2026-01-31T12:00 or 2026-01-31T12:00+01:00, or an age: 24h.",
        ) from None


class Suggested(StrEnum):
    """Where the values come from that completion suggests."""

    USUAL = "usual"
    """The usual values of the key."""
    DOLLARS = "dollars"
    """The typed cents as dollars."""
    MODES = "modes"
    PROJECTS = "projects"
    USERS = "users"
    ERROR_GROUPS = "error groups"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFacts:
    """What the parser, the completion and the help know about a key. `words` complete the sentence "jobs …"."""

    read: Read
    takes: str
    example: str
    """A term that can be typed."""
    words: str
    shown: Callable[[int], str] = str
    """Writes an amount of this key, so that it reads back."""
    suggested: Suggested = Suggested.USUAL
    usual: tuple[str, ...] = ()
    """Values to suggest, whatever the database holds."""
    is_single: bool = False
    """Whether a term may have only one value."""


_AGES = ("1h", "24h", "7d")

KEYS: Mapping[Key, KeyFacts] = by_member(
    Key,
    {
        Key.STATUS: KeyFacts(
            read=_status,
            takes="STATUS",
            example="status:failed,running",
            words="in one of these statuses",
            usual=tuple(JobStatus),
        ),
        Key.MODE: KeyFacts(
            read=read_text,
            takes="MODE",
            example="mode:lifestyle",
            words="with exactly this mode",
            suggested=Suggested.MODES,
        ),
        Key.COST: KeyFacts(
            read=_cost,
            shown=_dollars,
            takes="CENTS or $AMOUNT",
            example="cost:>50 cost:$1..$2.50",
            words="with this cost; 50 means cents, the same as $0.50",
            suggested=Suggested.DOLLARS,
        ),
        Key.PROJECT: KeyFacts(
            read=read_text,
            takes="NAME or ID",
            example='project:"Autumn catalog"',
            words="in the project with exactly this name or id",
            suggested=Suggested.PROJECTS,
        ),
        Key.USER: KeyFacts(
            read=read_text,
            takes="E-MAIL or ID",
            example="user:ana@example.com",
            words="of this owner; only the operator can use e-mails",
            suggested=Suggested.USERS,
        ),
        Key.ASSET: KeyFacts(
            read=_asset,
            takes="none, any or ID",
            example="asset:none",
            words="without an input asset, with any, or with this one",
            usual=(NONE, ANY),
        ),
        Key.SINCE: KeyFacts(
            read=_time,
            takes="TIME or AGE",
            example="since:24h",
            words="created then or later; times without a zone are UTC",
            usual=_AGES,
            is_single=True,
        ),
        Key.UNTIL: KeyFacts(
            read=_time,
            takes="TIME or AGE",
            example="until:2026-11-01",
            words="created before then; a date means its start",
            usual=_AGES,
            is_single=True,
        ),
        Key.TOOK: KeyFacts(
            read=_took,
            shown=formats.format_duration,
            takes="SPAN",
            example="took:>5m took:1m..1h30m",
            words="whose total, from creation to end, is this long",
            usual=(">1m", ">5m", ">1h"),
        ),
        Key.ERROR: KeyFacts(read=read_text, takes="TEXT", example="error:timeout", words="whose error contains this"),
        Key.ERROR_GROUP: KeyFacts(
            read=_error_group,
            takes="ID",
            example="error-group:3f2a9c1e8d",
            words="that failed with an error of this group",
            suggested=Suggested.ERROR_GROUPS,
        ),
        Key.ID: KeyFacts(read=_id, takes="ID", example="id:3f2a", words="whose id starts with these 4 or more digits"),
        Key.IS: KeyFacts(
            read=_state,
            takes=STUCK,
            example=f"is:{STUCK}",
            words="running too long without a worker",
            usual=(STUCK,),
        ),
    },
)
"""In display order."""
