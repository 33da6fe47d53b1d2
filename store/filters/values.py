"""What each key takes, from the text of a value. Pure; each function raises FilterError naming what would do."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta

from store import durations
from store.filters.keys import ANY, KEYS, NONE, STUCK, Key
from store.filters.scanning import Piece
from store.filters.terms import Age, Between, Compared, Comparison, Value
from store.finding.id_prefix import LEAST_DIGITS, id_range
from store.model import JobStatus
from store.suggestions import close_names

Read = Callable[[Piece, datetime | None], Value]
"""Of a value, and the time that is taken for now."""

_SMALLEST_CENTS, _LARGEST_CENTS = -2_147_483_648, 2_147_483_647

_COMPARED = re.compile(rf"({'|'.join(Comparison)})?(.*)", re.DOTALL)
_MONEY = re.compile(r"(-?)(\$?)([0-9]{1,12})(?:\.([0-9]{1,2}))?")
_RANGE = ".."


def _nearest(typed: str, names: Iterable[str]) -> str | None:
    return next(iter(close_names(typed, list(names))), None)


def _text(piece: Piece, _now: datetime | None) -> str:
    return piece.text


def _status(piece: Piece, _now: datetime | None) -> str:
    try:
        return JobStatus(piece.text.lower()).value
    except ValueError:
        near = _nearest(piece.text, JobStatus)
        raise piece.place.wrong(
            f"{piece.text!r} is no status.",
            suggestion=near,
            hint=None if near else f"It is one of {', '.join(JobStatus)}.",
        ) from None


def _id(piece: Piece, _now: datetime | None) -> str:
    if id_range(piece.text) is None:
        raise piece.place.wrong(
            f"{piece.text!r} does not begin an id.",
            hint=f"Give at least {LEAST_DIGITS} of its digits, 0 to 9 and a to f, from the first one on.",
        )
    return piece.text.lower()


def _asset(piece: Piece, now: datetime | None) -> str:
    word = piece.text.lower()
    return word if word in (NONE, ANY) else _id(piece, now)


def _state(piece: Piece, _now: datetime | None) -> str:
    if piece.text.lower() == STUCK:
        return STUCK
    raise piece.place.wrong(f"No job is {piece.text!r}.", suggestion=STUCK)


def _cents(text: str, piece: Piece) -> int:
    """Whole cents, or dollars after a dollar sign: what could be either is neither."""
    found = _MONEY.fullmatch(text)
    if found is None or (found[4] and not found[2]):
        raise piece.place.wrong(
            f"{text!r} is no amount.",
            suggestion=piece.text.replace(text, f"${text}", 1) if found else None,
            hint=None if found else "Give whole cents, such as 50, or dollars, such as $0.50.",
        )
    sign, dollars, whole, part = found.groups()
    cents = int(whole) * 100 + int((part or "").ljust(2, "0")) if dollars else int(whole)
    cents = -cents if sign else cents
    if not _SMALLEST_CENTS <= cents <= _LARGEST_CENTS:
        raise piece.place.wrong("No job can cost that.", hint=f"The most is {_LARGEST_CENTS} cents.")
    return cents


def _seconds(text: str, piece: Piece) -> int:
    seconds = durations.seconds_of(text)
    if seconds is None:
        raise piece.place.wrong(f"{text!r} is no duration.", hint="Give a number with s, m, h, d or w: 90s, 5m, 1h30m.")
    if seconds > durations.LONGEST:
        raise piece.place.wrong("That is too long.", hint=f"The longest is {durations.LONGEST_WORDS}.")
    return seconds


def _amount(piece: Piece, read: Callable[[str, Piece], int]) -> Compared | Between:
    low, dots, high = piece.text.partition(_RANGE)
    if not dots:
        return _compared(piece, read)
    if not low and not high:
        raise piece.place.wrong("A range needs one of its ends.", hint="Give 1..10, 1.. or ..10.")
    if not high:
        return Compared(comparison=Comparison.AT_LEAST, amount=read(low, piece))
    if not low:
        return Compared(comparison=Comparison.AT_MOST, amount=read(high, piece))
    between = Between(low=read(low, piece), high=read(high, piece))
    if between.low > between.high:
        raise piece.place.wrong("This range ends before it begins.", suggestion=f"{high}{_RANGE}{low}")
    return between


def _compared(piece: Piece, read: Callable[[str, Piece], int]) -> Compared:
    found = _COMPARED.fullmatch(piece.text)
    sign, amount = found.groups() if found else (None, piece.text)
    return Compared(comparison=Comparison(sign or "="), amount=read(amount, piece))


def _cost(piece: Piece, _now: datetime | None) -> Value:
    return _amount(piece, _cents)


def _took(piece: Piece, _now: datetime | None) -> Value:
    """Times have six digits, so that no job ever took exactly what was typed."""
    amount = _amount(piece, _seconds)
    if isinstance(amount, Compared) and amount.comparison is Comparison.EQUAL:
        raise piece.place.wrong(
            "No job takes exactly so long: say whether more or less.", suggestion=f">{piece.text.removeprefix('=')}"
        )
    return amount


def _time(piece: Piece, now: datetime | None) -> datetime | Age:
    """A moment, or how long ago it was."""
    try:
        if durations.seconds_of(piece.text) is not None:
            age = Age(seconds=_seconds(piece.text, piece))
            return age if now is None else now.astimezone(UTC) - timedelta(seconds=age.seconds)
        time = datetime.fromisoformat(piece.text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise piece.place.wrong(
            f"{piece.text!r} is no time.",
            hint="Give 2026-01-31, 2026-01-31T12:00 or 2026-01-31T12:00+01:00, or an age: 24h.",
        ) from None


READERS: Mapping[Key, Read] = {
    Key.STATUS: _status,
    Key.MODE: _text,
    Key.COST: _cost,
    Key.PROJECT: _text,
    Key.USER: _text,
    Key.ASSET: _asset,
    Key.SINCE: _time,
    Key.UNTIL: _time,
    Key.TOOK: _took,
    Key.ERROR: _text,
    Key.ID: _id,
    Key.IS: _state,
}


def read(key: Key | None, piece: Piece, now: datetime | None) -> Value:
    """The value of a key, or of a bare word."""
    return piece.text if key is None else READERS[key](piece, now)


def read_key(piece: Piece) -> Key:
    try:
        return Key(piece.text.lower())
    except ValueError:
        pass
    near = _nearest(piece.text, KEYS)
    hint = f"The keys are {', '.join(KEYS)}. Quote the word to look for it with its colon."
    raise piece.place.wrong(
        f"{piece.text!r} is no key." if piece.text else "There is no key before this colon.",
        suggestion=near,
        hint=None if near else hint,
    )
