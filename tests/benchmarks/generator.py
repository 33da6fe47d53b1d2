"""Any number of jobs, filled in by COPY: skewed, as real ones are, and apart from the times the same every run."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import psycopg
from psycopg.conninfo import make_conninfo

from store.model import USUAL_MODES, JobStatus

SPAN = timedelta(days=365)
"""From the oldest job to the present."""

USERS = 100
PROJECTS_EACH = 4
BIG_ONE_IN = 10
"""Every so-many-th job is the first user's."""

_SHARES = {JobStatus.QUEUED: 3, JobStatus.RUNNING: 2, JobStatus.SUCCEEDED: 85, JobStatus.FAILED: 10}
_ERRORS = (
    "API timeout",
    "Rate limit reached: 429 Too Many Requests, try again in 20 s",
    '{"message": "The image service answered 503 Service Unavailable", "stack": "Error: 503\\n    at generateImage"}',
)
_JOB_COLUMNS = "id, user_id, project_id, status, mode, error, cost_cents, created_at, updated_at"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    id: UUID
    projects: tuple[UUID, ...]


def fill(conninfo: Mapping[str, str | int], count: int) -> Owner:
    """So many jobs into a migrated database without rows; returns the user who owns a tenth of them."""
    random = Random(0)  # noqa: S311
    owners = [Owner(id=_id(random), projects=tuple(_id(random) for _ in range(PROJECTS_EACH))) for _ in range(USERS)]
    with psycopg.connect(make_conninfo("", **conninfo), autocommit=True) as connection:
        with connection.transaction():
            _copy(connection, "auth.users (id, email)", ((owner.id, f"{owner.id}@example.com") for owner in owners))
            projects = ((project, owner.id, f"Project {project}") for owner in owners for project in owner.projects)
            _copy(connection, "public.projects (id, user_id, name)", projects)
            _copy(connection, f"public.generation_jobs ({_JOB_COLUMNS})", _jobs(random, owners, count))
        connection.execute("vacuum (analyze) public.generation_jobs")
    return owners[0]


def _copy(connection: psycopg.Connection, target: str, rows: Iterator[tuple[object, ...]]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"copy {target} from stdin".encode()) as copy:
        for row in rows:
            copy.write_row(row)


def _jobs(random: Random, owners: list[Owner], count: int) -> Iterator[tuple[object, ...]]:
    """Newest first."""
    now = datetime.now(UTC)
    statuses, shares = list(_SHARES), list(_SHARES.values())
    for number in range(count):
        owner = owners[0] if number % BIG_ONE_IN == 0 else random.choice(owners[1:])
        (status,) = random.choices(statuses, shares)
        error = random.choice(_ERRORS) if status is JobStatus.FAILED else None
        created_at = now - SPAN * (number / count)
        seconds = 0.0 if status is JobStatus.QUEUED else random.uniform(5, 95)
        yield (
            _id(random),
            owner.id,
            random.choice(owner.projects),
            status.value,
            random.choice(USUAL_MODES),
            error,
            random.randint(2, 500),
            created_at,
            created_at + timedelta(seconds=seconds),
        )


def _id(random: Random) -> UUID:
    return UUID(int=random.getrandbits(128))
