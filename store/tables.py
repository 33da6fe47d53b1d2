"""SQLAlchemy tables, as the migrations create them."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Interval,
    MetaData,
    Numeric,
    Table,
    Text,
    Uuid,
    column,
    func,
    literal_column,
    table,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from gjobs.store.jobs.job import FINAL_STATUSES, JobStatus, sql_literals

# PostgreSQL's default names. The app's schema uses them because it names no constraints.
metadata = MetaData(
    naming_convention={"pk": "%(table_name)s_pkey", "fk": "%(table_name)s_%(column_0_name)s_fkey"},
)

_random_id = func.gen_random_uuid()
_now = func.now()

users = Table(
    "users",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("email", Text),
    Column("created_at", DateTime(timezone=True), server_default=_now),
    schema="auth",
)

projects = Table(
    "projects",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=_random_id),
    Column("user_id", Uuid, ForeignKey(users.c.id, ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_now),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=_now),
    schema="public",
)
Index("idx_projects_user_id", projects.c.user_id)
Index("idx_projects_created_at", projects.c.created_at.desc())

assets = Table(
    "assets",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=_random_id),
    Column("user_id", Uuid, ForeignKey(users.c.id, ondelete="CASCADE"), nullable=False),
    Column("project_id", Uuid, ForeignKey(projects.c.id, ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("source_asset_id", Uuid, ForeignKey("public.assets.id", ondelete="SET NULL")),
    Column("prompt_version", Text, nullable=False),
    Column("prompt_payload", JSONB, nullable=False),
    Column("width", Integer),
    Column("height", Integer),
    Column("mime_type", Text),
    Column("storage_path", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_now),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=_now),
    CheckConstraint("kind in ('input', 'output')", name="assets_kind_check"),
    CheckConstraint("mode in ('main_white', 'lifestyle', 'feature_callout', 'packaging')", name="assets_mode_check"),
    schema="public",
)
Index("idx_assets_user_id", assets.c.user_id)
Index("idx_assets_project_id", assets.c.project_id)
Index("idx_assets_source_asset_id", assets.c.source_asset_id)
Index("idx_assets_kind", assets.c.kind)
Index("idx_assets_mode", assets.c.mode)
Index("idx_assets_created_at", assets.c.created_at.desc())
Index("idx_assets_prompt_payload", assets.c.prompt_payload, postgresql_using="gin")

generation_jobs = Table(
    "generation_jobs",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=_random_id),
    Column("user_id", Uuid, ForeignKey(users.c.id, ondelete="CASCADE"), nullable=False),
    Column("project_id", Uuid, ForeignKey(projects.c.id, ondelete="CASCADE"), nullable=False),
    Column("status", Text, nullable=False, server_default=text("'queued'")),
    Column("mode", Text, nullable=False),
    Column("input_asset_id", Uuid, ForeignKey(assets.c.id, ondelete="SET NULL")),
    Column("error", Text),
    Column("cost_cents", Integer, nullable=False, server_default=text("0")),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_now),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=_now),
    Column("retry_count", Integer, server_default=text("0")),
    Column("completed_at", DateTime(timezone=True)),
    CheckConstraint(f"status in ({sql_literals(JobStatus)})", name="generation_jobs_status_check"),
    schema="public",
)
Index("idx_generation_jobs_user_id", generation_jobs.c.user_id)
Index("idx_generation_jobs_project_id", generation_jobs.c.project_id)
Index("idx_generation_jobs_status", generation_jobs.c.status)
Index("idx_generation_jobs_input_asset_id", generation_jobs.c.input_asset_id)
Index("idx_generation_jobs_created_at", generation_jobs.c.created_at.desc())
Index("idx_generation_jobs_user_status", generation_jobs.c.user_id, generation_jobs.c.status)
_newest_first = (generation_jobs.c.created_at.desc(), generation_jobs.c.id.desc())
Index("gjobs_newest", *_newest_first)
Index("gjobs_newest_of_project", generation_jobs.c.project_id, *_newest_first)
Index("gjobs_newest_of_user", generation_jobs.c.user_id, *_newest_first)
Index("gjobs_newest_of_status", generation_jobs.c.status, *_newest_first)
Index("gjobs_newest_of_project_status", generation_jobs.c.project_id, generation_jobs.c.status, *_newest_first)
Index("gjobs_updated", generation_jobs.c.updated_at.desc(), generation_jobs.c.id.desc())
Index(
    "gjobs_queue",
    func.left(generation_jobs.c.mode, literal_column("200")),
    generation_jobs.c.created_at,
    generation_jobs.c.id,
    postgresql_where=text("status = 'queued'"),
)
Index("gjobs_costs", generation_jobs.c.cost_cents.desc(), generation_jobs.c.id.desc())

total = literal_column(
    f"(CASE WHEN status IN ({sql_literals(FINAL_STATUSES)})"
    " AND least(created_at, updated_at) > to_timestamp(-62135596800)"
    " AND greatest(created_at, updated_at) < to_timestamp(253402300799)"
    " THEN updated_at - created_at END)",
    Interval,
)
"""The time from creation to the end of a finished job. Null for other jobs, and for times outside Python's range.

Within that range no subtraction fails, so an index on the expression never makes a write fail. The SQL must equal the
index's expression exactly; otherwise Postgres does not use the index.
"""
time_so_far = literal_column(
    f"(CASE WHEN status = '{JobStatus.RUNNING}'"
    " AND created_at > to_timestamp(-62135596800) AND created_at < to_timestamp(253402300799)"
    " THEN now() - created_at END)",
    Interval,
)
"""The time since the creation of a running job. Null for other jobs, as above."""
Index("gjobs_total", total.desc().nulls_last(), generation_jobs.c.id.desc())

generation_job_summary = table(
    "generation_job_summary",
    column("user_id", Uuid),
    column("project_id", Uuid),
    column("status", Text),
    column("job_count", BigInteger),
    column("total_cost_cents", BigInteger),
    column("avg_cost_cents", Numeric),
    column("first_job_at", DateTime(timezone=True)),
    column("last_job_at", DateTime(timezone=True)),
    schema="public",
)
"""The view of jobs by user, project and status."""

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
    column("cost_cents", Integer),
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

job_starts = table(
    "job_starts",
    column("job_id", Uuid),
    column("started_at", DateTime(timezone=True)),
    schema="gjobs",
)
"""The time when each job first ran."""

job_leases = table(
    "job_leases",
    column("job_id", Uuid),
    column("owner", Uuid),
    column("expires_at", DateTime(timezone=True)),
    schema="gjobs",
)

archived_jobs = table(
    "archived_jobs",
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
    column("retry_count", Integer),
    column("completed_at", DateTime(timezone=True)),
    column("further", JSONB),
    column("archived_at", DateTime(timezone=True)),
    schema="gjobs",
)

retention_policies = table(
    "retention_policies",
    column("id", Uuid),
    column("project_id", Uuid),
    column("statuses", ARRAY(Text)),
    column("older_than", Interval),
    column("action", Text),
    column("created_at", DateTime(timezone=True)),
    column("applied_at", DateTime(timezone=True)),
    schema="gjobs",
)
