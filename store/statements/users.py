"""The statements on `auth.users`, which only the operator reads, and on the owners of rows, who are users, too."""

from functools import cache
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    Select,
    Table,
    Text,
    Uuid,
    bindparam,
    func,
    or_,
    select,
    true,
)

from store import tables
from store.actor import ActingUser
from store.database import Query
from store.finding.id_prefix import IdRange, id_range
from store.model import User
from store.statements.rows import Row

_jobs, _users = tables.generation_jobs, tables.users
_LOW, _HIGH = bindparam("low", type_=Uuid), bindparam("high", type_=Uuid)


def make_user(row: Row) -> User:
    identifier, email, created_at, job_count, last_job_at = row
    return User(id=identifier, email=email, created_at=created_at, job_count=job_count, last_job_at=last_job_at)


_SUMS = (
    func.count().label("job_count"),
    func.max(_jobs.c.created_at).label("last_job_at"),
)
_OF_ALL = select(_jobs.c.user_id, *_SUMS).group_by(_jobs.c.user_id).subquery()
"""Reads all jobs once: cheaper than looking up those of each of many users."""
_OF_EACH = select(*_SUMS).where(_jobs.c.user_id == _users.c.id).lateral()
"""Looks up the jobs of a few users, however many others there are."""


def _select(sums: FromClause, on: ColumnElement[bool]) -> Select[*tuple[object, ...]]:
    return (
        select(
            _users.c.id,
            _users.c.email,
            _users.c.created_at,
            func.coalesce(sums.c.job_count, 0),
            sums.c.last_job_at,
        )
        .outerjoin(sums, on)
        .order_by(_users.c.email.asc().nulls_last(), _users.c.id)
        .limit(bindparam("rows", type_=Integer))
    )


_LISTED = _select(_OF_ALL, _OF_ALL.c.user_id == _users.c.id)
_FEW = _select(_OF_EACH, true())
_BY_EMAIL = _FEW.where(func.lower(_users.c.email) == func.lower(bindparam("email", type_=Text)))
_BY_ID = _FEW.where(_users.c.id == bindparam("id", type_=Uuid))


def listed(*, limit: int) -> Query[User]:
    """By e-mail, those without one last."""
    return Query(_LISTED, make_user, {"rows": limit})


@cache
def _matching(*, by_id: bool) -> Select[*tuple[object, ...]]:
    # Not LIKE: a percent sign or an underscore is looked for as it is.
    has_text = func.strpos(func.lower(_users.c.email), func.lower(bindparam("needle", type_=Text))) > 0
    return _FEW.where(or_(has_text, _users.c.id.between(_LOW, _HIGH)) if by_id else has_text)


def matching(text: str, *, limit: int) -> Query[User]:
    """Whose e-mail contains the text, whatever its case, or whose id begins with it; ordered as `listed`."""
    ids = id_range(text)
    in_range = {} if ids is None else {"low": ids.low, "high": ids.high}
    return Query(_matching(by_id=ids is not None), make_user, {"needle": text, "rows": limit, **in_range})


def by_email(email: str, *, limit: int) -> Query[User]:
    """Whatever the case of its letters."""
    return Query(_BY_EMAIL, make_user, {"email": email, "rows": limit})


def by_id(user_id: UUID) -> Query[User]:
    return Query(_BY_ID, make_user, {"id": user_id, "rows": 1})


def _make_acting(row: Row) -> ActingUser:
    user_id, email = row
    return ActingUser(id=user_id, email=email)


def _make_owner(row: Row) -> ActingUser:
    return ActingUser(id=row[0])


# Whom to act as is all that these ask for: no job is read for it.
_ACTING = select(_users.c.id, _users.c.email).order_by(_users.c.id).limit(bindparam("rows", type_=Integer))
_ACTING_BY_EMAIL = _ACTING.where(func.lower(_users.c.email) == func.lower(bindparam("email", type_=Text)))
_ACTING_IN_RANGE = _ACTING.where(_users.c.id.between(_LOW, _HIGH))


def acting_by_email(email: str, *, limit: int) -> Query[ActingUser]:
    """Whatever the case of its letters."""
    return Query(_ACTING_BY_EMAIL, _make_acting, {"email": email, "rows": limit})


def in_range(ids: IdRange, *, limit: int) -> Query[ActingUser]:
    return Query(_ACTING_IN_RANGE, _make_acting, {"low": ids.low, "high": ids.high, "rows": limit})


_MOST_READ = 10_000
"""Of each table, so that the rows of one busy owner are not all read for one id."""


def _owners_in_range(owned: Table) -> Select[UUID]:
    some = select(owned.c.user_id).where(owned.c.user_id.between(_LOW, _HIGH)).limit(_MOST_READ).subquery()
    return select(some.c.user_id).distinct().order_by(some.c.user_id).limit(bindparam("rows", type_=Integer))


_OWNERS_OF_JOBS, _OWNERS_OF_PROJECTS = _owners_in_range(_jobs), _owners_in_range(tables.projects)


def owners_of_jobs_in_range(ids: IdRange, *, limit: int) -> Query[ActingUser]:
    """Without their e-mails: for where the users are not to be read."""
    return Query(_OWNERS_OF_JOBS, _make_owner, {"low": ids.low, "high": ids.high, "rows": limit})


def owners_of_projects_in_range(ids: IdRange, *, limit: int) -> Query[ActingUser]:
    return Query(_OWNERS_OF_PROJECTS, _make_owner, {"low": ids.low, "high": ids.high, "rows": limit})
