"""The statements that measure how long jobs waited and ran."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, BindParameter, DateTime, Integer, Interval, TextClause, Uuid, bindparam, text

from store.database import Query
from store.monitoring.model import MOST_JOBS, MOST_MODES, Monitoring, Spread, Work
from store.statements.rows import Row

_STARTED = {
    True: "(SELECT s.started_at FROM gjobs.job_starts s WHERE s.job_id = j.id)",
    False: "CAST(NULL AS timestamptz)",
}
_ENDED = {True: "coalesce(j.completed_at, j.updated_at)", False: "j.updated_at"}
"""By whether the database records when jobs start and end."""


def _seconds(since: str, until: str) -> str:
    """Never below zero; null where a time is infinite, for the difference of infinities is an error."""
    return (
        f"CASE WHEN isfinite({since}) AND isfinite({until}) THEN greatest(extract(epoch FROM {until} - {since}), 0) END"
    )


def _statement(*, of_project: bool, is_recorded: bool) -> TextClause:
    within = "AND j.project_id = :project_id" if of_project else ""
    # Both ways to say which jobs have ended recently: the first is what the index has.
    sql = f"""
WITH moment AS (SELECT coalesce(:at, now()) AS at),
ended AS (
    SELECT j.mode, j.status, j.created_at, {_STARTED[is_recorded]} AS started_at, {_ENDED[is_recorded]} AS ended_at
      FROM public.generation_jobs j, moment
     WHERE j.status IN ('succeeded', 'failed') AND j.updated_at >= moment.at - :window
       AND {_ENDED[is_recorded]} BETWEEN moment.at - :window AND moment.at {within}
     ORDER BY j.updated_at DESC, j.id DESC LIMIT :most
),
timed AS (
    SELECT mode, status, {_seconds("created_at", "started_at")} AS waiting,
           {_seconds("started_at", "ended_at")} AS running, {_seconds("created_at", "ended_at")} AS total
      FROM ended
),
finished AS (
    SELECT grouping(mode) = 1 AS is_all, coalesce(mode, '') AS mode,
           count(*) FILTER (WHERE status = 'succeeded') AS succeeded,
           count(*) FILTER (WHERE status = 'failed') AS failed,
           percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY waiting) AS waiting,
           percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY running) AS running,
           percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY total) AS total
      FROM timed GROUP BY GROUPING SETS ((mode), ())
),
oldest AS (
    SELECT j.mode, j.created_at FROM public.generation_jobs j WHERE j.status = 'queued' {within}
     ORDER BY j.created_at, j.id LIMIT :most
),
queued AS (
    SELECT grouping(mode) = 1 AS is_all, coalesce(mode, '') AS mode, count(*) AS queued,
           min(created_at) AS oldest_queued_at
      FROM oldest GROUP BY GROUPING SETS ((mode), ())
)
SELECT moment.at, is_all, mode, coalesce(succeeded, 0), coalesce(failed, 0), waiting, running, total,
       coalesce(queued, 0), oldest_queued_at
  FROM moment, finished FULL JOIN queued USING (is_all, mode)
 ORDER BY is_all DESC, coalesce(succeeded, 0) + coalesce(failed, 0) + coalesce(queued, 0) DESC, mode LIMIT :modes
"""  # noqa: S608 - of constants
    parameters: list[BindParameter[Any]] = [
        bindparam("at", type_=DateTime(timezone=True)),
        bindparam("window", type_=Interval()),
        bindparam("most", type_=Integer),
        bindparam("modes", type_=BigInteger),
    ]
    if of_project:
        parameters.append(bindparam("project_id", type_=Uuid))
    return text(sql).bindparams(*parameters)


_STATEMENTS = {
    (of_project, is_recorded): _statement(of_project=of_project, is_recorded=is_recorded)
    for of_project in (False, True)
    for is_recorded in (False, True)
}

Measured = tuple[datetime, Work]


def _make(row: Row) -> Measured:
    at, is_all, mode, succeeded, failed, waiting, running, total, queued, oldest = row
    work = Work(
        mode=None if is_all else mode,
        succeeded=succeeded,
        failed=failed,
        waiting=_spread(waiting),
        running=_spread(running),
        total=_spread(total),
        queued=queued,
        oldest_queued_at=oldest,
    )
    return at, work


def _spread(percentiles: list[Any] | None) -> Spread | None:
    if percentiles is None or percentiles[0] is None:
        return None
    median, percentile_95 = map(float, percentiles)
    return Spread(median=median, percentile_95=percentile_95)


def work(project_id: UUID | None, *, window: timedelta, at: datetime | None, is_recorded: bool) -> Query[Measured]:
    """All modes together first, then the busiest. `at` is the window's end; None: the server's clock."""
    parameters: dict[str, object] = {"at": at, "window": window, "most": MOST_JOBS + 1, "modes": MOST_MODES + 1}
    if project_id is not None:
        parameters["project_id"] = project_id
    return Query(_STATEMENTS[project_id is not None, is_recorded], _make, parameters)


def monitoring(rows: list[Measured], *, window: timedelta) -> Monitoring:
    (at, of_all), *by_mode = rows
    return Monitoring(
        of_all=of_all,
        by_mode=tuple(work for _, work in by_mode),
        window=window,
        taken_at=at,
        is_capped=max(of_all.finished, of_all.queued) > MOST_JOBS,
    )
