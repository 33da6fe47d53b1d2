"""The way to the server: encrypted or not, how long it takes, and what stands between."""

from collections.abc import Iterator, Sequence
from enum import Enum, auto
from statistics import median
from time import perf_counter

from sqlalchemy import text

from store.actor import OPERATOR
from store.capabilities import Facts
from store.database import Database, Query
from store.doctor.model import Finding, Section, Severity
from store.statements.rows import Row

ROUND_TRIPS = 5
SLOW = 0.25
"""Seconds of the median round trip, from which on a dashboard feels slow."""


class Pooling(Enum):
    NONE = auto()
    SESSION = auto()
    """A server's process for as long as the client stays, as far as can be told from outside."""
    TRANSACTION = auto()
    """One process has served two connections of ours that were both open."""


def _nothing(_: Row) -> None:
    pass


_SHORTEST = Query(text("select 1"), _nothing)


async def measure(database: Database) -> tuple[float, ...]:
    """Seconds of some round trips, each a transaction of its own."""
    durations = []
    for _ in range(ROUND_TRIPS):
        started = perf_counter()
        await database.read(OPERATOR, _SHORTEST)
        durations.append(perf_counter() - started)
    return tuple(durations)


async def find_pooling(database: Database, facts: Facts) -> Pooling:
    if not facts.behind_pooler:
        return Pooling.NONE
    return Pooling.TRANSACTION if await database.shares_processes() else Pooling.SESSION


def link_findings(facts: Facts, label: str, durations: Sequence[float], pooling: Pooling) -> Iterator[Finding]:
    yield _encryption(facts, label)
    middle = median(durations)
    sentence = f"A round trip takes {_milliseconds(middle)} ms ({_milliseconds(min(durations))} at best)."
    yield _finding("latency", Severity.NOTE if middle >= SLOW else Severity.OK, sentence)
    match pooling:
        case Pooling.NONE:
            yield _finding("pooler", Severity.OK, "No pooler between.")
        case Pooling.SESSION:
            yield _finding("pooler", Severity.OK, "A pooler stands between, by session as far as can be told.")
        case Pooling.TRANSACTION:
            yield _finding(
                "pooler",
                Severity.NOTE,
                "A pooler stands between and lends a connection for one transaction.",
                hint="gjobs works through it; 'gjobs migrate' needs the direct address or the session pooler's.",
            )


def _encryption(facts: Facts, label: str) -> Finding:
    if facts.link.is_encrypted:
        return _finding("encryption", Severity.OK, f"The link to {label} is encrypted.")
    if facts.link.is_local:
        return _finding("encryption", Severity.OK, f"The link to {label} stays on this machine.")
    return _finding(
        "encryption",
        Severity.WARNING,
        f"The link to {label} is not encrypted: who listens reads every row, and may change what is sent.",
        hint="Put sslmode=require, or better verify-full with sslrootcert, into the address.",
    )


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f}"


def _finding(name: str, severity: Severity, sentence: str, *, hint: str | None = None) -> Finding:
    return Finding(section=Section.LINK, name=name, severity=severity, sentence=sentence, hint=hint)
