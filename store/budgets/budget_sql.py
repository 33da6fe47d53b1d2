"""SQL that reads, checks, sets and removes budgets."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from uuid import UUID

from sqlalchemy import TextClause, text

from gjobs.store.budgets.budget import Budget, CheckedBudget, Period
from gjobs.store.database.query import Query, row_maker
from gjobs.store.errors import Conflict
from gjobs.store.validation import UNSET, Unset
from gjobs.store.values.formats import known_or_text, money

# Unreadable names are null. The pace of a total budget comes from the last 30 days, starting with the first one that
# has jobs. Days whose jobs were all deleted may remain as rows without jobs.
_DESCRIBED = """
with today as (
    select (coalesce(cast(:at as timestamptz), now()) at time zone 'UTC')::date as day
), states as (
    select b.*, t.day, gjobs.budget_period_start(b.period, t.day) as period_start,
           coalesce(s.spent_cents, 0) as spent_cents,
           coalesce(s.spent_cents, 0)::numeric / nullif(b.limit_cents, 0) as share
      from gjobs.visible_budgets b
     cross join today t
      left join gjobs.visible_spending s
             on s.budget_id = b.id and s.period_start = gjobs.budget_period_start(b.period, t.day)
     where (cast(:id as uuid) is null or b.id = :id)
       and (cast(:project_id as uuid) is null or b.project_id = :project_id or b.user_id = {owner})
       and (cast(:user_id as uuid) is null or b.user_id = :user_id)
     order by share desc nulls first, b.id
     limit :rows
)
select s.id, s.user_id, s.project_id, coalesce({project_name}, {e_mail}), s.period, s.limit_cents, s.warn_share::float8,
       s.created_at, nullif(s.period_start, '-infinity'), s.spent_cents, recent.cents, recent.days
  from states s
  left join lateral (
       select sum(d.cents)::bigint as cents, s.day - min(d.day) + 1 as days
         from (
              select day, sum(cost_cents) as cents
                from gjobs.job_day_counts
               where (user_id = s.user_id or project_id = s.project_id) and day between s.day - 29 and s.day
               group by day having sum(job_count) > 0
              ) d
       ) recent on s.period = 'all'
 order by s.share desc nulls first, s.id
"""
_UNREAD = "null"
_OF_PROJECTS = {
    "owner": "(select p.user_id from public.projects p where p.id = :project_id)",
    "project_name": "(select p.name from public.projects p where p.id = s.project_id)",
}
_OF_USERS = {"e_mail": "(select u.email::text from auth.users u where u.id = s.user_id)"}


make_budget = row_maker(Budget, period=partial(known_or_text, Period))


@dataclass(frozen=True, slots=True, kw_only=True)
class Readable:
    """What the actor may read besides budgets, to show their names."""

    projects: bool
    users: bool


@cache
def _described(readable: Readable) -> TextClause:
    parts = dict.fromkeys((*_OF_PROJECTS, *_OF_USERS), _UNREAD)
    parts |= _OF_PROJECTS if readable.projects else {}
    parts |= _OF_USERS if readable.users else {}
    return text(_DESCRIBED.format(**parts))


_ALL: Mapping[str, object] = {"id": None, "project_id": None, "user_id": None, "at": None}


def described(
    project_id: UUID | None, *, user_id: UUID | None = None, limit: int, readable: Readable, at: datetime | None
) -> Query[Budget]:
    """Return a query for budgets, least left first.

    With a project, these are the budgets that its jobs are charged to. With a user, these are the user's budgets.
    """
    narrowed = {"project_id": project_id, "user_id": user_id, "rows": limit, "at": at}
    return Query(_described(readable), make_budget, {**_ALL, **narrowed})


def one(budget_id: UUID, *, readable: Readable) -> Query[Budget]:
    return Query(_described(readable), make_budget, {**_ALL, "id": budget_id, "rows": 1})


_CHECK = text("select * from gjobs.check_budget(:project_id, :cents)")


def check(project_id: UUID, cents: int) -> Query[CheckedBudget]:
    return Query(_CHECK, _make_checked, {"project_id": project_id, "cents": cents})


_make_checked = row_maker(CheckedBudget, period=partial(known_or_text, Period))


OF_SUBJECT = text("""
select id from gjobs.budgets
 where user_id is not distinct from cast(:user_id as uuid) and project_id is not distinct from cast(:project_id as uuid)
   and period = :period
   for no key update
""")
"""Also locks the budget against changes until the transaction ends."""
LOCK = text("select id from gjobs.budgets where id = :id for update")
INSERT = text("""
insert into gjobs.budgets (user_id, project_id, period, limit_cents, warn_share)
values (:user_id, :project_id, :period, :limit_cents, :warn_share)
on conflict do nothing returning id
""")
"""Returns no row if someone else just created the budget."""
CHANGE = text("update gjobs.budgets set limit_cents = :limit_cents, warn_share = :warn_share where id = :id")
REMOVE = text("delete from gjobs.budgets where id = :id")


DEFAULT_WARN_SHARE = 0.8


def require_expected(present: Budget, known: Budget | Unset | None) -> None:
    """Raise Conflict if the budget is not the known one. None expects that there is none, UNSET accepts any."""
    if known is UNSET or (known and (present.limit_cents, present.warn_share) == (known.limit_cents, known.warn_share)):
        return
    limit, share = money(present.limit_cents), f"{present.warn_share * 100:g} %"
    found = "Another session changed this budget: the limit is now" if known else "This budget exists: the limit is"
    raise Conflict(
        f"{found} {limit}, with a warning at {share}.",
        hint="Set the budget again to overwrite that.",
    )
