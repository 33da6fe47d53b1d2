"""Who and what is in the sample: users, their projects, the products in them, and how many jobs of each status."""

from collections.abc import Mapping
from dataclasses import dataclass

from store.model import JobStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class UserPlan:
    """A user with their projects."""

    key: str
    """Makes the id; never shown."""
    email: str | None
    age_days: int
    projects: tuple["ProjectPlan", ...]
    limit_cents: int | None = None
    """A month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectPlan:
    """A project: what is photographed, and how many jobs that took."""

    name: str
    age_days: int
    products: tuple[str, ...]
    jobs: Mapping[JobStatus, int]
    has_stuck_job: bool = False
    """One of the running jobs has been running for hours."""
    limit_cents: int | None = None
    """In all."""


def _jobs(queued: int, running: int, succeeded: int, failed: int) -> Mapping[JobStatus, int]:
    return dict(zip(JobStatus, (queued, running, succeeded, failed), strict=True))


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
