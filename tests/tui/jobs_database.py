"""Rows with fixed ids and times for dashboard tests, written and read on a connection of their own."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from gjobs.store.jobs.job import JobStatus
from tests.conftest import Conninfo, connect

FROZEN = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)  # the current time of the dashboard and of its queries

ADA = UUID("a0000000-0000-4000-8000-000000000000")

BEN = UUID("b0000000-0000-4000-8000-000000000000")

AUTUMN = UUID("a1000000-0000-4000-8000-000000000000")  # Ada's newest project

SPRING = UUID("a2000000-0000-4000-8000-000000000000")  # Ada's older one

TRAIL = UUID("b1000000-0000-4000-8000-000000000000")  # Ben's project, older than Ada's


def job_id(number: int) -> UUID:
    """Return an id whose first eight characters, the short id, are the number."""
    return UUID(int=number << 96)


def short(number: int) -> str:
    return f"{number:08x}"


class JobsDatabase:
    """Another session of the database, in autocommit."""

    def __init__(self, database: Conninfo | psycopg.Connection) -> None:
        """Connect, or use a connection in autocommit, which the caller closes."""
        self._is_own = not isinstance(database, psycopg.Connection)
        self._connection = database if isinstance(database, psycopg.Connection) else connect(database, autocommit=True)

    def close(self) -> None:
        if self._is_own:
            self._connection.close()

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        cursor: psycopg.Cursor[tuple[Any, ...]] = self._connection.execute(statement.encode(), values)
        return cursor.fetchall() if cursor.description else []

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Run the statements in one transaction and few round trips."""
        with self._connection.transaction(), self._connection.pipeline():
            yield

    def users(self) -> None:
        for user, email in ((ADA, "ada@example.com"), (BEN, "ben@example.com")):
            self.sql("insert into auth.users (id, email, created_at) values (%s, %s, %s)", user, email, FROZEN)

    def project(self, project_id: UUID, name: str, *, days_ago: int, owner: UUID = ADA) -> None:
        created = FROZEN - timedelta(days=days_ago)
        self.sql(
            "insert into public.projects (id, user_id, name, created_at, updated_at) values (%s, %s, %s, %s, %s)",
            *(project_id, owner, name, created, created),
        )

    def asset(self, asset_id: UUID, path: str, *, project: UUID = AUTUMN, owner: UUID = ADA) -> None:
        self.sql(
            "insert into public.assets (id, user_id, project_id, kind, mode, prompt_version, prompt_payload,"
            " storage_path) values (%s, %s, %s, 'input', 'lifestyle', '1', '{}', %s)",
            *(asset_id, owner, project, path),
        )

    def job(
        self,
        number: int,
        status: str = "queued",
        *,
        project: UUID = AUTUMN,
        owner: UUID = ADA,
        mode: str = "lifestyle",
        cost_cents: int = 250,
        error: str | None = None,
        minutes_ago: float | None = None,
    ) -> None:
        """Insert a job, by default created `number` minutes ago: lower numbers are newer."""
        time = FROZEN - timedelta(minutes=number if minutes_ago is None else minutes_ago)
        self.sql(
            "insert into public.generation_jobs"
            " (id, user_id, project_id, status, mode, error, cost_cents, created_at, updated_at)"
            " values (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            *(job_id(number), owner, project, status, mode, error, cost_cents, time, time),
        )

    def jobs(self, numbers: Iterable[int]) -> None:
        with self.at_once():
            for number in numbers:
                self.job(number, cost_cents=100)

    def many_jobs(self, number: int) -> None:
        """Insert the queued jobs 1 to `number`, created one minute apart."""
        self.sql(
            "insert into public.generation_jobs"
            " (id, user_id, project_id, status, mode, cost_cents, created_at, updated_at)"
            " select (lpad(to_hex(number), 8, '0') || '-0000-0000-0000-000000000000')::uuid, %s, %s, 'queued',"
            " 'lifestyle', 100, time, time"
            " from generate_series(1, %s) as number, lateral (select %s - number * interval '1 minute' as time) as its",
            *(ADA, AUTUMN, number, FROZEN),
        )
        self.sql("analyze public.generation_jobs")

    def set_status(self, number: int, status: str) -> None:
        self.sql("update public.generation_jobs set status = %s where id = %s", status, job_id(number))

    def delete(self, *numbers: int) -> None:
        for number in numbers:
            self.sql("delete from public.generation_jobs where id = %s", job_id(number))

    def status(self, number: int) -> JobStatus | None:
        """Return the status of a job, or None if the job does not exist."""
        rows = self.sql("select status from public.generation_jobs where id = %s", job_id(number))
        return JobStatus(rows[0][0]) if rows else None

    def count(self) -> int:
        ((number,),) = self.sql("select count(*) from public.generation_jobs")
        return int(number)


def fill(jobs_db: JobsDatabase) -> None:
    """Insert two users, three projects and eight jobs: jobs 1 to 6 are in Ada's Autumn, newest first."""

    with jobs_db.at_once():
        jobs_db.users()
        jobs_db.project(AUTUMN, "Autumn catalog", days_ago=1)
        jobs_db.project(SPRING, "Spring lookbook", days_ago=2)
        jobs_db.project(TRAIL, "Trail gear", days_ago=3, owner=BEN)
        jobs_db.job(1, "queued", cost_cents=100)
        jobs_db.job(2, "running", mode="packaging", cost_cents=250)
        jobs_db.job(3, "succeeded", mode="main_white", cost_cents=300)
        jobs_db.job(4, "failed", error="API timeout", cost_cents=50)
        jobs_db.job(5, "queued", mode="feature_callout", cost_cents=75)
        jobs_db.job(6, "running", cost_cents=125)
        jobs_db.job(7, "succeeded", project=SPRING, cost_cents=900)
        jobs_db.job(8, "failed", project=TRAIL, owner=BEN, cost_cents=40)
