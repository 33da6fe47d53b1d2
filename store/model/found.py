"""What a search finds. Pure."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from store.actor import ActingUser
from store.model.job import GenerationJob
from store.model.pages import CappedCount
from store.model.things import Asset, Project


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundUser:
    """What a search tells of a user."""

    id: UUID
    email: str | None
    """None also where the users are not to be read."""
    job_count: CappedCount
    last_job_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """Everything whose id is the one looked for, or begins with it."""

    jobs: tuple[GenerationJob, ...] = ()
    projects: tuple[Project, ...] = ()
    assets: tuple[Asset, ...] = ()
    users: tuple[ActingUser, ...] = ()
    is_more: bool = False
    """Whether there are more of a kind than are held here."""
