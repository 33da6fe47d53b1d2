"""Random rows of a few users, and random operations on them."""

from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

from gjobs.store.jobs.job import GenerationJob, JobStatus
from gjobs.store.users.actor import OPERATOR, ActingUser, Actor
from tests.store.policy_model import HeldAsset, Rows
from tests.store.policy_operations import Change, Create, Delete, Insert, Operation, Reassign, Transition
from tests.store.store_fixtures import ADA, BEN, CLEO, NOTHING, STRANGER

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
