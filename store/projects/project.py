"""What jobs belong to: Project, Asset, User."""

from datetime import datetime
from uuid import UUID

from gjobs.store.values.data_classes import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    id: UUID
    user_id: UUID
    name: str
    created_at: datetime
    updated_at: datetime
    job_count: int
    """Jobs that the actor sees."""
    total_cost_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    id: UUID
    user_id: UUID
    project_id: UUID
    kind: str
    mode: str
    mime_type: str | None
    width: int | None
    height: int | None
    storage_path: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    id: UUID
    email: str | None
    created_at: datetime | None
    job_count: int
    last_job_at: datetime | None
    """When the newest job was created. None without jobs."""
