"""SQL that reads, creates, changes, deletes and retries jobs, and SQL on their events and on stuck jobs."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from functools import cache, cached_property, partial
from operator import itemgetter
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, insert

from gjobs.store import tables
from gjobs.store.capabilities.capabilities import Capabilities
from gjobs.store.capabilities.capability import LATER_COLUMNS, Capability
from gjobs.store.database.query import MOMENT, Query, Row, first_column, row_maker, typed_text
from gjobs.store.jobs.job import (
    ERROR_CHARACTERS,
    FINAL_STATUSES,
    STUCK_AFTER,
    TRACEBACK,
    AnyStatus,
    GenerationJob,
    JobStatus,
    ListedJob,
    cut_error,
    parse_status,
    sql_literals,
    status_or_none,
)
from gjobs.store.jobs.job_results import (
    AT_LEAST,
    COMPARED_JOBS,
    FEWEST,
    TIMES_USUAL,
    EventKind,
    JobEvent,
    LeaseState,
    StuckVerdict,
)
from gjobs.store.users.actor import Actor
from gjobs.store.values.formats import IdRange, column_names, known_or_text

JobColumns = tuple[sa.Column[Any] | sa.Label[Any], ...]

_FIRST_START = "(SELECT started_at FROM gjobs.job_starts WHERE job_id = {0}.id)"
_LAST_END = f"""CASE WHEN {{0}}.status IN ({sql_literals(FINAL_STATUSES)}) THEN (
    SELECT coalesce(max(e.at) FILTER (WHERE e.kind = 'status'), min(e.at) FILTER (WHERE e.kind = 'created'))
      FROM gjobs.job_events e WHERE e.job_id = {{0}}.id AND e.to_status = {{0}}.status) END"""  # noqa: S608 - of constants
"""A job that was deleted and restored is created twice."""


def _column_sets(jobs: tables.NamedTable) -> Mapping[str, JobColumns]:
    """Return all that a database may have, in the order in which `make_job` reads them. The names are kept in files."""
    every = tuple(jobs.c[name] for name in column_names(GenerationJob))
    of_app = tuple(column for column in every if column.name not in LATER_COLUMNS)
    started_at, completed_at = (
        sa.literal_column(sql.format(jobs.name), sa.DateTime(timezone=True)).label(name)
        for sql, name in ((_FIRST_START, "started_at"), (_LAST_END, "completed_at"))
    )
    return {
        "app": of_app,
        "all": every,
        "start": (*every, started_at),
        # For a table without the columns of `gjobs migrate columns`. How often a job was retried is then unknown.
        "times": (*of_app, sa.null().cast(sa.Integer).label("retry_count"), completed_at, started_at),
    }


COLUMN_SETS = _column_sets(tables.jobs)
APP_COLUMNS, ALL_COLUMNS, COLUMNS_WITH_START, COLUMNS_WITH_TIMES = COLUMN_SETS.values()
"""The first two have only columns of the table."""
_RETURNED = dict(zip(COLUMN_SETS.values(), _column_sets(tables.generation_jobs).values(), strict=True))
"""The same columns of the table that is written to."""
LOOK_UPS: Mapping[JobColumns, str] = {
    COLUMNS_WITH_START: _FIRST_START.format("found"),
    COLUMNS_WITH_TIMES: f"NULL::integer, {_LAST_END.format('found')}, {_FIRST_START.format('found')}",
}
"""What the events record of a row, for `Query.look_up`. They record it together with the status, so an unchanged row
has unchanged values.
"""


def readable_columns(capabilities: Capabilities, actor: Actor) -> JobColumns:
    has_columns = capabilities.has_later_columns(actor)
    if capabilities.missing(Capability.MIGRATED, actor):
        return ALL_COLUMNS if has_columns else APP_COLUMNS
    return COLUMNS_WITH_START if has_columns else COLUMNS_WITH_TIMES


def of_table(columns: JobColumns) -> tuple[sa.Column[Any], ...]:
    """Return those that the table has."""
    return tuple(column for column in columns if isinstance(column, sa.Column))


def _draft_of(kind: type) -> Any:
    """Return a writable subclass of `kind`. To finish a value, set its class to `kind`.

    A frozen dataclass writes each field with a call, which takes six times as long.
    """
    writable = {"__slots__": (), "__init__": object.__init__}
    return type(f"{kind.__name__}Draft", (kind,), writable | {name: getattr(object, name) for name in _WRITING})


_WRITING = ("__setattr__", "__delattr__")
"""Both must be replaced, because the interpreter keeps them in one slot."""

_JobDraft, _ListedDraft = _draft_of(GenerationJob), _draft_of(ListedJob)


_ABSENT = (None,) * len(COLUMNS_WITH_START)
"""The values of the last columns, which a row may lack."""


def make_job(row: Row) -> GenerationJob:
    draft = _JobDraft()
    _fill(draft, row)
    draft.__class__ = GenerationJob
    job: GenerationJob = draft
    return job


def make_listed(row: Row) -> ListedJob:
    """Build a listed job. `row` has the error as `listed_error` reads it."""
    draft = _ListedDraft()
    _fill(draft, row)
    draft.is_error_cut = draft.error is not None and len(draft.error) > ERROR_CHARACTERS
    if draft.is_error_cut:
        draft.error = cut_error(draft.error)
    draft.__class__ = ListedJob
    job: ListedJob = draft
    return job


def listed_error(error: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Return the beginning of an error, or the first line and the end of a long traceback.

    One character more than the list keeps shows that the error is longer.
    """
    is_long = sa.func.starts_with(error, TRACEBACK) & (sa.func.length(error) > ERROR_CHARACTERS)
    ends = sa.literal(TRACEBACK) + sa.func.right(error, ERROR_CHARACTERS + 1 - len(TRACEBACK))
    return sa.case((is_long, ends), else_=sa.func.left(error, ERROR_CHARACTERS + 1)).label("error")


def _fill(draft: Any, row: Row) -> None:
    row = (*row, *_ABSENT[len(row) :])
    (
        draft.id,
        draft.user_id,
        draft.project_id,
        status,
        draft.mode,
        draft.input_asset_id,
        draft.error,
        draft.cost_cents,
        draft.created_at,
        draft.updated_at,
        draft.retry_count,
        draft.completed_at,
        draft.started_at,
    ) = row
    draft.status = parse_status(status)


_jobs, _written = tables.jobs, tables.generation_jobs

_ID = sa.bindparam("id", type_=sa.Uuid)
_IDS = sa.bindparam("ids", type_=sa.ARRAY(sa.Uuid))
_NEW_IDS = sa.bindparam("new_ids", type_=sa.ARRAY(sa.Uuid))

Rewritten = tuple[GenerationJob, GenerationJob]
"""A job before and after a change."""

_PRESENT = sa.select(_jobs.c.id, _jobs.c.status).where(_jobs.c.id == sa.any_(_IDS))
_EXPECTED = (
    sa.func.unnest(_IDS, sa.bindparam("expected", type_=sa.ARRAY(sa.Text)))
    .table_valued("id", "status", name="expected")
    .render_derived()
)


def statuses(job_ids: Collection[UUID]) -> Query[tuple[UUID, AnyStatus]]:
    """Return a query for the ids and statuses of the jobs that exist."""
    return Query(_PRESENT, lambda row: (row[0], parse_status(row[1])), {"ids": list(job_ids)})


@cache
def _these(columns: JobColumns) -> sa.Select[Any]:
    return sa.select(*columns).where(_jobs.c.id == sa.any_(_IDS))


def these(columns: JobColumns, job_ids: Collection[UUID]) -> Query[GenerationJob]:
    """Return a query for those of the jobs that exist, in any order."""
    return Query(_these(columns), make_job, {"ids": list(job_ids)})


class JobStatements:
    """Statements on whole jobs, for a table with these columns."""

    def __init__(self, columns: JobColumns) -> None:
        self._columns = columns
        self.has_starts = columns in LOOK_UPS
        is_in_range = _jobs.c.id.between(sa.bindparam("low", type_=sa.Uuid), sa.bindparam("high", type_=sa.Uuid))
        self._in_range = (
            sa.select(*columns).where(is_in_range).order_by(_jobs.c.id).limit(sa.bindparam("rows", type_=sa.Integer))
        )
        self._returned = _RETURNED[columns]
        self._of_table = of_table(self._returned)
        self._transition = _rewrite(
            self._returned,
            {
                "status": sa.bindparam("new_status", type_=sa.Text),
                "error": sa.func.coalesce(sa.bindparam("new_error", type_=sa.Text), _written.c.error),
            },
            _written.c.id == sa.any_(_IDS),
            _written.c.status == sa.any_(sa.bindparam("sources", type_=sa.ARRAY(sa.Text))),
        )
        is_as_expected = sa.or_(_EXPECTED.c.status.is_(sa.null()), _written.c.status == _EXPECTED.c.status)
        self._remove = (
            sa.delete(_written).where(_written.c.id == _EXPECTED.c.id, is_as_expected).returning(*self._returned)
        )

    def in_range(self, ids: IdRange, *, limit: int) -> Query[GenerationJob]:
        return Query(self._in_range, make_job, {"low": ids.low, "high": ids.high, "rows": limit})

    def these(self, job_ids: Collection[UUID]) -> Query[GenerationJob]:
        """Return a query for those of the jobs that exist, in any order."""
        return these(self._columns, job_ids)

    def create(self, values: Mapping[str, object]) -> Query[GenerationJob]:
        """Return a query that returns no row if the project is hidden or the asset belongs to another project.

        `values` has column names.
        """
        return Query(_create(self._returned, with_asset=values["input_asset_id"] is not None), make_job, values)

    def change(self, job_id: UUID, changes: Mapping[str, object]) -> Query[Rewritten]:
        """Return a query that changes the job. It returns no row if the job is missing, or if the
        asset belongs to another project.

        `changes` has column names.
        """
        with_asset = changes.get("input_asset_id") is not None
        statement = _change(self._returned, tuple(sorted(changes)), with_asset=with_asset)
        return Query(statement, self._make_rewritten, {"id": job_id, **changes})

    def transition(self, job_ids: Collection[UUID], new_status: JobStatus, error: str | None) -> Query[Rewritten]:
        """Return a query for the changed jobs. It skips jobs that are missing or may not change to the new status."""
        sources = [source.value for source in new_status.sources]
        values = {"ids": list(job_ids), "new_status": new_status.value, "new_error": error, "sources": sources}
        return Query(self._transition, self._make_rewritten, values)

    def _make_rewritten(self, row: Row) -> Rewritten:
        width = len(self._columns)
        return make_job(row[:width]), make_job(row[width:])

    def remove(self, expected: Mapping[UUID, AnyStatus | None]) -> Query[GenerationJob]:
        """Return a query for the deleted jobs: those in their expected status. None accepts any status."""
        statuses = [None if status is None else status.value for status in expected.values()]
        return Query(self._remove, make_job, {"ids": list(expected), "expected": statuses})

    def restore(self, deleted: Collection[GenerationJob]) -> Query[GenerationJob]:
        """Return a query for the restored jobs, with all their values. It skips jobs whose id is taken."""
        values = {column.name: [_sent(getattr(job, column.name)) for job in deleted] for column in self._of_table}
        return Query(self._restore, make_job, values)

    @cached_property
    def _restore(self) -> sa.Insert:
        names = [column.name for column in self._of_table]
        restored = (
            sa.func.unnest(*(sa.bindparam(column.name, type_=sa.ARRAY(column.type)) for column in self._of_table))
            .table_valued(*names, name="restored")
            .render_derived()
        )
        return (
            insert(_written)
            .from_select(names, sa.select(*(restored.c[name] for name in names)), include_defaults=False)
            .on_conflict_do_nothing(index_elements=[_written.c.id])
            .returning(*self._returned)
        )

    def repeat(self, new_ids: Mapping[UUID, UUID]) -> Query[GenerationJob]:
        """Return a query for the new jobs. `new_ids` maps each locked failed job to the id of its retry."""
        return Query(self._repeat, make_job, {"ids": list(new_ids), "new_ids": list(new_ids.values())})

    @cached_property
    def _repeat(self) -> sa.Insert:
        asked = sa.func.unnest(_IDS, _NEW_IDS).table_valued("id", "new_id", name="asked").render_derived()
        copied = ("user_id", "project_id", "mode", "input_asset_id", "cost_cents")
        values: dict[str, sa.ColumnElement[Any]] = {name: _written.c[name] for name in copied}
        values |= {"id": asked.c.new_id, "status": sa.literal(JobStatus.QUEUED.value)}
        if _written.c.retry_count in self._of_table:
            values["retry_count"] = sa.func.coalesce(_written.c.retry_count, 0) + 1
        is_failed = (_written.c.id == asked.c.id, _written.c.status == JobStatus.FAILED.value)
        failed = sa.select(*values.values()).where(*is_failed)
        return insert(_written).from_select(list(values), failed, include_defaults=False).returning(*self._returned)


job_statements = cache(JobStatements)

_ASSET_ID = sa.bindparam("input_asset_id", type_=sa.Uuid)


@cache
def _create(columns: JobColumns, *, with_asset: bool) -> sa.Insert:
    """Without an asset, the statement does not read assets: the table or the privilege may be missing."""
    of_project = sa.select(
        tables.projects.c.user_id,  # The project's owner owns the job.
        tables.projects.c.id,
        sa.literal(JobStatus.QUEUED.value),
        sa.bindparam("mode", type_=sa.Text),
        sa.bindparam("cost_cents", type_=sa.Integer),
        _ASSET_ID,
    ).where(tables.projects.c.id == sa.bindparam("project_id", type_=sa.Uuid))
    if with_asset:
        is_the_projects = (tables.assets.c.id == _ASSET_ID, tables.assets.c.project_id == tables.projects.c.id)
        of_project = of_project.where(sa.exists().where(*is_the_projects))
    names = ["user_id", "project_id", "status", "mode", "cost_cents", "input_asset_id"]
    return insert(_written).from_select(names, of_project, include_defaults=False).returning(*columns)


@cache
def _change(columns: JobColumns, names: tuple[str, ...], *, with_asset: bool) -> sa.Update:
    values = {name: sa.bindparam(name, type_=_written.c[name].type) for name in names}
    guards: list[sa.ColumnElement[bool]] = [_written.c.id == _ID]
    if with_asset:
        asset_id = values["input_asset_id"]
        guards.append(
            sa.exists().where(tables.assets.c.id == asset_id, tables.assets.c.project_id == _written.c.project_id)
        )
    return _rewrite(columns, values, *guards)


def _rewrite(
    columns: JobColumns, values: Mapping[str, sa.ColumnElement[Any]], *guards: sa.ColumnElement[bool]
) -> sa.Update:
    """Return a statement that locks the matching jobs in id order and changes them.

    The guards apply to the lock and again to the change. A job that changed in between fails them.
    """
    locked = (
        sa.select(*columns).where(*guards).order_by(_written.c.id).with_for_update(key_share=True).subquery("locked")
    )
    statement = sa.update(_written).values(values).where(_written.c.id == locked.c.id, *guards)
    return statement.returning(*locked.c, *columns)


def _sent(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, str) else value


def lock(job_ids: Collection[UUID]) -> Query[UUID]:
    """Return a query for the failed jobs. If two callers retry a job at once, the second waits and then
    sees the retry.
    """
    sql = """
SELECT id FROM public.generation_jobs
 WHERE id = ANY(:ids) AND status = 'failed' ORDER BY id FOR NO KEY UPDATE
"""
    return Query(typed_text(sql), first_column, {"ids": list(job_ids)})


def insert_links(new_ids: Mapping[UUID, UUID]) -> Query[UUID]:
    sql = "SELECT linked.job_id FROM gjobs.link_retries(:new_ids, :ids) AS linked (job_id)"
    return Query(typed_text(sql), first_column, {"ids": list(new_ids), "new_ids": list(new_ids.values())})


def retries_of(job_ids: Collection[UUID]) -> Query[tuple[UUID, UUID]]:
    """Return a query for the existing retries of these jobs, oldest first. A row has the ids of a job and its retry.

    A retry must belong to the user of its job: earlier builds let users link to other users' jobs.
    """
    sql = """
SELECT link.repeats, link.job_id
  FROM gjobs.visible_links link
  JOIN "$jobs" job ON job.id = link.job_id
  LEFT JOIN "$jobs" origin ON origin.id = link.repeats
 WHERE link.repeats = ANY(:ids) AND (origin.id IS NULL OR origin.user_id IS NOT DISTINCT FROM job.user_id)
 ORDER BY job.created_at, job.id LIMIT 1000
"""
    return Query(typed_text(sql), itemgetter(0, 1), {"ids": list(job_ids)})


def retried_among(job_ids: Collection[UUID]) -> Query[UUID]:
    """Return a query for the ids of the given jobs that have an existing retry."""
    sql = """
SELECT DISTINCT link.repeats
  FROM gjobs.visible_links link
  JOIN "$jobs" job ON job.id = link.job_id
  JOIN "$jobs" origin ON origin.id = link.repeats AND origin.user_id IS NOT DISTINCT FROM job.user_id
 WHERE link.repeats = ANY(:ids)
"""
    return Query(typed_text(sql), first_column, {"ids": list(job_ids)})


def retried_job(job_id: UUID) -> Query[UUID]:
    sql = "SELECT repeats FROM gjobs.visible_links WHERE job_id = :id"
    return Query(typed_text(sql), first_column, {"id": job_id})


CASCADING_TABLES: Query[str] = Query(
    sa.text("""
SELECT DISTINCT format('%I.%I', namespace.nspname, referring.relname)
  FROM pg_catalog.pg_constraint AS key
  JOIN pg_catalog.pg_class AS referring ON referring.oid = key.conrelid
  JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = referring.relnamespace
 WHERE key.contype = 'f'
   AND key.confrelid = to_regclass('public.generation_jobs')
   AND key.confdeltype IN ('c', 'n', 'd')
 ORDER BY 1
"""),
    first_column,
)
"""Returns the tables with a foreign key that cascades, or sets null or a default."""


make_event = row_maker(
    JobEvent, kind=partial(known_or_text, EventKind), from_status=status_or_none, to_status=status_or_none
)


def events_of(job_id: UUID, *, limit: int, until: datetime | None = None) -> Query[JobEvent]:
    """Return a query for the newest events, newest first. It uses the index on job and id."""
    sql = f"""
SELECT {", ".join(column_names(JobEvent))} FROM gjobs.job_events
 WHERE job_id = :job_id AND (:until IS NULL OR at <= :until) ORDER BY id DESC LIMIT :rows
"""  # noqa: S608 - of constants
    return Query(typed_text(sql), make_event, {"job_id": job_id, "rows": limit, "until": until})


def first_start(job_id: UUID) -> Query[object]:
    """Return a query that returns no row if the job has not run, or ran before starts were recorded."""
    sql = "SELECT started_at FROM gjobs.job_starts WHERE job_id = :job_id"
    return Query(typed_text(sql), first_column, {"job_id": job_id})


LOG_START: Query[datetime] = Query(sa.select(tables.log_start.c.begins_at), first_column)
"""How far back the log reaches."""
SEES_GONE_JOBS: Query[bool] = Query(sa.text("SELECT gjobs.visible_jobs() IN ('all', 'own')"), first_column)
"""Whether the actor sees the events of deleted jobs: all events, or those of their own jobs. Rollups cover the same."""


def _usual_duration_sql(what: str) -> str:
    """Return SQL for a JSON object that maps each mode to `what`. This SQL expression may use the column `usual`.
    The SQL is uncorrelated, so Postgres runs it once per statement.
    """
    return f"""(
    SELECT jsonb_object_agg(learned.mode, {what})
      FROM (
          SELECT latest.mode, percentile_cont(0.95) WITHIN GROUP (
                     ORDER BY extract(epoch FROM latest.completed_at) - extract(epoch FROM latest.started_at)) AS usual
            FROM (
                SELECT ended.mode, ended.completed_at,
                       (SELECT start.started_at FROM gjobs.job_starts start WHERE start.job_id = ended.id) AS started_at
                  FROM "$jobs" ended
                 WHERE ended.status IN ({sql_literals(FINAL_STATUSES)}) AND isfinite(ended.completed_at)
                   AND ended.mode IS NOT NULL
                 ORDER BY ended.updated_at DESC, ended.id DESC LIMIT {COMPARED_JOBS}
            ) latest
           WHERE isfinite(latest.started_at)
           GROUP BY latest.mode HAVING count(*) >= {FEWEST}
      ) learned
)"""  # noqa: S608 - of constants


_SECONDS = sa.literal_column(_usual_duration_sql(f"greatest({AT_LEAST.total_seconds()}, {TIMES_USUAL} * usual)"), JSONB)


_NOW: sa.ColumnElement[datetime] = sa.func.now()
_AT_LEAST = sa.literal_column(f"interval '{AT_LEAST.total_seconds():.0f} s'", sa.Interval())


def is_stuck(
    limit: sa.ColumnElement[timedelta], *, knows_usual_durations: bool, now: sa.ColumnElement[datetime] = _NOW
) -> sa.ColumnElement[bool]:
    """Return whether a job is stuck. `limit` applies to modes without a learned duration, and to all modes if usual
    durations are unknown. A job with a live lease is not stuck.
    """

    def is_untouched(after: sa.ColumnElement[timedelta]) -> sa.ColumnElement[bool]:
        return _jobs.c.updated_at < now - after

    is_running = _jobs.c.status == JobStatus.RUNNING.value
    if not knows_usual_durations:
        return sa.and_(is_running, is_untouched(limit))
    seconds: sa.ColumnElement[Any] = sa.cast(_SECONDS.op("->>", return_type=sa.Text())(_jobs.c.mode), sa.Double)
    after = sa.func.coalesce(sa.func.make_interval(0, 0, 0, 0, 0, 0, seconds), limit)
    is_leased = sa.exists().where(
        tables.visible_leases.c.job_id == _jobs.c.id, tables.visible_leases.c.expires_at > now
    )
    # Only jobs that may be stuck make Postgres compute the usual durations.
    return sa.and_(is_running, is_untouched(_AT_LEAST), is_untouched(after), sa.not_(is_leased))


@cache
def _stuck_among(knows_usual_durations: bool) -> sa.Select[Any]:
    among = _jobs.c.id == sa.any_(sa.bindparam("ids", type_=sa.ARRAY(sa.Uuid)))
    limit = sa.bindparam("limit", type_=sa.Interval())
    return sa.select(_jobs.c.id).where(among, is_stuck(limit, knows_usual_durations=knows_usual_durations, now=MOMENT))


def stuck_among(job_ids: Collection[UUID], *, at: datetime | None, knows_usual_durations: bool) -> Query[UUID]:
    """Return a query for the ids of the given jobs that are stuck."""
    parameters: dict[str, object] = {"ids": list(job_ids), "at": at, "limit": STUCK_AFTER}
    return Query(_stuck_among(knows_usual_durations), first_column, parameters)


def verdict(job_id: UUID, *, at: datetime | None, from_usual_duration: bool) -> Query[StuckVerdict]:
    """Return a query for the stuck verdict. It returns no row if the job is not running."""
    judged, lease = "NULL, NULL, NULL", ""
    if from_usual_duration:
        usual = f"({_usual_duration_sql('usual')} ->> job.mode)::float8"
        judged = f"{usual}, lease.job_id IS NOT NULL, lease.expires_at > coalesce(:at, now())"
        lease = "LEFT JOIN gjobs.visible_leases lease ON lease.job_id = job.id"
    sql = f"""
SELECT extract(epoch FROM coalesce(:at, now()) - job.updated_at)::float8, {judged}
  FROM "$jobs" job {lease}
 WHERE job.id = :id AND job.status = 'running' AND isfinite(job.updated_at)
"""  # noqa: S608 - of constants
    return Query(typed_text(sql), _make_verdict, {"id": job_id, "at": at})


_LEASES = {
    (None, None): LeaseState.UNKNOWN,
    (False, None): LeaseState.NONE,
    (True, False): LeaseState.EXPIRED,
    (True, True): LeaseState.LIVE,
}
"""The keys are whether a lease exists, and whether it is live."""


def _make_verdict(row: Row) -> StuckVerdict:
    untouched, usual, has_lease, is_live = row
    return StuckVerdict(
        untouched=timedelta(seconds=untouched),
        after=STUCK_AFTER if usual is None else max(AT_LEAST, TIMES_USUAL * timedelta(seconds=usual)),
        usual=None if usual is None else timedelta(seconds=usual),
        lease=_LEASES[has_lease, is_live],
    )
