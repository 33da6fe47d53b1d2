"""Finding a user among many by some letters of the e-mail or the beginning of the id, the most recently active first.

The owners of the newest jobs stand beside `auth.users`: they tell who is active without reading everyone's jobs, and
they are there where that table may not be read, or shows nothing.
"""

from functools import cache

from sqlalchemy import (
    FromClause,
    Integer,
    Select,
    Subquery,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
    null,
    or_,
    select,
    true,
    union_all,
)

from store import tables
from store.database import Query
from store.finding.id_prefix import id_range
from store.model import CappedCount, FoundUser
from store.statements.rows import Row

_jobs, _users = tables.generation_jobs, tables.users

NEWEST_JOBS = 10_000
"""Their owners are those who count as recently active."""
MOST_COUNTED = 10_000
"""So many jobs of each user are counted."""
CANDIDATES = 100
"""So many of those who match are looked at closely. More than a list shows, for the order is known only then."""

_NEEDLE = bindparam("needle", type_=Text)
_LOW, _HIGH = bindparam("low", type_=Uuid), bindparam("high", type_=Uuid)


def make_found_user(row: Row) -> FoundUser:
    user_id, email, counted, last_job_at = row
    return FoundUser(id=user_id, email=email, job_count=CappedCount.of(counted, MOST_COUNTED), last_job_at=last_job_at)


def matching(text: str, *, limit: int, with_emails: bool) -> Query[FoundUser]:
    """Whose e-mail contains the text, whatever its case, or whose id begins with it; without a text everybody.

    Without e-mails only the owners of jobs are found, and `auth.users` is not read.
    """
    needle, ids = text.strip(), id_range(text)
    parameters: dict[str, object] = {"rows": limit}
    if needle:
        parameters["needle"] = needle
    if ids is not None:
        parameters |= {"low": ids.low, "high": ids.high}
    statement = _statement(by_text=bool(needle), by_id=ids is not None, with_emails=with_emails)
    return Query(statement, make_found_user, parameters)


@cache
def _statement(*, by_text: bool, by_id: bool, with_emails: bool) -> Select[*tuple[object, ...]]:
    people = _people(_owners(by_id=by_id), with_emails=with_emails)
    wanted = select(people)
    if by_text:
        # Not LIKE: a percent sign or an underscore is looked for as it is.
        has_text = func.strpos(func.lower(people.c.email), func.lower(_NEEDLE)) > 0
        wanted = wanted.where(or_(has_text, people.c.id.between(_LOW, _HIGH)) if by_id else has_text)
    order = (people.c.last_job_at.desc().nulls_last(), func.lower(people.c.email).nulls_last(), people.c.id)
    candidates = wanted.order_by(*order).limit(CANDIDATES).subquery("candidates")
    counted = _counted(candidates)
    latest = _latest(candidates, counted)
    last_job_at = func.coalesce(latest.c.last_job_at, counted.c.last_job_at)
    return (
        select(candidates.c.id, candidates.c.email, counted.c.job_count, last_job_at)
        .select_from(candidates.join(counted, true()).join(latest, true()))
        .order_by(last_job_at.desc().nulls_last(), func.lower(candidates.c.email).nulls_last(), candidates.c.id)
        .limit(bindparam("rows", type_=Integer))
    )


def _owners(*, by_id: bool) -> Subquery:
    """Those of the newest jobs, and those whose id begins as it was typed; when their newest job was created."""
    columns = (_jobs.c.user_id, _jobs.c.created_at)
    parts = [select(*columns).order_by(_jobs.c.created_at.desc()).limit(NEWEST_JOBS)]
    if by_id:
        parts.append(select(*columns).where(_jobs.c.user_id.between(_LOW, _HIGH)).limit(NEWEST_JOBS))
    owned = union_all(*parts).subquery("owned")
    last_job_at = func.max(owned.c.created_at).label("last_job_at")
    return select(owned.c.user_id, last_job_at).group_by(owned.c.user_id).subquery("owners")


def _people(owners: Subquery, *, with_emails: bool) -> Subquery:
    """Each user once, also an owner of jobs who is not to be seen among the users."""
    if not with_emails:
        nothing = cast(null(), Text).label("email")
        return select(owners.c.user_id.label("id"), nothing, owners.c.last_job_at).subquery("people")
    everybody: FromClause = _users.outerjoin(owners, owners.c.user_id == _users.c.id, full=True)
    user_id = func.coalesce(_users.c.id, owners.c.user_id, type_=Uuid).label("id")
    return select(user_id, _users.c.email, owners.c.last_job_at).select_from(everybody).subquery("people")


def _counted(candidates: Subquery) -> FromClause:
    """As many jobs of each as are counted, found by the index on the owner; the newest of these."""
    theirs = select(_jobs.c.created_at).where(_jobs.c.user_id == candidates.c.id).limit(MOST_COUNTED + 1)
    some = theirs.correlate(candidates).lateral("theirs")
    sums = select(func.count().label("job_count"), func.max(some.c.created_at).label("last_job_at"))
    return sums.select_from(some).lateral("counted")


def _latest(candidates: Subquery, counted: FromClause) -> FromClause:
    """The newest job of those few who have more than are counted; of the others nothing is read."""
    theirs = (_jobs.c.user_id == candidates.c.id, counted.c.job_count > MOST_COUNTED)
    return select(func.max(_jobs.c.created_at).label("last_job_at")).where(*theirs).lateral("latest")
