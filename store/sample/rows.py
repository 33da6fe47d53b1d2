"""The sample's rows, made from the catalog. Pure: everything but the times is the same whatever `now` is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from store.budgets.model import Period
from store.model import GenerationJob, JobStatus
from store.sample import modes
from store.sample.assets import SampleAsset, input_assets, output_asset
from store.sample.catalog import USERS, ProjectPlan, UserPlan
from store.sample.ids import make_id, seeded
from store.sample.times import active_times, finished_times
from store.transitions import is_final

_LATELY: Mapping[JobStatus, int] = {JobStatus.SUCCEEDED: 4, JobStatus.FAILED: 1}
"""So many of the finished jobs of a busy project finished within the last hour."""

OUTPUTS_KEPT = 12
"""Of each project: so many of its succeeded jobs have their image among the assets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleUser:
    id: UUID
    email: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleProject:
    id: UUID
    user_id: UUID
    name: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleStart:
    """When a job first ran."""

    job_id: UUID
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleBudget:
    """Of the user or of the project."""

    id: UUID
    user_id: UUID | None
    project_id: UUID | None
    period: Period
    limit_cents: int
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """In an order in which each row finds what it refers to."""

    users: tuple[SampleUser, ...]
    projects: tuple[SampleProject, ...]
    assets: tuple[SampleAsset, ...]
    jobs: tuple[GenerationJob, ...]
    starts: tuple[SampleStart, ...]
    budgets: tuple[SampleBudget, ...]


def sample(now: datetime) -> Sample:
    """The month before `now`, an aware time."""
    users: list[SampleUser] = []
    projects: list[SampleProject] = []
    assets: list[SampleAsset] = []
    jobs: list[GenerationJob] = []
    budgets: list[SampleBudget] = []
    for plan in USERS:
        user = _user(plan, now)
        users.append(user)
        budgets += _budgets(plan.limit_cents, Period.MONTH, user_id=user.id, created_at=user.created_at)
        for project_plan in plan.projects:
            project = _project(project_plan, user.id, now)
            inputs = input_assets(project_plan, project.id, user.id, project.created_at)
            project_jobs = _jobs(project_plan, project, inputs, now)
            projects.append(project)
            assets += inputs + _outputs(project_jobs, inputs)
            jobs += project_jobs
            budgets += _budgets(
                project_plan.limit_cents, Period.ALL, project_id=project.id, created_at=project.created_at
            )
    starts = tuple(_start(job) for job in jobs if job.status is not JobStatus.QUEUED)
    return Sample(
        users=tuple(users),
        projects=tuple(projects),
        assets=tuple(assets),
        jobs=tuple(jobs),
        starts=starts,
        budgets=tuple(budgets),
    )


def _user(plan: UserPlan, now: datetime) -> SampleUser:
    joined = now - timedelta(days=plan.age_days)
    return SampleUser(id=make_id("user", plan.key), email=plan.email, created_at=joined)


def _project(plan: ProjectPlan, user_id: UUID, now: datetime) -> SampleProject:
    begun = now - timedelta(days=plan.age_days)
    identifier = make_id("project", user_id, plan.name)
    return SampleProject(id=identifier, user_id=user_id, name=plan.name, created_at=begun, updated_at=begun)


def _budgets(
    limit_cents: int | None,
    period: Period,
    *,
    created_at: datetime,
    user_id: UUID | None = None,
    project_id: UUID | None = None,
) -> list[SampleBudget]:
    """None without a limit."""
    if limit_cents is None:
        return []
    identifier = make_id("budget", user_id or project_id, period)
    return [
        SampleBudget(
            id=identifier,
            user_id=user_id,
            project_id=project_id,
            period=period,
            limit_cents=limit_cents,
            created_at=created_at,
        )
    ]


def _jobs(plan: ProjectPlan, project: SampleProject, inputs: list[SampleAsset], now: datetime) -> list[GenerationJob]:
    return [
        _job(plan, project, inputs, status, number, now)
        for status, count in plan.jobs.items()
        for number in range(count)
    ]


def _job(
    plan: ProjectPlan,
    project: SampleProject,
    inputs: list[SampleAsset],
    status: JobStatus,
    number: int,
    now: datetime,
) -> GenerationJob:
    identifier = make_id("job", project.id, status, number)
    random = seeded(identifier)
    mode = modes.choose_mode(random)
    cost_cents = modes.choose_cost_cents(random, mode)
    asset = random.choice(inputs) if random.random() < 0.9 else None
    message, seconds = None, modes.choose_seconds(random, mode)
    if status is JobStatus.FAILED:
        message, seconds = modes.choose_failure(random)
    stuck = plan.has_stuck_job and status is JobStatus.RUNNING and number == 0
    # Apart from `random`, of which the times draw more or fewer numbers, depending on `now`.
    error_random = seeded(make_id("error", identifier))
    if status in (JobStatus.QUEUED, JobStatus.RUNNING):
        created_at, updated_at = active_times(random, now, status, stuck=stuck)
    else:
        lately = number < _LATELY[status] and plan.jobs[JobStatus.QUEUED] > 0
        created_at, updated_at = finished_times(random, now, seconds, lately=lately)
    return GenerationJob(
        id=identifier,
        user_id=project.user_id,
        project_id=project.id,
        status=status,
        mode=mode,
        input_asset_id=asset.id if asset else None,
        error=message and modes.error_text(error_random, message, mode=mode, user_id=project.user_id, at=updated_at),
        cost_cents=cost_cents,
        created_at=created_at,
        updated_at=updated_at,
        retry_count=0,
        completed_at=updated_at if is_final(status) else None,
    )


def _start(job: GenerationJob) -> SampleStart:
    """A finished job waited for a part of its time; a running one was last touched when it started."""
    if not is_final(job.status):
        return SampleStart(job_id=job.id, started_at=job.updated_at)
    waited = seeded(make_id("start", job.id)).uniform(0.05, 0.3)
    return SampleStart(job_id=job.id, started_at=job.created_at + waited * (job.updated_at - job.created_at))


def _outputs(jobs: list[GenerationJob], inputs: list[SampleAsset]) -> list[SampleAsset]:
    sources = {asset.id: asset for asset in inputs}
    made = [job for job in jobs if job.status is JobStatus.SUCCEEDED and job.input_asset_id][:OUTPUTS_KEPT]
    return [output_asset(job, sources[job.input_asset_id]) for job in made if job.input_asset_id is not None]
