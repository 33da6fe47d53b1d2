"""SQL that reads jobs as they were, and what changed since."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
from psycopg.errors import InvalidParameterValue

from gjobs.store.database.query import (
    JobRelation,
    Query,
    Row,
    RowMaker,
    first_column,
    make_number,
    row_maker,
    typed_text,
)
from gjobs.store.jobs.job import AnyStatus, GenerationJob, ListedJob, status_or_none
from gjobs.store.jobs.job_results import FEW_CHANGES, MOST_CHANGES, LaterEvents, PastJob
from gjobs.store.jobs.job_sql import ALL_COLUMNS, JobColumns

Job = TypeVar("Job", GenerationJob, ListedJob)

_THEN = JobRelation(
    jobs="jobs_then",
    now="%(moment)s::timestamptz",
    first="""jobs_then AS (SELECT * FROM gjobs.jobs_at(
    %(moment)s::timestamptz, %(pool_project)s::uuid, %(pool_ids)s::uuid[], %(pool_rows)s::integer,
    %(gone_since)s::timestamptz))""",
)
"""The jobs as they were. The parameters are those of a pool."""
BEFORE_LOG = InvalidParameterValue.sqlstate
"""With this code, the function refuses a moment before the log."""
PAST_COLUMNS: JobColumns = (
    *ALL_COLUMNS,
    *(sa.literal_column(f"jobs.{name}").label(name) for name in ("started_at", "unrecorded")),
)
"""The columns of a job as it was. The last one names the fields that were not recorded, separated by commas."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Jobs that existed at a moment: the newest of a project or of all, or those with some ids."""

    moment: datetime
    events: LaterEvents
    project_id: UUID | None = None
    ids: Sequence[UUID] | None = None
    """None for the newest jobs."""
    rows: int = 0
    """How many of the newest jobs."""
    may_sort: bool = True
    """False forbids sorting, where an index returns the newest jobs in order but the planner might sort all."""

    @property
    def parameters(self) -> dict[str, object]:
        by_id = self.ids is not None
        return {
            "moment": self.moment,
            "pool_project": self.project_id,
            "pool_ids": None if self.ids is None else list(self.ids),
            "pool_rows": None if by_id else self.rows,
            "gone_since": None if by_id or self.events.count <= FEW_CHANGES else self.events.searched_since,
        }


def _of_project(name: str, project_id: UUID | None) -> dict[str, object]:
    return {} if project_id is None else {name: project_id}


def as_of(query: Query[Any], pool: Pool, make: RowMaker[Any] | None = None) -> Query[Any]:
    """Return the query on the jobs of the pool. Its statement must read no other table of jobs."""
    return replace(
        query,
        relation=_THEN,
        make=make or query.make,
        parameters={**query.parameters, **pool.parameters},
        may_sort=pool.may_sort,
        may_compile=False,
    )


def past_maker(make: RowMaker[Job]) -> RowMaker[Job | PastJob]:
    """Return a function for rows of PAST_COLUMNS. Only jobs with unrecorded values are PastJobs."""

    def made(row: Row) -> Job | PastJob:
        job = make(row[:-1])
        return marked(job, unrecorded.split(",")) if (unrecorded := row[-1]) else job

    return made


def marked(job: GenerationJob, unrecorded: Sequence[str]) -> PastJob:
    values = {field.name: getattr(job, field.name) for field in fields(job)}
    return PastJob(**values, unrecorded=tuple(unrecorded))


def count_newest(pool: Pool) -> Query[int]:
    """Return a query that counts current jobs created before the moment, up to the pool's limit."""
    scope = "" if pool.project_id is None else "and project_id = :pool_project"
    jobs = f'"$jobs" as jobs where created_at <= :moment {scope}'
    sql = f"select count(*) from (select from {jobs} order by created_at desc, id desc limit :pool_rows) newest"  # noqa: S608
    parameters = {"moment": pool.moment, "pool_rows": pool.rows, **_of_project("pool_project", pool.project_id)}
    return Query(typed_text(sql), make_number, parameters, may_sort=pool.may_sort)


_LATER = sa.text("""
select (select s.begins_at from gjobs.log_start s), later.count, later.gone, now(),
       case when later.count <= :most then :moment else (
           select halved.since
             from (select now() - (now() - :moment) / 2 ^ n from generate_series(1, 60) n) halved (since)
            where (select count(*) from (select from gjobs.job_events e where e.at > halved.since limit :most + 1) e)
                  <= :most
            limit 1
       ) end
  from (
    select count(*), count(*) filter (where kind in ('deleted', 'archived')) as gone
      from (select e.kind from gjobs.job_events e where e.at > :moment limit :most + 1) e
  ) later
""").bindparams(sa.bindparam("moment", type_=sa.DateTime(timezone=True)))


def later_events(moment: datetime) -> Query[LaterEvents]:
    """Return a query that counts the events after the moment. It must run as the operator, who sees all events."""
    return Query(_LATER, row_maker(LaterEvents), {"moment": moment, "most": MOST_CHANGES})


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


_make_change = row_maker(
    Change, from_status=status_or_none, to_status=status_or_none, former_cents=int, later_cents=int
)


def changes(moment: datetime) -> Query[Change]:
    """Return a query for what changed after the moment."""
    sql = """
select e.former_project_id, e.project_id,
       case when e.former_project_id is not null or e.project_id is null then e.from_status end, e.to_status, count(*),
       coalesce(sum(case when e.to_status is null then e.cost_cents else e.cost_cents - e.cents_change end), 0)::bigint,
       coalesce(sum(e.cost_cents), 0)::bigint
  from gjobs.job_events e
 where e.at > :moment and coalesce(e.from_status, e.to_status) is not null
 group by 1, 2, 3, 4
"""
    return Query(typed_text(sql), _make_change, {"moment": moment})


def neighbor(moment: datetime, project_id: UUID | None, *, is_later: bool) -> Query[datetime | None]:
    """Return a query for the time of the event before or after the moment. None if there is none."""
    nearest, beyond, within, sign = ("min", ">", "<=", "+") if is_later else ("max", "<", ">=", "-")
    scope = "" if project_id is None else "and e.project_id = :project_id"
    # A view that is a security barrier is not read in the order of an index, so short ranges are searched first.
    ranges = ",\n".join(
        f"""
(select {nearest}(e.at) from gjobs.job_events e
  where e.at {beyond} :moment and e.at {within} :moment {sign} interval '{length}'
    and coalesce(e.from_status, e.to_status) is not null {scope})
"""  # noqa: S608 - of constants
        for length in ("1 minute", "1 hour", "1 day", "1000 years")
    )
    sql = f"select coalesce({ranges})"
    return Query(typed_text(sql), first_column, {"moment": moment, **_of_project("project_id", project_id)})
