"""SQL that reads jobs as they were, and what changed since."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.sql.functions import coalesce, now
from sqlalchemy.sql.visitors import replacement_traverse

from gjobs.store import tables
from gjobs.store.database.query import DIALECT, Query, Row, RowMaker, first_column, make_number, row_maker
from gjobs.store.jobs.job import (
    FINAL_STATUSES,
    AnyStatus,
    GenerationJob,
    JobStatus,
    ListedJob,
    sql_literals,
    status_or_none,
)
from gjobs.store.jobs.job_sql import ALL_COLUMNS, JobColumns
from gjobs.store.moments.moment import FEW_CHANGES, MOST_CHANGES, MOST_DELETED, SLACK, EventRange, PastJob

Job = TypeVar("Job", GenerationJob, ListedJob)

_jobs = tables.generation_jobs

_COLUMNS = ", ".join(one.name for one in ALL_COLUMNS)
_FURTHER = [one for one in ALL_COLUMNS if one.name not in tables.visible_archive.c]
"""Columns that events do not record, and that the archive keeps in `further`."""
_ARCHIVED_COLUMNS = ", ".join(
    f"(further ->> '{one.name}')::{one.type.compile(DIALECT)} as {one.name}" if one in _FURTHER else one.name
    for one in ALL_COLUMNS
)

_MOMENT = sa.bindparam("moment", type_=sa.DateTime(timezone=True))
_NO_END = "case when count(*) >= 0 then '-infinity'::timestamptz end"
_NOT_ARCHIVED = "not exists (select from gjobs.visible_archive a where a.id = e.job_id)"
_IN_RANGE = "e.transaction_id >= cast(cast(:first_transaction as text) as xid8)"
_NEWEST_DELETED = f"order by e.transaction_id desc, e.id desc limit {MOST_DELETED}"
_NEWEST = (
    "left join lateral (select e.at from gjobs.job_events e"
    " where e.job_id = c.id order by e.id desc limit 1) newest on true"
)
_IS_ERROR = "e.at <= :moment and e.kind in ('created', 'restored', 'status', 'retry', 'error')"
"""Whether the event is not after the moment and its kind records the job's error. Other events leave it out."""
_SLACK = f"interval '{SLACK.total_seconds()} s'"

_UNRECORDED: Any = sa.column("unrecorded", sa.Text)
_RECORDED_START = (
    sa.select(tables.job_starts.c.started_at)
    .where(
        tables.job_starts.c.job_id == sa.literal_column("jobs_then.id", sa.Uuid),
        tables.job_starts.c.started_at <= _MOMENT,
    )
    .scalar_subquery()
)
# Policies hide the recorded start of a deleted or archived job from its user, but not its events.
_STARTED = coalesce(_RECORDED_START, sa.literal_column("jobs_then.started_at", sa.DateTime(timezone=True))).label(
    "started_at"
)
PAST_COLUMNS: JobColumns = (*ALL_COLUMNS, _STARTED, _UNRECORDED)
"""The columns of a job as it was. The last one names the fields that were not recorded, separated by commas."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Jobs that existed at a moment: the newest of a project or of all, or those with some ids."""

    moment: datetime
    events: EventRange
    project_id: UUID | None = None
    ids: Sequence[UUID] | None = None
    """None for the newest jobs."""
    rows: int = 0
    """How many of the newest jobs."""
    may_sort: bool = True
    """False forbids sorting, where an index returns the newest jobs in order but the planner might sort all."""

    @property
    def form(self) -> "PoolForm":
        by_id = self.ids is not None
        return PoolForm(
            by_id=by_id,
            of_project=self.project_id is not None and not by_id,
            has_few_events=self.events.is_searched and self.events.count <= FEW_CHANGES,
        )

    @property
    def parameters(self) -> dict[str, object]:
        shared = {"moment": self.moment, "began_at": self.events.began_at}
        if self.ids is not None:
            return {**shared, "pool_ids": list(self.ids)}
        return {**shared, **self.newest, "first_transaction": str(self.events.newest or self.events.first)}

    @property
    def newest(self) -> dict[str, object]:
        """The parameters that choose the newest jobs."""
        return {"moment": self.moment, "pool_rows": self.rows, **_of_project("pool_project", self.project_id)}


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolForm:
    """All that the SQL of a pool depends on."""

    by_id: bool
    of_project: bool
    has_few_events: bool
    """Whether all events after the moment are read at once, which is faster than looking for those of each job."""


def _of_project(name: str, project_id: UUID | None) -> dict[str, object]:
    return {} if project_id is None else {name: project_id}


def _sql(name: str, **slots: object) -> str:
    """Return the SQL without comments and indentation. The driver does not cache its analysis of long texts, so it
    would repeat it for each execution.
    """
    return in_one_line(Path(__file__).with_name(f"{name}.sql").read_text(encoding="utf-8")).format(**slots)


def in_one_line(sql: str) -> str:
    """Join the lines, without those that are comments."""
    lines = [line.strip() for line in sql.splitlines() if not line.lstrip().startswith("--")]
    # In one line, a comment would hide the rest of the statement.
    if comment := next((line for line in lines if "--" in line), None):
        raise ValueError(f"A comment needs a line of its own: {comment}")
    return " ".join(lines)


@cache
def _pool(form: PoolForm) -> sa.CTE:
    """Return the jobs as they were, under the name `jobs_then`."""
    by_id, of_project = form.by_id, form.of_project
    among = "id = any(:pool_ids) and created_at <= :moment" if by_id else "created_at <= :moment"
    scope = f"{among} and project_id = :pool_project" if of_project else among
    of_event = "e.project_id = :pool_project" if of_project else "true"
    if by_id:
        is_later = "e.job_id = any(:pool_ids)"
    elif form.has_few_events:
        is_later = _IN_RANGE
    else:
        is_later = f"{_IN_RANGE} and e.kind in ('deleted', 'archived') and {of_event} {_NEWEST_DELETED}"
    is_looked_up = not (by_id or form.has_few_events)
    order = "" if by_id else "order by created_at desc, id desc limit :pool_rows"
    archived = f"from gjobs.visible_archive where {scope} and created_at >= (select since from reach)"  # noqa: S608 - of constants
    archived += f" and archived_at > :moment - {_SLACK} {order}"
    newest = "case when count(*) = :pool_rows then min(created_at) else '-infinity' end"
    statement = sa.text(
        _sql(
            "jobs_then",
            columns=_COLUMNS,
            scope=scope,
            order=order,
            reach=_NO_END if by_id else newest,
            archived=f"select {_ARCHIVED_COLUMNS} {archived}",
            nulls=", ".join(["null"] * (len(ALL_COLUMNS) - 1)),
            not_archived=_NOT_ARCHIVED,
            is_error=_IS_ERROR,
            final=sql_literals(FINAL_STATUSES),
            of_event=of_event,
            is_later=is_later,
            newest=_NEWEST if is_looked_up else "",
            is_due="newest.at > :moment" if is_looked_up else "c.id in (select l.job_id from later l)",
            of_job="t.project_id = :pool_project" if of_project else "true",
        )
    )
    parameters: list[sa.BindParameter[Any]] = [_MOMENT, sa.bindparam("began_at", type_=sa.DateTime(timezone=True))]
    if by_id:
        parameters += [sa.bindparam("pool_ids", type_=sa.ARRAY(sa.Uuid))]
    else:
        parameters += [sa.bindparam("first_transaction", type_=sa.Text), sa.bindparam("pool_rows", type_=sa.Integer)]
    parameters += [sa.bindparam("pool_project", type_=sa.Uuid)] if of_project else []
    columns = [sa.column(one.name, one.type) for one in ALL_COLUMNS]
    started = sa.column("started_at", sa.DateTime(timezone=True))
    return statement.bindparams(*parameters).columns(*columns, _UNRECORDED, started).cte("jobs_then")


@lru_cache(maxsize=256)
def _then(statement: sa.ClauseElement, form: PoolForm) -> sa.ClauseElement:
    """Return the statement changed so that it reads the pool instead of the current table. The result is cached, like
    compiled statements.
    """
    pool = _pool(form)
    time_so_far = sa.case((pool.c.status == JobStatus.RUNNING.value, _MOMENT - pool.c.created_at))

    def then(element: sa.ClauseElement, **_: object) -> sa.ClauseElement | None:
        if element is _jobs:
            return pool
        if isinstance(element, sa.Column) and element.table is _jobs:
            return pool.c[element.name]
        if isinstance(element, now):
            return _MOMENT
        return time_so_far if element is tables.time_so_far else None

    return cast(sa.ClauseElement, replacement_traverse(statement, {}, then))


def as_of(query: Query[Any], pool: Pool, make: RowMaker[Any] | None = None) -> Query[Any]:
    """Return the query on the jobs of the pool. Its statement must read no other table of jobs."""
    statement = _then(query.statement, pool.form)
    parameters = {**query.parameters, **pool.parameters}
    return Query(statement, make or query.make, parameters, may_sort=pool.may_sort, may_compile=False)


def past_maker(make: RowMaker[Job]) -> RowMaker[Job | PastJob]:
    """Return a function for rows of PAST_COLUMNS. Only jobs with unrecorded values are PastJobs."""

    def made(row: Row) -> Job | PastJob:
        job = make(row[:-1])
        return marked(job, unrecorded.split(",")) if (unrecorded := row[-1]) else job

    return made


def marked(job: GenerationJob, unrecorded: Sequence[str]) -> PastJob:
    values = {field.name: getattr(job, field.name) for field in fields(job)}
    return PastJob(**values, unrecorded=tuple(unrecorded))


@cache
def _count_newest(of_project: bool) -> Any:
    scope = f"created_at <= :moment{' and project_id = :pool_project' if of_project else ''}"
    newest = f"select from public.generation_jobs where {scope} order by created_at desc, id desc limit :pool_rows"
    return sa.text(f"select count(*) from ({newest}) newest").bindparams(_MOMENT)  # noqa: S608 - of constants


def count_newest(pool: Pool) -> Query[int]:
    """Return a query that counts current jobs created before the moment, up to the pool's limit."""
    return Query(_count_newest(pool.project_id is not None), make_number, pool.newest, may_sort=pool.may_sort)


def range_statement(*, most_changes: int = MOST_CHANGES) -> Any:
    sql = _sql("event_range", slack=SLACK.total_seconds(), most_changes=most_changes)
    return sa.text(sql).bindparams(_MOMENT)


_RANGE = range_statement()


def event_range(moment: datetime) -> Query[EventRange]:
    """Return a query that finds the moment's place among the transactions by bisection, because no index has times.

    It must run as the operator, who sees all events.
    """
    return Query(_RANGE, row_maker(EventRange), {"moment": moment})


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Events after the moment that share their former status, new status, former project and new project."""

    former_project_id: UUID | None
    """The project before the change. None if the job then belonged to a user whose jobs the actor may not see."""
    project_id: UUID
    from_status: AnyStatus | None
    """None if the job did not exist for the actor."""
    to_status: AnyStatus | None
    events: int
    former_cents: int
    later_cents: int


_CHANGES = sa.text(f"""
select e.former_project_id, e.project_id,
       case when e.former_project_id is not null or e.project_id is null then e.from_status end, e.to_status, count(*),
       coalesce(sum(case when e.to_status is null then e.cost_cents else e.cost_cents - e.cents_change end), 0)::bigint,
       coalesce(sum(e.cost_cents), 0)::bigint
  from gjobs.job_events e
 where {_IN_RANGE} and e.at > :moment and coalesce(e.from_status, e.to_status) is not null
 group by 1, 2, 3, 4
""").bindparams(_MOMENT)  # noqa: S608 - of constants


_make_change = row_maker(
    Change, from_status=status_or_none, to_status=status_or_none, former_cents=int, later_cents=int
)


def changes(moment: datetime, events: EventRange) -> Query[Change]:
    """Return a query for what changed after the moment."""
    return Query(_CHANGES, _make_change, {"moment": moment, "first_transaction": str(events.first)})


@cache
def _neighbor(*, is_later: bool, of_project: bool) -> Any:
    compared = (
        "e.transaction_id >= cast(cast(:bound as text) as xid8) and e.at > :moment"
        if is_later
        else "e.transaction_id < cast(cast(:bound as text) as xid8) and e.at < :moment"
    )
    order = "" if is_later else " desc"
    scope = "and e.project_id = :project_id" if of_project else ""
    return sa.text(f"""
select {"min" if is_later else "max"}(e.at) from (
    select e.at from gjobs.job_events e
     where {compared} and coalesce(e.from_status, e.to_status) is not null {scope}
     order by e.transaction_id{order}, e.id{order} limit {FEW_CHANGES}
) e
""").bindparams(_MOMENT)  # noqa: S608 - of constants


def neighbor(
    moment: datetime, events: EventRange, project_id: UUID | None, *, is_later: bool
) -> Query[datetime | None]:
    """Return a query for the time of the event before or after the moment. None if there is none."""
    bound = str(events.first if is_later else events.last)
    parameters = {"moment": moment, "bound": bound, **_of_project("project_id", project_id)}
    statement = _neighbor(is_later=is_later, of_project=project_id is not None)
    return Query(statement, first_column, parameters)
