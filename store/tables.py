"""The columns of tables and views, for statements. Keys, indexes and defaults are in the migrations only."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, get_args, get_type_hints
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.sql.selectable import NamedFromClause
from sqlalchemy.types import TypeEngine

from gjobs.store.capabilities.capability import LATER_COLUMNS
from gjobs.store.jobs.job import FINAL_STATUSES, GenerationJob, JobStatus, sql_literals
from gjobs.store.jobs.job_results import JobEvent
from gjobs.store.values.formats import column_names

_metadata = sa.MetaData()

NamedTable = NamedFromClause[ReadOnlyColumnCollection[str, sa.Column[Any]]]
"""A table or an alias of one."""

users = sa.Table(
    "users",
    _metadata,
    sa.Column("id", sa.Uuid),
    sa.Column("email", sa.Text),
    sa.Column("created_at", sa.DateTime(timezone=True)),
    schema="auth",
)

projects = sa.Table(
    "projects",
    _metadata,
    sa.Column("id", sa.Uuid),
    sa.Column("user_id", sa.Uuid),
    sa.Column("name", sa.Text),
    sa.Column("created_at", sa.DateTime(timezone=True)),
    sa.Column("updated_at", sa.DateTime(timezone=True)),
    schema="public",
)

assets = sa.Table(
    "assets",
    _metadata,
    sa.Column("id", sa.Uuid),
    sa.Column("user_id", sa.Uuid),
    sa.Column("project_id", sa.Uuid),
    sa.Column("kind", sa.Text),
    sa.Column("mode", sa.Text),
    sa.Column("source_asset_id", sa.Uuid),
    sa.Column("prompt_version", sa.Text),
    sa.Column("prompt_payload", JSONB),
    sa.Column("width", sa.Integer),
    sa.Column("height", sa.Integer),
    sa.Column("mime_type", sa.Text),
    sa.Column("storage_path", sa.Text),
    sa.Column("created_at", sa.DateTime(timezone=True)),
    sa.Column("updated_at", sa.DateTime(timezone=True)),
    schema="public",
)

_SQL_TYPES: Mapping[type, TypeEngine[Any]] = {
    UUID: sa.Uuid(),
    str: sa.Text(),
    int: sa.Integer(),
    datetime: sa.DateTime(timezone=True),
}
"""By the type of a field, or by its first type if it has several."""


def _columns_of(kind: type, *big: str) -> Iterator[sa.Column[Any]]:
    """Yield a column for each field. `big` names the fields with large numbers."""
    hints = get_type_hints(kind)
    for name in column_names(kind):
        kinds = get_args(hints[name]) or (hints[name],)
        [sql_type] = [sql for python, sql in _SQL_TYPES.items() if issubclass(kinds[0], python)]
        yield sa.Column(name, sa.BigInteger() if name in big else sql_type)


generation_jobs = sa.Table("generation_jobs", _metadata, *_columns_of(GenerationJob), schema="public")
"""The app's table, which jobs are written to."""
jobs = sa.Table("$jobs", _metadata, *_columns_of(GenerationJob)).alias("jobs")
"""The relation that jobs are read from. SQL texts call it `"$jobs"`. See `Relation`."""
NOW: sa.ColumnElement[datetime] = sa.literal_column('"$now"', sa.DateTime(timezone=True))
"""The time at which the relation shows jobs."""

total = sa.literal_column(
    f"(CASE WHEN status IN ({sql_literals(FINAL_STATUSES)})"
    " AND least(created_at, updated_at) > to_timestamp(-62135596800)"
    " AND greatest(created_at, updated_at) < to_timestamp(253402300799)"
    " THEN updated_at - created_at END)",
    sa.Interval,
)
"""The time from creation to the end of a finished job. Null for other jobs, and for times outside Python's range.

Within that range no subtraction fails, so an index on the expression never makes a write fail. The SQL must equal the
expression of the index gjobs_total exactly; otherwise Postgres does not use it.
"""
time_so_far = sa.literal_column(
    f"(CASE WHEN status = '{JobStatus.RUNNING}'"
    " AND created_at > to_timestamp(-62135596800) AND created_at < to_timestamp(253402300799)"
    ' THEN "$now" - created_at END)',
    sa.Interval,
)
"""The time since the creation of a running job. Null for other jobs, as above."""


def _summary(name: str, schema: str) -> sa.TableClause:
    return sa.table(
        name,
        sa.column("user_id", sa.Uuid),
        sa.column("project_id", sa.Uuid),
        sa.column("status", sa.Text),
        sa.column("job_count", sa.BigInteger),
        sa.column("total_cost_cents", sa.BigInteger),
        sa.column("avg_cost_cents", sa.Numeric),
        sa.column("first_job_at", sa.DateTime(timezone=True)),
        sa.column("last_job_at", sa.DateTime(timezone=True)),
        schema=schema,
    )


generation_job_summary = _summary("generation_job_summary", "public")
"""The app's view of jobs by user, project and status."""

job_summary = _summary("job_summary", "gjobs")
"""The same, from the rollups."""

job_counts = sa.table(
    "job_counts",
    sa.column("user_id", sa.Uuid),
    sa.column("project_id", sa.Uuid),
    sa.column("status", sa.Text),
    sa.column("mode", sa.Text),
    sa.column("job_count", sa.BigInteger),
    sa.column("cost_cents", sa.BigInteger),
    schema="gjobs",
)
job_day_counts = sa.table(
    "job_day_counts",
    sa.column("user_id", sa.Uuid),
    sa.column("project_id", sa.Uuid),
    sa.column("day", sa.Date),
    sa.column("job_count", sa.BigInteger),
    sa.column("cost_cents", sa.BigInteger),
    schema="gjobs",
)
"""The views on the rollups of a managed database. Their rows are exact only when added up."""

job_events = sa.table(
    "job_events",
    sa.column("transaction_id"),
    sa.column("job_id", sa.Uuid),
    *_columns_of(JobEvent, "id", "cost_cents", "cents_change"),
    schema="gjobs",
)
"""The view of job events, in the order of transaction and id."""

log_start = sa.table(
    "log_start", sa.column("begins_at", sa.DateTime(timezone=True)), sa.column("removed_to"), schema="gjobs"
)
"""How far back the log reaches. One row."""

visible_leases = sa.table(
    "visible_leases",
    sa.column("job_id", sa.Uuid),
    sa.column("owner", sa.Uuid),
    sa.column("expires_at", sa.DateTime(timezone=True)),
    schema="gjobs",
)

visible_archive = sa.table(
    "visible_archive",
    *(sa.column(one.name, one.type) for one in generation_jobs.c if one.name not in LATER_COLUMNS),
    sa.column("further", JSONB),
    sa.column("archived_at", sa.DateTime(timezone=True)),
    schema="gjobs",
)


def _retention(name: str) -> sa.TableClause:
    return sa.table(
        name,
        sa.column("id", sa.Uuid),
        sa.column("project_id", sa.Uuid),
        sa.column("statuses", sa.ARRAY(sa.Text)),
        sa.column("older_than", sa.Interval),
        sa.column("action", sa.Text),
        sa.column("created_at", sa.DateTime(timezone=True)),
        sa.column("applied_at", sa.DateTime(timezone=True)),
        schema="gjobs",
    )


retention_policies = _retention("retention_policies")
"""The table, which only the operator writes."""
visible_retention = _retention("visible_retention")
"""The policies that the reader may see."""


def summed(source: sa.FromClause, *key: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """Return a statement for the number and the total cost of jobs by key. It reads jobs or rollups. It leaves out keys
    whose rollups add up to no jobs.
    """
    total_cents = sa.cast(sa.func.coalesce(sa.func.sum(source.c.cost_cents), 0), sa.BigInteger)
    cost = total_cents.label("total_cost_cents")
    if source is jobs:
        return sa.select(*key, sa.func.count().label("job_count"), cost).group_by(*key)
    number = sa.func.sum(source.c.job_count)
    return sa.select(*key, sa.cast(number, sa.BigInteger).label("job_count"), cost).group_by(*key).having(number != 0)
