"""Sample users, projects and modes, and how modes behave."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from types import MappingProxyType
from uuid import UUID, uuid5

from gjobs.store.jobs.job import JobStatus
from gjobs.store.member_table import by_member


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


def _jobs(queued: int, running: int, succeeded: int, failed: int) -> Mapping[JobStatus, int]:
    return by_member(
        JobStatus,
        {
            JobStatus.QUEUED: queued,
            JobStatus.RUNNING: running,
            JobStatus.SUCCEEDED: succeeded,
            JobStatus.FAILED: failed,
        },
    )


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
                jobs=_jobs(0, 0, 26, 4),
            ),
            ProjectPlan(
                name="Spring lookbook",
                age_days=44,
                products=("Linen shirt", "Straw hat", "Canvas tote", "Denim apron", "Silk scarf"),
                jobs=_jobs(0, 1, 78, 8),
                has_stuck_job=True,
            ),
            ProjectPlan(
                name="Autumn catalog",
                age_days=31,
                products=("Wool blanket", "Stoneware mug", "Oak cutting board", "Beeswax candle", "Brass lamp"),
                jobs=_jobs(6, 2, 104, 9),
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
                jobs=_jobs(3, 1, 127, 13),
            ),
            ProjectPlan(
                name="Bike accessories",
                age_days=38,
                products=("Handlebar bag", "Bell", "Saddle", "Bottle cage"),
                jobs=_jobs(2, 0, 71, 8),
            ),
            ProjectPlan(name="Winter clearance", age_days=34, products=(), jobs=_jobs(0, 0, 0, 0)),
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
                jobs=_jobs(1, 0, 80, 6),
            ),
            ProjectPlan(
                name="Shop relaunch",
                age_days=33,
                products=("Desk organiser", "Notebook A5", "Fountain pen"),
                jobs=_jobs(0, 0, 47, 3),
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


MODES: Mapping[str, ModeProfile] = MappingProxyType(
    {
        "main_white": ModeProfile(share=34, cost_cents=(60, 160), seconds=(8, 28), width=2000, height=2000),
        "lifestyle": ModeProfile(share=32, cost_cents=(210, 500), seconds=(25, 95), width=1920, height=1280),
        "feature_callout": ModeProfile(share=22, cost_cents=(120, 340), seconds=(15, 60), width=1600, height=1600),
        "packaging": ModeProfile(share=12, cost_cents=(2, 90), seconds=(12, 45), width=1500, height=2100),
    }
)

FAILURES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "API timeout": (118, 124),
        "Rate limit reached: 429 Too Many Requests, try again in 20 s": (1, 4),
        "The image service answered 503 Service Unavailable": (2, 30),
        "The prompt was refused by the safety system": (3, 9),
        "The input image could not be downloaded: 404 Not Found": (1, 3),
        "The input image is 640 × 480 pixels; at least 1000 × 1000 are needed": (1, 2),
        "The background could not be separated from the product": (9, 40),
    }
)
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
