"""A model of the policies: random rows, the operations on them, and the outcome that the policies allow."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from random import Random
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, bindparam, insert, update

from gjobs.store import tables
from gjobs.store.database.query import Query
from gjobs.store.errors import InvalidValue, NoPrivilege, RowMissing, StoreError
from gjobs.store.jobs.job import GenerationJob, JobStatus
from gjobs.store.jobs.job_results import Applied, Missing, Refused
from gjobs.store.journal.write_record import WriteRecord
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR, ActingUser, Actor
from tests.store.store_fixtures import ADA, BEN, CLEO, NOTHING, STRANGER, a_job


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


NEW = UUID(int=1)
"""A placeholder for the id of a new job."""

EVER = datetime(2000, 1, 1, tzinfo=UTC)
"""A placeholder for a time that the database sets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    rows: Rows
    answer: type
    """The type of the returned value or of the error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation(ABC):
    actor: Actor

    @abstractmethod
    def expect(self, rows: Rows, schema: Schema) -> Expectation: ...

    @abstractmethod
    async def run(self, store: Store) -> object:
        """Run the operation with the actor's store."""

    async def attempt(self, operator: Store) -> object:
        """Return the result or the error."""
        try:
            return await self.run(operator.acting_as(self.actor))
        except StoreError as error:
            return error

    def stored(self, rows: Rows, schema: Schema, job: GenerationJob, answer: type) -> Expectation:
        """Expect the job with these values if the policies allow it."""
        if rows.may_store(schema, self.actor, job):
            return Expectation(rows=rows.with_job(job), answer=answer)
        return Expectation(rows=rows, answer=NoPrivilege)

    def stored_by_the_app(self, rows: Rows, schema: Schema, job: GenerationJob) -> Expectation:
        """Expect the job if the policies allow it and its owner is a user."""
        expectation = self.stored(rows, schema, job, int)
        if expectation.answer is int and job.user_id == STRANGER:
            return Expectation(rows=rows, answer=InvalidValue)  # The foreign key to the users refuses it.
        return expectation


@dataclass(frozen=True, slots=True, kw_only=True)
class Create(Operation):
    project_id: UUID
    asset_id: UUID | None
    cost_cents: int

    def expect(self, rows: Rows, schema: Schema) -> Expectation:
        if self.project_id not in rows.projects_of(self.actor):
            return Expectation(rows=rows, answer=RowMissing)
        if not rows.is_asset_of(self.actor, self.asset_id, self.project_id):
            return Expectation(rows=rows, answer=InvalidValue)
        return self.stored(
            rows,
            schema,
            queued(rows.owners[self.project_id], self.project_id, asset_id=self.asset_id, cost_cents=self.cost_cents),
            GenerationJob,
        )

    async def run(self, store: Store) -> object:
        return await store.create_generation_job(
            project_id=self.project_id, mode="lifestyle", cost_cents=self.cost_cents, input_asset_id=self.asset_id
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Change(Operation):
    job_id: UUID
    asset_id: UUID | None
    cost_cents: int

    def expect(self, rows: Rows, schema: Schema) -> Expectation:
        job = rows.jobs_of(self.actor).get(self.job_id)
        if job is None:
            return Expectation(rows=rows, answer=RowMissing)
        if not rows.is_asset_of(self.actor, self.asset_id, job.project_id):
            return Expectation(rows=rows, answer=InvalidValue)
        changed = replace(job, input_asset_id=self.asset_id, cost_cents=self.cost_cents)
        return self.stored(rows, schema, changed, GenerationJob)

    async def run(self, store: Store) -> object:
        return await store.update_generation_job(self.job_id, input_asset_id=self.asset_id, cost_cents=self.cost_cents)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition(Operation):
    job_id: UUID
    target: JobStatus

    def expect(self, rows: Rows, schema: Schema) -> Expectation:
        job = rows.jobs_of(self.actor).get(self.job_id)
        if job is None:
            return Expectation(rows=rows, answer=Missing)
        if self.target not in job.status.allowed:
            return Expectation(rows=rows, answer=Refused)
        return self.stored(rows, schema, replace(job, status=self.target), Applied)

    async def run(self, store: Store) -> object:
        return await store.transition_job_status(self.job_id, self.target)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete(Operation):
    """Delete all of the jobs or none."""

    job_ids: AbstractSet[UUID]

    def expect(self, rows: Rows, schema: Schema) -> Expectation:
        if not rows.jobs_of(self.actor).keys() >= self.job_ids:
            return Expectation(rows=rows, answer=RowMissing)
        left = {job_id: job for job_id, job in rows.jobs.items() if job_id not in self.job_ids}
        return Expectation(rows=replace(rows, jobs=left), answer=type(None))

    async def run(self, store: Store) -> object:
        await store.delete_generation_jobs(dict.fromkeys(self.job_ids))
        return None


_TARGET, _OWNER, _PROJECT = (bindparam(name, type_=Uuid) for name in ("target", "user_id", "project_id"))
_jobs = tables.generation_jobs
_INSERT = insert(_jobs).values(user_id=_OWNER, project_id=_PROJECT, mode="lifestyle")
_REASSIGN = update(_jobs).values(user_id=_OWNER, project_id=_PROJECT).where(_jobs.c.id == _TARGET)


async def change(store: Store, statement: Any, **values: UUID) -> int:
    """Run a statement of the app's own, and return how many rows it changed."""
    async with store.database.write(store.actor) as transaction:
        number = await transaction.change(Query(statement, tuple, values))
        transaction.record(WriteRecord(what="a statement of the app's own"))
        return number


@dataclass(frozen=True, slots=True, kw_only=True)
class Insert(Operation):
    """Insert a job with a statement of the app's own."""

    owner_id: UUID
    project_id: UUID

    def expect(self, rows: Rows, schema: Schema) -> Expectation:
        return self.stored_by_the_app(rows, schema, queued(self.owner_id, self.project_id))

    async def run(self, store: Store) -> object:
        return await change(store, _INSERT, user_id=self.owner_id, project_id=self.project_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reassign(Operation):
    """Change the owner and the project of a job with a statement of the app's own."""

    job_id: UUID
    owner_id: UUID
    project_id: UUID

    def expect(self, rows: Rows, schema: Schema) -> Expectation:
        job = rows.jobs_of(self.actor).get(self.job_id)
        if job is None:
            return Expectation(rows=rows, answer=int)
        reassigned = replace(job, user_id=self.owner_id, project_id=self.project_id)
        return self.stored_by_the_app(rows, schema, reassigned)

    async def run(self, store: Store) -> object:
        return await change(store, _REASSIGN, target=self.job_id, user_id=self.owner_id, project_id=self.project_id)


def queued(owner_id: UUID, project_id: UUID, *, asset_id: UUID | None = None, cost_cents: int = 0) -> GenerationJob:
    """Return a new job."""
    return a_job(
        id=NEW,
        user_id=owner_id,
        project_id=project_id,
        input_asset_id=asset_id,
        cost_cents=cost_cents,
        created_at=EVER,
        updated_at=EVER,
    )


USERS = (ADA, BEN, CLEO)
ACTORS: tuple[Actor, ...] = (OPERATOR, *(ActingUser(id=user_id) for user_id in (*USERS, STRANGER)))

START = datetime.now(UTC) - timedelta(hours=1)
"""The random jobs are created at this time or up to three minutes earlier."""


def any_rows(random: Random) -> Rows:
    """Return random rows. Some jobs and assets are in another user's project, as the app's policies allow."""
    owners = {UUID(int=100 + number): random.choice(USERS) for number in range(4)}
    assets = {}
    for number in range(6):
        project_id = random.choice(list(owners))
        owner = _mostly(random, owners[project_id])
        assets[UUID(int=200 + number)] = HeldAsset(id=UUID(int=200 + number), user_id=owner, project_id=project_id)
    jobs = [_any_job(random, UUID(int=300 + number), owners, assets) for number in range(8)]
    return Rows(owners=owners, assets=assets, jobs={job.id: job for job in jobs})


def _any_job(random: Random, job_id: UUID, owners: dict[UUID, UUID], assets: dict[UUID, HeldAsset]) -> GenerationJob:
    project_id = random.choice(list(owners))
    created_at = START - timedelta(minutes=random.randint(0, 3))
    return GenerationJob(
        id=job_id,
        user_id=_mostly(random, owners[project_id]),
        project_id=project_id,
        status=random.choice(list(JobStatus)),
        mode="lifestyle",
        input_asset_id=random.choice([None, *(a.id for a in assets.values() if a.project_id == project_id)]),
        error=None,
        cost_cents=random.randint(-5, 500),
        created_at=created_at,
        updated_at=created_at,
    )


def any_operation(random: Random, rows: Rows) -> Operation:
    """Return a random operation by a random actor. Most often the actor is the owner, so that many succeed."""
    job_ids = [*rows.jobs, NOTHING]
    job = rows.jobs.get(random.choice(job_ids))
    job_id = NOTHING if job is None else job.id
    by_jobs_owner = _often(random, STRANGER if job is None else job.user_id)
    project_id, asset_id = random.choice(list(rows.owners)), random.choice([None, *rows.assets])
    by_projects_owner = _often(random, rows.owners[project_id])
    new_owner, cost_cents = random.choice([*USERS, STRANGER]), random.randint(0, 500)
    owner_id, own_project_id = (job.user_id, job.project_id) if job else (new_owner, project_id)
    following = list(job.status.allowed) if job else []
    others = random.sample(job_ids, random.choice([0, 0, 1]))
    return random.choice(
        [
            Create(actor=by_projects_owner, project_id=project_id, asset_id=asset_id, cost_cents=cost_cents),
            Change(actor=by_jobs_owner, job_id=job_id, asset_id=asset_id, cost_cents=cost_cents),
            Transition(actor=by_jobs_owner, job_id=job_id, target=random.choice([*JobStatus, *following * 4])),
            Delete(actor=by_jobs_owner, job_ids={job_id, *others}),
            Insert(actor=by_projects_owner, owner_id=new_owner, project_id=project_id),
            Reassign(actor=by_jobs_owner, job_id=job_id, owner_id=owner_id, project_id=project_id),
            Reassign(actor=by_jobs_owner, job_id=job_id, owner_id=new_owner, project_id=own_project_id),
        ]
    )


def _mostly(random: Random, owner: UUID) -> UUID:
    return random.choice([owner, owner, *USERS])


def _often(random: Random, owner: UUID) -> Actor:
    return random.choice([*ACTORS, *[ActingUser(id=owner)] * len(ACTORS)])
