"""SQL on users: by e-mail, by id, and search by activity."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.types import BigInteger, DateTime

from gjobs.store import tables
from gjobs.store.database.query import Query, row_maker
from gjobs.store.jobs.job import User
from gjobs.store.jobs.job_results import CappedCount
from gjobs.store.users.actor import ActingUser
from gjobs.store.values.formats import IdRange, id_range

_jobs, _users = tables.jobs, tables.users
_LOW, _HIGH = sa.bindparam("low", type_=sa.Uuid), sa.bindparam("high", type_=sa.Uuid)


make_user = row_maker(User)

NEWEST_JOBS = 10_000
"""How many of the newest jobs are read for the last job of each owner."""

_ROLLUPS = (
    sa.func.count().label("job_count"),
    sa.func.max(_jobs.c.created_at).label("last_job_at"),
)
_OF_JOBS = sa.select(_jobs.c.user_id, *_ROLLUPS).group_by(_jobs.c.user_id)
_OF_ALL = _OF_JOBS.subquery()
"""Reads all jobs once, which is cheaper than one lookup for each of many users."""
_OF_EACH = sa.select(*_ROLLUPS).where(_jobs.c.user_id == _users.c.id).lateral()
"""Looks up the jobs of a few users. The cost doesn't depend on how many users exist."""


def _select(sums: sa.FromClause, on: sa.ColumnElement[bool]) -> sa.Select[*tuple[object, ...]]:
    return (
        sa.select(
            _users.c.id,
            _users.c.email,
            _users.c.created_at,
            sa.func.coalesce(sums.c.job_count, 0),
            sums.c.last_job_at,
        )
        .outerjoin(sums, on)
        .order_by(_users.c.email.asc().nulls_last(), _users.c.id)
        .limit(sa.bindparam("rows", type_=sa.Integer))
    )


_LISTED = {
    False: _select(_OF_ALL, _OF_ALL.c.user_id == _users.c.id),
    True: sa.text("""
SELECT u.id, u.email, u.created_at, coalesce(counted.job_count, 0),
       CASE WHEN counted.user_id IS NOT NULL THEN coalesce(recent.last_job_at, (
           SELECT max(theirs.created_at)
             FROM (SELECT created_at FROM "$jobs" AS jobs WHERE user_id = u.id OFFSET 0) theirs
       )) END
  FROM (SELECT id, email, created_at FROM auth.users ORDER BY email NULLS LAST, id LIMIT :rows) u
  LEFT JOIN (
       SELECT user_id, CAST(sum(job_count) AS bigint) AS job_count
         FROM gjobs.job_counts GROUP BY user_id HAVING sum(job_count) <> 0
       ) counted ON counted.user_id = u.id
  LEFT JOIN (
       SELECT user_id, max(created_at) AS last_job_at
         FROM (SELECT user_id, created_at FROM "$jobs" AS jobs WHERE created_at IS NOT NULL
                ORDER BY created_at DESC LIMIT :newest) newest
        GROUP BY user_id
       ) recent ON recent.user_id = u.id
 ORDER BY u.email NULLS LAST, u.id
""").bindparams(sa.bindparam("rows", type_=sa.Integer), sa.bindparam("newest", type_=sa.Integer)),
}
"""The key is whether rollups are readable and jobs have an index on the user. Rollups have no times, so the newest jobs
are read. Only users without a job among these are looked up. OFFSET 0 forbids the index on the time, which ends at old
jobs.
"""
_FEW = _select(_OF_EACH, sa.true())
_BY_EMAIL = _FEW.where(sa.func.lower(_users.c.email) == sa.func.lower(sa.bindparam("email", type_=sa.Text)))
_BY_ID = _FEW.where(_users.c.id == sa.bindparam("id", type_=sa.Uuid))


def list_users(*, limit: int, from_rollups: bool) -> Query[User]:
    """Return users by e-mail, those without one last."""
    newest = {"newest": NEWEST_JOBS} if from_rollups else {}
    return Query(_LISTED[from_rollups], make_user, {"rows": limit, **newest}, may_compile=not from_rollups)


@cache
def _search_users(*, by_id: bool) -> sa.Select[*tuple[object, ...]]:
    return _FEW.where(_matches(_users, by_id=by_id))


def _matches(users: sa.FromClause, *, by_id: bool) -> sa.ColumnElement[bool]:
    # Not LIKE: percent signs and underscores must match literally.
    has_text = sa.func.strpos(sa.func.lower(users.c.email), sa.func.lower(sa.bindparam("needle", type_=sa.Text))) > 0
    return sa.or_(has_text, users.c.id.between(_LOW, _HIGH)) if by_id else has_text


def search_users(needle: str, *, limit: int) -> Query[User]:
    """Return users by part of the e-mail in any case, or by the start of the id. Ordered as in `list_users`."""
    ids = id_range(needle)
    in_range = {} if ids is None else {"low": ids.low, "high": ids.high}
    return Query(_search_users(by_id=ids is not None), make_user, {"needle": needle, "rows": limit, **in_range})


def by_email(email: str, *, limit: int) -> Query[User]:
    """Return users with this e-mail, in any case."""
    return Query(_BY_EMAIL, make_user, {"email": email, "rows": limit})


def by_id(user_id: UUID) -> Query[User]:
    return Query(_BY_ID, make_user, {"id": user_id, "rows": 1})


_make_acting = row_maker(ActingUser)


# These queries only find whom to act as, and read no job.
_ACTING = sa.select(_users.c.id, _users.c.email).order_by(_users.c.id).limit(sa.bindparam("rows", type_=sa.Integer))
_ACTING_BY_EMAIL = _ACTING.where(sa.func.lower(_users.c.email) == sa.func.lower(sa.bindparam("email", type_=sa.Text)))
_ACTING_IN_RANGE = _ACTING.where(_users.c.id.between(_LOW, _HIGH))


def acting_by_email(email: str, *, limit: int) -> Query[ActingUser]:
    """Return users with this e-mail, in any case."""
    return Query(_ACTING_BY_EMAIL, _make_acting, {"email": email, "rows": limit})


_EMAILS = sa.select(_users.c.id, _users.c.email).where(
    _users.c.id == sa.any_(sa.bindparam("ids", type_=sa.ARRAY(sa.Uuid)))
)


def emails_of(user_ids: Collection[UUID]) -> Query[ActingUser]:
    """Return the users with these ids."""
    return Query(_EMAILS, _make_acting, {"ids": list(user_ids)})


def in_range(ids: IdRange, *, limit: int) -> Query[ActingUser]:
    return Query(_ACTING_IN_RANGE, _make_acting, {"low": ids.low, "high": ids.high, "rows": limit})


_MOST_READ = 10_000
"""Maximum rows that a search reads from each table. Without it, a search could read all rows of a busy owner."""


@cache
def _owners_in_range(owned: tables.NamedTable) -> sa.Select[UUID]:
    some = sa.select(owned.c.user_id).where(owned.c.user_id.between(_LOW, _HIGH)).limit(_MOST_READ).subquery()
    return sa.select(some.c.user_id).distinct().order_by(some.c.user_id).limit(sa.bindparam("rows", type_=sa.Integer))


def owners_in_range(ids: IdRange, *, limit: int, of: tables.NamedTable) -> Query[ActingUser]:
    """Return owners of jobs or projects without e-mails, for databases with unreadable users."""
    return Query(_owners_in_range(of), _make_acting, {"low": ids.low, "high": ids.high, "rows": limit})


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundUser:
    """A user found by a search."""

    id: UUID
    email: str | None
    """Also None if users are unreadable."""
    job_count: CappedCount
    last_job_at: datetime | None


MOST_COUNTED = 10_000
"""The most jobs counted for each user."""
CANDIDATES = 100
"""Number of matches examined in detail. It exceeds what a list shows, because the order is known only afterwards."""


_make_found_user = row_maker(FoundUser, job_count=lambda counted: CappedCount.of(counted, MOST_COUNTED))


def matching(typed: str, *, limit: int, with_emails: bool) -> Query[FoundUser]:
    """Return users by part of the e-mail in any case, or by the start of the id. An empty text matches all.

    Without e-mails, only owners of jobs are found, and `auth.users` is not read.
    """
    needle, ids = typed.strip(), id_range(typed)
    parameters: dict[str, object] = {"rows": limit}
    if needle:
        parameters["needle"] = needle
    if ids is not None:
        parameters |= {"low": ids.low, "high": ids.high}
    statement = _statement(by_text=bool(needle), by_id=ids is not None, with_emails=with_emails)
    return Query(statement, _make_found_user, parameters)


@cache
def _statement(*, by_text: bool, by_id: bool, with_emails: bool) -> sa.Select[*tuple[object, ...]]:
    owners_by_activity = _people(_owners(by_id=by_id), with_emails=with_emails)
    wanted = sa.select(owners_by_activity)
    if by_text:
        wanted = wanted.where(_matches(owners_by_activity, by_id=by_id))
    order = (
        owners_by_activity.c.last_job_at.desc().nulls_last(),
        sa.func.lower(owners_by_activity.c.email).nulls_last(),
        owners_by_activity.c.id,
    )
    candidates = wanted.order_by(*order).limit(CANDIDATES).subquery("candidates")
    counted = _counted(candidates)
    latest = _latest(candidates, counted)
    last_job_at = sa.func.coalesce(latest.c.last_job_at, counted.c.last_job_at)
    return (
        sa.select(candidates.c.id, candidates.c.email, counted.c.job_count, last_job_at)
        .select_from(candidates.join(counted, sa.true()).join(latest, sa.true()))
        .order_by(last_job_at.desc().nulls_last(), sa.func.lower(candidates.c.email).nulls_last(), candidates.c.id)
        .limit(sa.bindparam("rows", type_=sa.Integer))
    )


def _owners(*, by_id: bool) -> sa.Subquery:
    """Return the owners of the newest jobs and the owners whose id starts with the text. Each has the creation time of
    the newest job.
    """
    columns = (_jobs.c.user_id, _jobs.c.created_at)
    parts = [sa.select(*columns).order_by(_jobs.c.created_at.desc()).limit(NEWEST_JOBS)]
    if by_id:
        parts.append(sa.select(*columns).where(_jobs.c.user_id.between(_LOW, _HIGH)).limit(NEWEST_JOBS))
    owned = sa.union_all(*parts).subquery("owned")
    last_job_at = sa.func.max(owned.c.created_at).label("last_job_at")
    return sa.select(owned.c.user_id, last_job_at).group_by(owned.c.user_id).subquery("owners")


def _people(owners: sa.Subquery, *, with_emails: bool) -> sa.Subquery:
    """Return each user once, including owners of jobs without a visible row in users."""
    if not with_emails:
        nothing = sa.cast(sa.null(), sa.Text).label("email")
        return sa.select(owners.c.user_id.label("id"), nothing, owners.c.last_job_at).subquery("people")
    everybody: sa.FromClause = _users.outerjoin(owners, owners.c.user_id == _users.c.id, full=True)
    user_id = sa.func.coalesce(_users.c.id, owners.c.user_id, type_=sa.Uuid).label("id")
    return sa.select(user_id, _users.c.email, owners.c.last_job_at).select_from(everybody).subquery("people")


def _counted(candidates: sa.Subquery) -> sa.FromClause:
    """Count the jobs of each candidate, up to the cap, with the index on the owner. Also return the newest creation
    time of the counted jobs.
    """
    theirs = sa.select(_jobs.c.created_at).where(_jobs.c.user_id == candidates.c.id).limit(MOST_COUNTED + 1)
    some = theirs.correlate(candidates).lateral("theirs")
    sums = sa.select(sa.func.count().label("job_count"), sa.func.max(some.c.created_at).label("last_job_at"))
    return sums.select_from(some).lateral("counted")


def _latest(candidates: sa.Subquery, counted: sa.FromClause) -> sa.FromClause:
    """Return the newest job of users with more jobs than the cap. Nothing is read for the others."""
    theirs = (_jobs.c.user_id == candidates.c.id, counted.c.job_count > MOST_COUNTED)
    return sa.select(sa.func.max(_jobs.c.created_at).label("last_job_at")).where(*theirs).lateral("latest")


_projects = tables.projects


def _users_who_own(owned: sa.Subquery) -> sa.Select[*tuple[object, ...]]:
    return (
        sa.select(
            owned.c.user_id,
            sa.cast(sa.null(), sa.Text),
            sa.cast(sa.null(), DateTime(timezone=True)),
            sa.cast(sa.func.sum(owned.c.job_count), BigInteger),
            sa.func.max(owned.c.last_job_at),
        )
        .group_by(owned.c.user_id)
        .order_by(sa.func.max(owned.c.last_job_at).desc().nulls_last(), owned.c.user_id)
        .limit(sa.bindparam("rows", type_=sa.Integer))
    )


_OF_PROJECTS = sa.select(_projects.c.user_id, sa.literal(0, sa.Integer), sa.cast(sa.null(), DateTime(timezone=True)))

_USERS = {
    True: _users_who_own(sa.union_all(_OF_JOBS, _OF_PROJECTS).subquery()),
    False: _users_who_own(_OF_JOBS.subquery()),
}
"""Depends on whether projects are readable."""
_USER_BY_ID = {
    has_projects: statement.having(statement.selected_columns[0] == sa.bindparam("id", type_=sa.Uuid))
    for has_projects, statement in _USERS.items()
}


def users(*, has_projects: bool, limit: int) -> Query[User]:
    """Return the owners of jobs, and of projects if readable, last active first. None has an e-mail."""
    return Query(_USERS[has_projects], make_user, {"rows": limit})


def user_by_id(user_id: UUID, *, has_projects: bool) -> Query[User]:
    return Query(_USER_BY_ID[has_projects], make_user, {"id": user_id, "rows": 1})
