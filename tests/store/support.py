"""Ids and shapes that the store's tests share."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

from store.jobs.job import JobStatus
from store.store import Store
from tests.conftest import Conninfo

ADA = UUID("00000000-0000-4000-8000-00000000000a")

BEN = UUID("00000000-0000-4000-8000-00000000000b")

CLEO = UUID("00000000-0000-4000-8000-00000000000c")

"""Has no e-mail."""

STRANGER = UUID("00000000-0000-4000-8000-0000000000ff")

"""Is no user and owns nothing."""

NOTHING = UUID("00000000-0000-4000-8000-000000000000")

"""No row has this id."""

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


class Sql(Protocol):
    """Runs a statement as the owner, at once and for good; its rows, if it has any."""

    def __call__(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]: ...


class MakeProject(Protocol):
    def __call__(self, owner: UUID = ADA, name: str = "Catalog") -> UUID: ...


class MakeAsset(Protocol):
    """Of the project's owner."""

    def __call__(self, project_id: UUID, *, kind: str = "input", created_at: datetime = NOW) -> UUID: ...


class MakeJob(Protocol):
    """Of the project's owner; without one, in a new project of Ada's. A time may be anything that Postgres reads."""

    def __call__(
        self,
        project_id: UUID | None = None,
        status: JobStatus | str = JobStatus.QUEUED,
        *,
        job_id: UUID | None = None,
        mode: str = "lifestyle",
        cost_cents: int = 250,
        error: str | None = None,
        input_asset_id: UUID | None = None,
        created_at: datetime | str = NOW,
        updated_at: datetime | str = NOW,
    ) -> UUID: ...


@dataclass(frozen=True, kw_only=True)
class Db:
    """A migrated database with three users: stores on it, statements and rows."""

    conninfo: Conninfo
    sql: Sql
    make_project: MakeProject
    make_asset: MakeAsset
    make_job: MakeJob
    operator: Store
    ada: Store
    ben: Store
    stranger: Store


async def until(condition: Callable[[], bool]) -> None:
    """Waits for what another process does, and fails after a minute."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)
