"""The columns of tables and views, for statements. Keys, indexes and defaults are in the migrations only."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, get_args, get_type_hints
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    Date,
    DateTime,
    Integer,
    Interval,
    MetaData,
    Numeric,
    Table,
    TableClause,
    Text,
    Uuid,
    column,
    literal_column,
    table,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

from gjobs.store.jobs.job import FINAL_STATUSES, GenerationJob, JobStatus, sql_literals
from gjobs.store.values.formats import column_names

_metadata = MetaData()

users = Table(
    "users",
    _metadata,
    Column("id", Uuid),
    Column("email", Text),
    Column("created_at", DateTime(timezone=True)),
    schema="auth",
)

projects = Table(
    "projects",
    _metadata,
    Column("id", Uuid),
    Column("user_id", Uuid),
    Column("name", Text),
    Column("created_at", DateTime(timezone=True)),
    Column("updated_at", DateTime(timezone=True)),
    schema="public",
)

assets = Table(
    "assets",
    _metadata,
    Column("id", Uuid),
    Column("user_id", Uuid),
    Column("project_id", Uuid),
    Column("kind", Text),
    Column("mode", Text),
    Column("source_asset_id", Uuid),
    Column("prompt_version", Text),
    Column("prompt_payload", JSONB),
    Column("width", Integer),
    Column("height", Integer),
    Column("mime_type", Text),
    Column("storage_path", Text),
    Column("created_at", DateTime(timezone=True)),
    Column("updated_at", DateTime(timezone=True)),
    schema="public",
)

_SQL_TYPES: Mapping[type, TypeEngine[Any]] = {
    UUID: Uuid(),
    str: Text(),
    int: Integer(),
    datetime: DateTime(timezone=True),
}
"""By the type of a job's field, or by the first type if it may be None."""


def _job_columns() -> Iterator[Column[Any]]:
    hints = get_type_hints(GenerationJob)
    for name in column_names(GenerationJob):
        kinds = get_args(hints[name]) or (hints[name],)
        [sql_type] = [sql for python, sql in _SQL_TYPES.items() if issubclass(kinds[0], python)]
        yield Column(name, sql_type)


generation_jobs = Table("generation_jobs", _metadata, *_job_columns(), schema="public")

total = literal_column(
    f"(CASE WHEN status IN ({sql_literals(FINAL_STATUSES)})"
    " AND least(created_at, updated_at) > to_timestamp(-62135596800)"
    " AND greatest(created_at, updated_at) < to_timestamp(253402300799)"
    " THEN updated_at - created_at END)",
    Interval,
)
"""The time from creation to the end of a finished job. Null for other jobs, and for times outside Python's range.

Within that range no subtraction fails, so an index on the expression never makes a write fail. The SQL must equal the
expression of the index gjobs_total exactly; otherwise Postgres does not use it.
"""
time_so_far = literal_column(
    f"(CASE WHEN status = '{JobStatus.RUNNING}'"
    " AND created_at > to_timestamp(-62135596800) AND created_at < to_timestamp(253402300799)"
    " THEN now() - created_at END)",
    Interval,
)
"""The time since the creation of a running job. Null for other jobs, as above."""


def _summary(name: str, schema: str) -> TableClause:
    return table(
        name,
        column("user_id", Uuid),
        column("project_id", Uuid),
        column("status", Text),
        column("job_count", BigInteger),
        column("total_cost_cents", BigInteger),
        column("avg_cost_cents", Numeric),
        column("first_job_at", DateTime(timezone=True)),
        column("last_job_at", DateTime(timezone=True)),
        schema=schema,
    )


generation_job_summary = _summary("generation_job_summary", "public")
"""The app's view of jobs by user, project and status."""

job_summary = _summary("job_summary", "gjobs")
"""The same, from the rollups."""

job_counts = table(
    "job_counts",
    column("user_id", Uuid),
    column("project_id", Uuid),
    column("status", Text),
    column("mode", Text),
    column("job_count", BigInteger),
    column("cost_cents", BigInteger),
    schema="gjobs",
)
job_day_counts = table(
    "job_day_counts",
    column("user_id", Uuid),
    column("project_id", Uuid),
    column("day", Date),
    column("job_count", BigInteger),
    column("cost_cents", BigInteger),
    schema="gjobs",
)
"""The views on the rollups of a managed database. Their rows are exact only when added up."""

job_events = table(
    "job_events",
    column("id", BigInteger),
    column("transaction_id"),
    column("job_id", Uuid),
    column("project_id", Uuid),
    column("user_id", Uuid),
    column("mode", Text),
    column("kind", Text),
    column("from_status", Text),
    column("to_status", Text),
    column("error", Text),
    column("cost_cents", BigInteger),
    column("cents_change", BigInteger),
    column("retry_count", Integer),
    column("actor_user_id", Uuid),
    column("actor_role", Text),
    column("application", Text),
    column("lease_owner", Text),
    column("note", Text),
    column("at", DateTime(timezone=True)),
    schema="gjobs",
)
"""The view of job events, in the order of transaction and id."""

log_start = table("log_start", column("begins_at", DateTime(timezone=True)), column("removed_to"), schema="gjobs")
"""How far back the log reaches. One row."""

job_starts = table(
    "job_starts",
    column("job_id", Uuid),
    column("started_at", DateTime(timezone=True)),
    schema="gjobs",
)
"""The time when each job first ran."""

visible_leases = table(
    "visible_leases",
    column("job_id", Uuid),
    column("owner", Uuid),
    column("expires_at", DateTime(timezone=True)),
    schema="gjobs",
)

visible_archive = table(
    "visible_archive",
    column("id", Uuid),
    column("user_id", Uuid),
    column("project_id", Uuid),
    column("status", Text),
    column("mode", Text),
    column("input_asset_id", Uuid),
    column("error", Text),
    column("cost_cents", Integer),
    column("created_at", DateTime(timezone=True)),
    column("updated_at", DateTime(timezone=True)),
    column("further", JSONB),
    column("archived_at", DateTime(timezone=True)),
    schema="gjobs",
)


def _retention(name: str) -> TableClause:
    return table(
        name,
        column("id", Uuid),
        column("project_id", Uuid),
        column("statuses", ARRAY(Text)),
        column("older_than", Interval),
        column("action", Text),
        column("created_at", DateTime(timezone=True)),
        column("applied_at", DateTime(timezone=True)),
        schema="gjobs",
    )


retention_policies = _retention("retention_policies")
"""The table, which only the operator writes."""
visible_retention = _retention("visible_retention")
"""The policies that the reader may see."""
