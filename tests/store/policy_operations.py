"""Operations on jobs: the outcome that the policies allow, and the same call on a real store."""

from abc import ABC, abstractmethod
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import UTC, datetime
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
from gjobs.store.users.actor import Actor
from tests.store.policy_model import Rows, Schema
from tests.store.store_fixtures import STRANGER, a_job

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
