"""The sample's users, projects, modes and rows, and code that writes them to a database."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Literal
from uuid import UUID, uuid5

from psycopg import Cursor, Error, connect
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb

from gjobs.store.budgets.budget import Period
from gjobs.store.database import driver_errors
from gjobs.store.jobs.job import GenerationJob, JobStatus
from gjobs.store.values.formats import column_names


@dataclass(frozen=True, slots=True, kw_only=True)
class UserPlan:
    """A user with their projects."""

    key: str
    """The id is derived from it. Never shown."""
    email: str | None
    age_days: int
    projects: tuple["ProjectPlan", ...]
    limit_cents: int | None = None
    """For each month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectPlan:
    """A project, its products and its number of jobs. One project is empty, because the isolation check needs it."""

    name: str
    age_days: int
    products: tuple[str, ...]
    jobs: Mapping[JobStatus, int]
    has_stuck_job: bool = False
    """Whether one running job has been running for hours."""
    limit_cents: int | None = None
    """In total."""


def _job_counts(*counts: int) -> Mapping[JobStatus, int]:
    """Return the counts, given in workflow order, by status."""
    return dict(zip(JobStatus, counts, strict=True))


USERS = (
    UserPlan(
        key="ada",
        email="ada@example.com",
        age_days=96,
        limit_cents=1_000_00,
        projects=(
            ProjectPlan(
                name="Packaging tests",
                age_days=61,
                products=("Coffee bag 250 g", "Tea tin", "Gift box", "Mailer box"),
                jobs=_job_counts(0, 0, 26, 4),
            ),
            ProjectPlan(
                name="Spring lookbook",
                age_days=44,
                products=("Linen shirt", "Straw hat", "Canvas tote", "Denim apron", "Silk scarf"),
                jobs=_job_counts(0, 1, 78, 8),
                has_stuck_job=True,
            ),
            ProjectPlan(
                name="Autumn catalog",
                age_days=31,
                products=("Wool blanket", "Stoneware mug", "Oak cutting board", "Beeswax candle", "Brass lamp"),
                jobs=_job_counts(6, 2, 104, 9),
                limit_cents=300_00,
            ),
        ),
    ),
    UserPlan(
        key="ben",
        email="ben@example.com",
        age_days=83,
        projects=(
            ProjectPlan(
                name="Marketplace listings",
                age_days=70,
                products=("Trail backpack", "Steel water bottle", "Rain jacket", "Head torch", "Camping stove"),
                jobs=_job_counts(3, 1, 127, 13),
            ),
            ProjectPlan(
                name="Bike accessories",
                age_days=38,
                products=("Handlebar bag", "Bell", "Saddle", "Bottle cage"),
                jobs=_job_counts(2, 0, 71, 8),
            ),
            ProjectPlan(name="Winter clearance", age_days=34, products=(), jobs=_job_counts(0, 0, 0, 0)),
        ),
    ),
    UserPlan(
        key="without e-mail",
        email=None,
        age_days=52,
        projects=(
            ProjectPlan(
                name="Holiday gift guide",
                age_days=47,
                products=("Scented soap", "Picture frame", "Board game", "Knitted socks"),
                jobs=_job_counts(1, 0, 80, 6),
            ),
            ProjectPlan(
                name="Shop relaunch",
                age_days=33,
                products=("Desk organiser", "Notebook A5", "Fountain pen"),
                jobs=_job_counts(0, 0, 47, 3),
            ),
        ),
    ),
)

SCENES = (
    "on a pale oak table, soft morning light",
    "on a linen cloth beside a window",
    "held by a person in a bright kitchen",
    "on a stone ledge, late afternoon sun",
    "in a tidy hallway, shallow depth of field",
)
CALLOUTS = (
    ("hand-made", "dishwasher-safe"),
    ("100 % recycled", "plastic-free"),
    ("two-year guarantee", "spare parts available"),
    ("made to order", "ships flat"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeProfile:
    share: int
    """The share in percent."""
    cost_cents: tuple[int, int]
    """Lowest and highest, both included."""
    seconds: tuple[float, float]
    """From start to success."""
    width: int
    height: int


MODES: Mapping[str, ModeProfile] = {
    "main_white": ModeProfile(share=34, cost_cents=(60, 160), seconds=(8, 28), width=2000, height=2000),
    "lifestyle": ModeProfile(share=32, cost_cents=(210, 500), seconds=(25, 95), width=1920, height=1280),
    "feature_callout": ModeProfile(share=22, cost_cents=(120, 340), seconds=(15, 60), width=1600, height=1600),
    "packaging": ModeProfile(share=12, cost_cents=(2, 90), seconds=(12, 45), width=1500, height=2100),
}

OUTAGE_MESSAGE = "The image service answered 503 Service Unavailable"

FAILURES: Mapping[str, tuple[float, float]] = {
    "API timeout": (118, 124),
    "Rate limit reached: 429 Too Many Requests, try again in 20 s": (1, 4),
    OUTAGE_MESSAGE: (2, 30),
    "The prompt was refused by the safety system": (3, 9),
    "The input image could not be downloaded: 404 Not Found": (1, 3),
    "The input image is 640 × 480 pixels; at least 1000 × 1000 are needed": (1, 2),
    "The background could not be separated from the product": (9, 40),
}
"""The message, with the least and most seconds from start to failure."""

_STACK = (
    "Error: {message}\n"
    "    at generateImage (/app/lib/ai/generate-image.ts:142:11)\n"
    "    at process.processTicksAndRejections (node:internal/process/task_queues:105:5)\n"
    "    at async POST (/app/app/api/generate/{mode}/route.ts:87:20)"
)


def choose_mode(random: Random) -> str:
    (mode,) = random.choices(list(MODES), [profile.share for profile in MODES.values()])
    return mode


def choose_cost_cents(random: Random, mode: str) -> int:
    return random.randint(*MODES[mode].cost_cents)


def choose_seconds(random: Random, mode: str) -> float:
    """Return the seconds from start to success. Short times are more likely. Unknown modes behave like `lifestyle`."""
    low, high = MODES.get(mode, MODES["lifestyle"]).seconds
    return random.triangular(low, high, low + (high - low) / 3)


def choose_failure(random: Random) -> tuple[str, float]:
    """Return the message and the seconds from start to failure."""
    message = random.choice(list(FAILURES))
    return message, random.uniform(*FAILURES[message])


def error_text(random: Random, message: str, *, mode: str, user_id: UUID, at: datetime) -> str:
    """Return an error as the column holds it: half are plain text, half are the app's JSON."""
    request_id = f"req_{random.getrandbits(64):016x}"
    if random.random() < 0.5:
        return message
    return json.dumps(
        {
            "message": message,
            "stack": _STACK.format(message=message, mode=mode.replace("_", "-")),
            "timestamp": at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "mode": mode,
            "userId": str(user_id),
            "requestId": request_id,
        },
        ensure_ascii=False,
    )


_NAMESPACE = UUID("5b1d3c6e-4f0a-4d5e-9a57-2c1f6b8e7d90")


def make_id(*path: object) -> UUID:
    return uuid5(_NAMESPACE, "/".join(map(str, path)))


def seeded(identifier: UUID) -> Random:
    """Return a generator of the same numbers for the same id."""
    return Random(identifier.int)  # noqa: S311


DAYS = 30
_NOON = time(13, 20)
_SATURDAY = 5


def active_times(random: Random, now: datetime, status: JobStatus, *, stuck: bool) -> tuple[datetime, datetime]:
    """Return when an active job was created and last written."""
    if stuck:
        created_at = now - timedelta(hours=5, minutes=37, seconds=random.uniform(0, 50))
        return created_at, created_at + timedelta(seconds=random.uniform(2, 9))
    if status is JobStatus.QUEUED:
        created_at = now - timedelta(seconds=random.uniform(4, 150))
        return created_at, created_at
    created_at = now - timedelta(seconds=random.uniform(15, 60))
    return created_at, created_at + timedelta(seconds=random.uniform(2, 12))


def finished_times(random: Random, now: datetime, seconds: float, *, lately: bool) -> tuple[datetime, datetime]:
    """Return when a job was created and finished, given its seconds from start to finish."""
    total = timedelta(seconds=random.triangular(1, 40, 4) + seconds)
    if lately:
        finished_at = now - timedelta(minutes=random.uniform(1, 45))
        return finished_at - total, finished_at
    while True:
        created_at = _working_time(random, now)
        if now - timedelta(days=DAYS) <= created_at and created_at + total <= now:
            return created_at, created_at + total


def _working_time(random: Random, now: datetime) -> datetime:
    """Return a time around noon in the last month, rarely at a weekend. It may be outside the month."""
    day = (now - timedelta(days=random.uniform(0, DAYS))).date()
    while day.weekday() >= _SATURDAY and random.random() < 0.75:
        day += timedelta(days=random.choice((-1, -2, 1, 2)))
    return datetime.combine(day, _NOON, now.tzinfo) + timedelta(hours=random.gauss(0, 2.4))


_UPLOAD_SIZES = ((3024, 4032), (4032, 3024), (3000, 3000), (2400, 2400))


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleAsset:
    id: UUID
    user_id: UUID
    project_id: UUID
    kind: Literal["input", "output"]
    mode: str
    source_asset_id: UUID | None = None
    prompt_version: str = "v3"
    prompt_payload: Mapping[str, object]
    width: int
    height: int
    mime_type: str
    storage_path: str
    created_at: datetime
    updated_at: datetime


def _upload(product: str, view: str, project: "SampleProject") -> SampleAsset:
    """Return a photograph of a product, uploaded in the project's first hour."""
    identifier = make_id("input", project.id, product, view)
    random = seeded(identifier)
    width, height = random.choice(_UPLOAD_SIZES)
    uploaded_at = project.created_at + timedelta(minutes=random.uniform(2, 55))
    return SampleAsset(
        id=identifier,
        user_id=project.user_id,
        project_id=project.id,
        kind="input",
        mode=choose_mode(random),
        prompt_payload={"product": product, "view": view, "file_name": f"IMG_{random.randint(1200, 9800)}.jpg"},
        width=width,
        height=height,
        mime_type="image/jpeg",
        storage_path=f"{project.user_id}/{project.id}/input/{_slug(product)}-{view}.jpg",
        created_at=uploaded_at,
        updated_at=uploaded_at,
    )


def output_asset(job: GenerationJob, source: SampleAsset) -> SampleAsset:
    """Return the image that a succeeded job made from its photograph."""
    identifier = make_id("output", job.id)
    profile = MODES[job.mode]
    product = str(source.prompt_payload["product"])
    return SampleAsset(
        id=identifier,
        user_id=job.user_id,
        project_id=job.project_id,
        kind="output",
        mode=job.mode,
        source_asset_id=source.id,
        prompt_payload={"product": product, **_prompt(seeded(identifier), job.mode)},
        width=profile.width,
        height=profile.height,
        mime_type="image/png",
        storage_path=f"{job.user_id}/{job.project_id}/output/{_slug(product)}-{_slug(job.mode)}-{str(identifier)[:8]}.png",
        created_at=job.updated_at,
        updated_at=job.updated_at,
    )


def _prompt(random: Random, mode: str) -> dict[str, object]:
    match mode:
        case "lifestyle":
            return {"scene": random.choice(SCENES), "aspect_ratio": "3:2"}
        case "feature_callout":
            return {"callouts": list(random.choice(CALLOUTS)), "aspect_ratio": "1:1"}
        case "packaging":
            return {"surface": random.choice(("kraft paper", "matt white", "recycled board")), "aspect_ratio": "5:7"}
        case _:
            return {"background": "#ffffff", "shadow": random.choice(("soft", "none")), "aspect_ratio": "1:1"}


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


_LATELY: Mapping[JobStatus, int] = {JobStatus.SUCCEEDED: 4, JobStatus.FAILED: 1}
"""How many finished jobs of a busy project finished within the last hour."""

OUTPUTS_KEPT = 12
"""For each project, how many succeeded jobs have their image among the assets."""


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
class SampleBudget:
    """The budget of a user or of a project."""

    id: UUID
    user_id: UUID | None = None
    project_id: UUID | None = None
    period: Period
    limit_cents: int
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """All rows, ordered so that each row follows the rows that it refers to."""

    users: list[SampleUser] = field(default_factory=list)
    projects: list[SampleProject] = field(default_factory=list)
    assets: list[SampleAsset] = field(default_factory=list)
    jobs: list[GenerationJob] = field(default_factory=list)
    budgets: list[SampleBudget] = field(default_factory=list)


def sample(now: datetime) -> Sample:
    """Return the sample for the month before `now`, which must be aware."""
    rows = Sample()
    for plan in USERS:
        user_id, joined = make_id("user", plan.key), now - timedelta(days=plan.age_days)
        rows.users.append(SampleUser(id=user_id, email=plan.email, created_at=joined))
        _add_budget(rows, plan, Period.MONTH, joined, user_id=user_id)
        for project_plan in plan.projects:
            _add_project(rows, project_plan, user_id, now)
    return rows


def _add_project(rows: Sample, plan: ProjectPlan, user_id: UUID, now: datetime) -> None:
    begun = now - timedelta(days=plan.age_days)
    identifier = make_id("project", user_id, plan.name)
    project = SampleProject(id=identifier, user_id=user_id, name=plan.name, created_at=begun, updated_at=begun)
    rows.projects.append(project)
    inputs = [_upload(product, view, project) for product in plan.products for view in ("front", "detail")]
    jobs = [
        _job(plan, project, inputs, status, number, now)
        for status, count in plan.jobs.items()
        for number in range(count)
    ]
    sources = {asset.id: asset for asset in inputs}
    made = [(job, sources[job.input_asset_id]) for job in jobs if job.input_asset_id]
    succeeded = [(job, source) for job, source in made if job.status is JobStatus.SUCCEEDED]
    rows.assets.extend([*inputs, *(output_asset(job, source) for job, source in succeeded[:OUTPUTS_KEPT])])
    rows.jobs.extend(jobs)
    _add_budget(rows, plan, Period.ALL, begun, project_id=identifier)


def _add_budget(
    rows: Sample, plan: UserPlan | ProjectPlan, period: Period, created_at: datetime, **owner: UUID
) -> None:
    if plan.limit_cents is not None:
        identifier, limit = make_id("budget", *owner.values(), period), plan.limit_cents
        budget = SampleBudget(id=identifier, period=period, limit_cents=limit, created_at=created_at, **owner)
        rows.budgets.append(budget)


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
    mode = choose_mode(random)
    cost_cents = choose_cost_cents(random, mode)
    asset = random.choice(inputs) if random.random() < 0.9 else None
    message, seconds = None, choose_seconds(random, mode)
    if status is JobStatus.FAILED:
        message, seconds = choose_failure(random)
    stuck = plan.has_stuck_job and status is JobStatus.RUNNING and number == 0
    # Separate from `random`: choosing times takes more or fewer numbers from `random`, depending on `now`.
    error_random = seeded(make_id("error", identifier))
    if status in (JobStatus.QUEUED, JobStatus.RUNNING):
        created_at, updated_at = active_times(random, now, status, stuck=stuck)
        started_at = None if status is JobStatus.QUEUED else updated_at
    else:
        lately = number < _LATELY[status] and plan.jobs[JobStatus.QUEUED] > 0
        created_at, updated_at = finished_times(random, now, seconds, lately=lately)
        waited = seeded(make_id("start", identifier)).uniform(0.05, 0.3)  # Of the time from its creation to its end.
        started_at = created_at + waited * (updated_at - created_at)
    return GenerationJob(
        id=identifier,
        user_id=project.user_id,
        project_id=project.id,
        status=status,
        mode=mode,
        input_asset_id=asset.id if asset else None,
        error=message and error_text(error_random, message, mode=mode, user_id=project.user_id, at=updated_at),
        cost_cents=cost_cents,
        created_at=created_at,
        updated_at=updated_at,
        retry_count=0,
        completed_at=updated_at if status.is_final else None,
        started_at=started_at,
    )


_HISTORY = (Path(__file__).parent / "history.sql").read_text(encoding="utf-8")


def fill(conninfo: Mapping[str, str], *, now: datetime) -> None:
    """Write the sample of the month before `now` in one transaction. Existing rows stay as they are.

    `conninfo` has libpq parameters; the role must own the tables. Raises a StoreError.
    """
    rows = sample(now)
    try:
        connection = connect(**conninfo)  # type: ignore[arg-type]
    except Error as error:
        raise driver_errors.translate_connecting(error) from error
    try:
        with connection, connection.cursor() as cursor:
            _insert(cursor, ("auth", "users"), rows.users)
            _insert(cursor, ("public", "projects"), rows.projects)
            _insert(cursor, ("public", "assets"), rows.assets)
            _insert(cursor, ("public", "generation_jobs"), rows.jobs)
            started = [job for job in rows.jobs if job.started_at]
            times = [[job.id for job in started], [job.started_at for job in started]]
            cursor.execute(_HISTORY.encode(), times)
            # After the jobs, so that their cost counts as spent.
            _insert(cursor, ("gjobs", "budgets"), rows.budgets)
    except Error as error:
        raise driver_errors.translate(error) from error


def _insert(cursor: Cursor, table: tuple[str, str], rows: Sequence[Any]) -> None:
    """Insert rows whose fields are the table's columns, in one statement, so that its triggers run once."""
    names = column_names(rows[0].__class__)
    columns = SQL(", ").join(map(Identifier, names))
    statement = SQL(
        "insert into {0} ({1}) select {1} from jsonb_populate_recordset(null::{0}, %s) on conflict do nothing"
    ).format(Identifier(*table), columns)
    cursor.execute(
        statement,
        [Jsonb([{name: getattr(row, name) for name in names} for row in rows], dumps=partial(json.dumps, default=str))],
    )
