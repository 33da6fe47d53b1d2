"""The server: its version, whether it is a replica and how far behind, and what time-outs its roles have."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import text

from store.capabilities import OLDEST_MIGRATED, OLDEST_READ, Facts
from store.database import Query
from store.doctor.model import Finding, Section, Severity
from store.statements.rows import Row

NOTICEABLE_LAG = 10.0
"""Seconds behind the primary, from which on what is shown is said to be old."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """How far a replica is."""

    has_all: bool | None
    """Whether everything received has been replayed, however long ago that was; None where nothing is streamed."""
    seconds: float | None
    """Since the commit that was replayed last; None where none was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeOut:
    role: str
    setting: str
    value: str


REPLAY: Query[Replay] = Query(
    text("""
select pg_last_wal_receive_lsn() <= pg_last_wal_replay_lsn(),
       extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp())::float8
"""),
    lambda row: Replay(has_all=row[0], seconds=row[1]),
)


def _make_time_out(row: Row) -> TimeOut:
    role, setting = row
    name, _, value = setting.partition("=")
    return TimeOut(role=role, setting=name, value=value)


TIME_OUTS: Query[TimeOut] = Query(
    text("""
select r.rolname::text, setting
  from pg_db_role_setting s
  join pg_roles r on r.oid = s.setrole
 cross join unnest(s.setconfig) as setting
 where s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
   and (r.rolname in ('anon', 'authenticated', 'authenticator', 'service_role') or r.rolname = current_user)
   and setting ~ '^(statement|lock|idle_in_transaction_session|transaction)_timeout='
 order by r.rolname, setting
"""),
    _make_time_out,
)


def server_findings(facts: Facts, replay: Replay | None, time_outs: Sequence[TimeOut]) -> Iterator[Finding]:
    """`replay` is None on a primary."""
    yield _version(facts)
    if replay is not None:
        yield _replica(replay)
    if time_outs:
        yield _finding("time-outs", Severity.OK, f"Time-outs that roles start with: {_words(time_outs)}.")


def _words(time_outs: Sequence[TimeOut]) -> str:
    """Of each role what it has, in the order of their names."""
    by_role: dict[str, list[str]] = {}
    for one in time_outs:
        kind = one.setting.removesuffix("_timeout").replace("_", " ")
        by_role.setdefault(one.role, []).append(f"{kind} {one.value}")
    return "; ".join(f"{role} {', '.join(settings)}" for role, settings in by_role.items())


def _version(facts: Facts) -> Finding:
    if facts.major_version < OLDEST_READ:
        return _finding(
            "version",
            Severity.PROBLEM,
            f"PostgreSQL {facts.version} is older than {OLDEST_READ}, the oldest supported.",
        )
    if facts.major_version < OLDEST_MIGRATED:
        sentence = f"PostgreSQL {facts.version}. Migrations need {OLDEST_MIGRATED} or newer."
        return _finding("version", Severity.NOTE, sentence)
    return _finding("version", Severity.OK, f"PostgreSQL {facts.version}.")


def _replica(replay: Replay) -> Finding:
    sentence = "A replica: it takes no writes."
    if replay.has_all or replay.seconds is None:
        return _finding("replica", Severity.OK, f"{sentence} It has replayed all that it received.")
    severity = Severity.WARNING if replay.seconds >= NOTICEABLE_LAG else Severity.OK
    return _finding("replica", severity, f"{sentence} It is {replay.seconds:.1f} s behind the primary server.")


def _finding(name: str, severity: Severity, sentence: str) -> Finding:
    return Finding(section=Section.SERVER, name=name, severity=severity, sentence=sentence)
