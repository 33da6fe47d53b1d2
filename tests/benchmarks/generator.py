"""Insert ten thousand to ten million jobs by COPY: skewed like real ones, and equal in each run except for times."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from uuid import UUID

import psycopg
from psycopg.conninfo import make_conninfo

from gjobs.store.embedded.server_files import ADMINISTRATOR
from gjobs.store.jobs.job import USUAL_MODES, JobStatus

SPAN = timedelta(days=365)
"""The age of the oldest job."""

USERS = 100

PROJECTS_EACH = 4

BIG_ONE_IN = 10
"""Each tenth job belongs to the first user."""

_SHARES = {JobStatus.QUEUED: 3, JobStatus.RUNNING: 2, JobStatus.SUCCEEDED: 85, JobStatus.FAILED: 10}

_ERRORS = (
    "API timeout",
    "Rate limit reached: 429 Too Many Requests, try again in 20 s",
    '{"message": "The image service answered 503 Service Unavailable", "stack": "Error: 503 at generateImage"}',
)

_JOB_COLUMNS = "id, user_id, project_id, status, mode, error, cost_cents, created_at, updated_at"

_PIECES = 2**16
"""The number of prepared values of each kind. Each row is a combination of prepared values."""

_CHUNK = 20_000
"""The number of rows in one write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    id: UUID
    projects: tuple[UUID, ...]


_Pieces = tuple[list[Owner], list[list[str]], list[tuple[str, timedelta]]]
"""The owners, what belongs to the first one and to the others, and the facts of jobs."""


def fill(conninfo: Mapping[str, str | int], count: int) -> Owner:
    """Fill the app's empty tables with jobs, and return the user who owns a tenth of them.

    This needs an embedded server, whose administrator skips the checks of foreign keys, which take most of the time.
    """
    owners, _, _ = pieces = _pieces()
    administrator = {**conninfo, "user": ADMINISTRATOR}
    with psycopg.connect(make_conninfo("", **administrator)) as connection:
        connection.execute("set session_replication_role = replica")
        _copy(connection, "auth.users (id, email)", (f"{owner.id}\t{owner.id}@example.com\n" for owner in owners))
        projects = (f"{project}\t{owner.id}\tProject {project}\n" for owner in owners for project in owner.projects)
        _copy(connection, "public.projects (id, user_id, name)", projects)
        _copy(connection, f"public.generation_jobs ({_JOB_COLUMNS})", _jobs(pieces, count))
    return owners[0]


def _copy(connection: psycopg.Connection, target: str, lines: Iterator[str]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"copy {target} from stdin".encode()) as copy:
        for text in lines:
            copy.write(text)


@cache
def _pieces() -> _Pieces:
    """Prepare the values once for all databases of a run."""
    random = Random(0)  # noqa: S311
    owners = [Owner(id=_id(random), projects=tuple(_id(random) for _ in range(PROJECTS_EACH))) for _ in range(USERS)]
    belongings = [_belongings(random, some) for some in (owners[:1], owners[1:])]
    return owners, belongings, [_facts(random) for _ in range(_PIECES)]


def _jobs(pieces: _Pieces, count: int) -> Iterator[str]:
    """Yield the lines of many jobs at a time, the newest first."""
    _, (big, others), facts = pieces
    random = Random(1)  # noqa: S311
    now = datetime.now(UTC)
    for start in range(0, count, _CHUNK):
        numbers = range(start, min(start + _CHUNK, count))
        draws = random.randbytes(20 * len(numbers))
        lines = []
        for place, number in enumerate(numbers):
            draw = draws[20 * place : 20 * place + 20]
            belonging = big if number % BIG_ONE_IN == 0 else others
            status_to_cost, seconds = facts[draw[16] << 8 | draw[17]]
            created_at = now - SPAN * (number / count)
            lines.append(
                f"{draw[:16].hex()}\t{belonging[draw[18] << 8 | draw[19]]}\t{status_to_cost}"
                f"\t{created_at}\t{created_at + seconds}\n"
            )
        yield "".join(lines)


def _belongings(random: Random, owners: list[Owner]) -> list[str]:
    """Return user and project in the format of COPY."""
    drawn = (random.choice(owners) for _ in range(_PIECES))
    return [f"{owner.id}\t{random.choice(owner.projects)}" for owner in drawn]


def _facts(random: Random) -> tuple[str, timedelta]:
    """Return status, mode, error and cost in the format of COPY, and the time from creation to the last change."""
    (status,) = random.choices(list(_SHARES), list(_SHARES.values()))
    error = random.choice(_ERRORS) if status is JobStatus.FAILED else r"\N"
    seconds = timedelta(seconds=0.0 if status is JobStatus.QUEUED else random.uniform(5, 95))
    return f"{status.value}\t{random.choice(USUAL_MODES)}\t{error}\t{random.randint(2, 500)}", seconds


def _id(random: Random) -> UUID:
    return UUID(int=random.getrandbits(128))
