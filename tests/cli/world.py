"""The rows that the tests of the command line read: fixed ids and times."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

ADA = UUID(int=0xA0)

BEN = UUID(int=0xB0)

AUTUMN = UUID(int=0xA1)

"""Ada's project."""

SPRING = UUID(int=0xB1)

"""Ben's."""

ASSET = UUID(int=0xA2)

"""Of Autumn."""

QUEUED = UUID(int=0xA10)

RUNNING = UUID(int=0xA11)

SUCCEEDED = UUID(int=0xA12)

FAILED = UUID(int=0xA13)

BENS = UUID(int=0xB10)

"""Ben's one job; the others are Ada's."""

NOBODY = UUID(int=0xDEAD)

"""The id of nothing."""

NOON = datetime(2026, 1, 4, 12, 0, 0, 1, tzinfo=UTC)

_JOBS = (
    (QUEUED, "queued", "lifestyle", None, 200, 4),
    (RUNNING, "running", "packaging", None, 50, 3),
    (SUCCEEDED, "succeeded", "main_white", None, 250, 2),
    (FAILED, "failed", "feature_callout", "API timeout", 18, 1),
)

"""Id, status, mode, error, cost, and the hour after noon when it was created."""


def time_of(hour: int) -> str:
    return (NOON + timedelta(hours=hour)).isoformat(timespec="microseconds").replace("+00:00", "Z")


def fill(connection: psycopg.Connection) -> None:
    for user, email in ((ADA, "ada@example.com"), (BEN, "ben@example.com")):
        connection.execute("insert into auth.users (id, email, created_at) values (%s, %s, %s)", [user, email, NOON])
    for project, user, name in ((AUTUMN, ADA, "Autumn catalog"), (SPRING, BEN, "Spring lookbook")):
        connection.execute(
            "insert into public.projects (id, user_id, name, created_at, updated_at) values (%s, %s, %s, %s, %s)",
            [project, user, name, NOON, NOON],
        )
    connection.execute(
        "insert into public.assets (id, user_id, project_id, kind, mode, prompt_version, prompt_payload, storage_path)"
        " values (%s, %s, %s, 'input', 'lifestyle', '1', '{}', 'shoe.png')",
        [ASSET, ADA, AUTUMN],
    )
    for job in _JOBS:
        _add(connection, ADA, AUTUMN, *job)
    _add(connection, BEN, SPRING, BENS, "queued", "lifestyle", None, 100, 0)


def _add(
    connection: psycopg.Connection,
    user: UUID,
    project: UUID,
    job: UUID,
    status: str,
    mode: str,
    error: str | None,
    cost_cents: int,
    hour: int,
) -> None:
    time = NOON + timedelta(hours=hour)
    connection.execute(
        "insert into public.generation_jobs"
        " (id, user_id, project_id, status, mode, error, cost_cents, created_at, updated_at)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [job, user, project, status, mode, error, cost_cents, time, time],
    )


def document(job: UUID) -> Mapping[str, Any]:
    """One of Ada's jobs as the command line prints it."""
    ((identifier, status, mode, error, cost_cents, hour),) = (known for known in _JOBS if known[0] == job)
    return {
        "id": str(identifier),
        "user_id": str(ADA),
        "project_id": str(AUTUMN),
        "status": status,
        "mode": mode,
        "input_asset_id": None,
        "error": error,
        "cost_cents": cost_cents,
        "created_at": time_of(hour),
        "updated_at": time_of(hour),
        "retry_count": 0,
        "completed_at": None,
    }
