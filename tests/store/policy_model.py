"""The policies as plain Python: who sees which rows, and who may write which rows."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from uuid import UUID

from gjobs.store.jobs.job import GenerationJob
from gjobs.store.users.actor import ActingUser, Actor


class Schema(Enum):
    ATTACHED = auto()
    """The app's schema: a user writes only rows of their own."""
    ADOPTED = auto()
    """The app's schema after an upgrade, with the same policies."""
    MANAGED = auto()
    """The schema that gjobs creates: the row's project and asset must be the user's, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldAsset:
    id: UUID
    user_id: UUID
    project_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """All rows of a database, by id."""

    owners: Mapping[UUID, UUID]
    """Project owners."""
    assets: Mapping[UUID, HeldAsset]
    jobs: Mapping[UUID, GenerationJob]

    def jobs_of(self, actor: Actor) -> dict[UUID, GenerationJob]:
        return {job.id: job for job in self.jobs.values() if owns(actor, job.user_id)}

    def projects_of(self, actor: Actor) -> set[UUID]:
        return {project_id for project_id, owner in self.owners.items() if owns(actor, owner)}

    def assets_of(self, actor: Actor) -> dict[UUID, HeldAsset]:
        return {asset.id: asset for asset in self.assets.values() if owns(actor, asset.user_id)}

    def may_store(self, schema: Schema, actor: Actor, job: GenerationJob) -> bool:
        """Return whether the actor may write the job with these values."""
        if not owns(actor, job.user_id):
            return False
        if schema is not Schema.MANAGED:
            return True
        return job.project_id in self.projects_of(actor) and job.input_asset_id in (None, *self.assets_of(actor))

    def is_asset_of(self, actor: Actor, asset_id: UUID | None, project_id: UUID) -> bool:
        """Return whether a job of the project may have this input asset, or none."""
        asset = None if asset_id is None else self.assets_of(actor).get(asset_id)
        return asset_id is None or (asset is not None and asset.project_id == project_id)

    def with_job(self, job: GenerationJob) -> "Rows":
        return replace(self, jobs={**self.jobs, job.id: job})


def owns(actor: Actor, user_id: UUID) -> bool:
    """The operator bypasses row level security."""
    return not isinstance(actor, ActingUser) or actor.id == user_id
