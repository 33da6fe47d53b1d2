"""Rows with fixed ids and times for the tests of the command line."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from gjobs.store.jobs.job import JobStatus
from gjobs.store.watch.watch import Cursor, Transition
from tests.cli.command_line import Run, Sql

ADA, AUTUMN, ASSET = (UUID(int=number) for number in (0xA0, 0xA1, 0xA2))
"""Ada, her project and its asset."""

BEN, SPRING = (UUID(int=number) for number in (0xB0, 0xB1))
"""Ben and his project."""

QUEUED, RUNNING, SUCCEEDED, FAILED = (UUID(int=0xA10 + number) for number in range(4))
"""Ada's jobs."""

BENS_JOB = UUID(int=0xB10)
"""Ben's only job."""

MISSING = UUID(int=0xDEAD)
"""An id that no row has."""

NOON = datetime(2026, 1, 4, 12, 0, 0, 1, tzinfo=UTC)

ALL = {QUEUED, RUNNING, SUCCEEDED, FAILED, BENS_JOB}

UNFINISHED = {QUEUED, RUNNING, BENS_JOB}

TRANSITION = Transition(
    job_id=RUNNING,
    from_status=JobStatus.RUNNING,
    to_status=JobStatus.FAILED,
    at=NOON,
    mode="lifestyle",
    cost_cents=25,
    error=None,
    user_id=None,
    project_id=AUTUMN,
    cursor=Cursor(740, 12),
)

_JOBS = (
    (QUEUED, "queued", "lifestyle", None, 200, 4),
    (RUNNING, "running", "packaging", None, 50, 3),
    (SUCCEEDED, "succeeded", "main_white", None, 250, 2),
    (FAILED, "failed", "feature_callout", "API timeout", 18, 1),
)
"""Id, status, mode, error, cost, and hours from noon to the creation of each of Ada's jobs."""


def time_of(hour: int) -> str:
    return (NOON + timedelta(hours=hour)).isoformat(timespec="microseconds").replace("+00:00", "Z")


def fill(connection: psycopg.Connection) -> None:
    for user, email, project, name in (
        (ADA, "ada@example.com", AUTUMN, "Autumn catalog"),
        (BEN, "ben@example.com", SPRING, "Spring lookbook"),
    ):
        connection.execute("insert into auth.users (id, email, created_at) values (%s, %s, %s)", [user, email, NOON])
        connection.execute(
            "insert into public.projects (id, user_id, name, created_at, updated_at) values (%s, %s, %s, %s, %s)",
            [project, user, name, NOON, NOON],
        )
    connection.execute(
        "insert into public.assets (id, user_id, project_id, kind, mode, prompt_version, prompt_payload, storage_path)"
        " values (%s, %s, %s, 'input', 'lifestyle', '1', '{}', 'shoe.png')",
        [ASSET, ADA, AUTUMN],
    )
    bens = (BENS_JOB, "queued", "lifestyle", None, 100, 0)
    for user, project, (*values, hour) in (*((ADA, AUTUMN, job) for job in _JOBS), (BEN, SPRING, bens)):
        connection.execute(
            "insert into public.generation_jobs"
            " (user_id, project_id, id, status, mode, error, cost_cents, created_at, updated_at)"
            " values (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [user, project, *values, NOON + timedelta(hours=hour), NOON + timedelta(hours=hour)],
        )
    if connection.execute("select from pg_class where oid = to_regclass('gjobs.job_starts')").fetchall():
        connection.execute(
            "update gjobs.job_event_log set at = %s where to_status = 'running'", [NOON + timedelta(hours=4)]
        )


def present(sql: Sql) -> set[UUID]:
    """Return the ids of all jobs."""
    return {UUID(str(row[0])) for row in sql("select id from public.generation_jobs")}


def listed_ids(gjobs: Run, *arguments: str) -> list[UUID]:
    """Return the ids of the rows that a listing command prints, which must print no error."""
    listed = gjobs(*arguments, "--json")
    assert (listed.code, listed.err) == (0, "")
    return [UUID(one["id"]) for one in listed.document]


def document(job: UUID) -> dict[str, Any]:
    """Return one of Ada's jobs as the command line prints it."""
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
        "wait_seconds": 3600.0 if job == RUNNING else None,
        "run_seconds": None,
    }
