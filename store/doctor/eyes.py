"""What a user sees, asked for as the user: role, claims and policies at work together."""

from collections.abc import Sequence

from sqlalchemy import func, select

from store import tables
from store.actor import ActingUser
from store.capabilities import Feature
from store.capabilities.probing import probe
from store.database import Database, Query
from store.doctor.model import Finding, Section, Severity
from store.doctor.rows import MOST_COUNTED
from store.doctor.words import amount
from store.errors import NoPrivilege, SchemaMissing
from store.statements.rows import make_number

_SOME = select(tables.generation_jobs.c.id).limit(MOST_COUNTED + 1).subquery()
_SEEN = Query(select(func.count()).select_from(_SOME), make_number)


async def seen_by(database: Database, user: ActingUser) -> Sequence[Finding]:
    """One finding: how many jobs, or why none can be asked for."""
    name = user.email or str(user.id)
    try:
        (number,) = await database.read(user, _SEEN)
    except (NoPrivilege, SchemaMissing) as error:
        off = (await probe(database)).off(Feature.JOBS, user)
        return [_finding(Severity.WARNING, off.reason if off else error.message, sql=off.sql if off else None)]
    several = f"more than {amount(MOST_COUNTED, 'job')}" if number > MOST_COUNTED else amount(number, "job")
    return [_finding(Severity.OK, f"As {name} one sees {several}.")]


def _finding(severity: Severity, sentence: str, *, sql: str | None = None) -> Finding:
    return Finding(section=Section.ROLE, name="seen-by", severity=severity, sentence=sentence, sql=sql)
