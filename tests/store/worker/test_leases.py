"""A worker's leases, as its parts ask for them at the same time."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from store.database.database import Database
from store.leases.lease import SILENT_AFTER, Released, WorkerInfo
from store.users.actor import OPERATOR
from store.worker.lease_client import LeaseClient, interval
from tests.conftest import Conninfo, connect
from tests.store.support import until
from tests.store.worker.conftest import WorkerEnv

WORKER = WorkerInfo(id=UUID(int=7), user_id=None, name="one", host="here", process=1, modes=None, concurrency=1)


async def test_lease_is_released_after_a_renewal_in_progress(
    database: Conninfo,
    env: WorkerEnv,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else the database would leave it alone, for it is locked, and nobody could have it until the lease expires."""
    (job,) = env.queue()
    leases = LeaseClient(env.operator.database, OPERATOR, WORKER, seconds=60.0)
    await leases.arrive()
    (claimed,) = await leases.claim(1)
    write, was_renewed = Database.write_pipelined, list[bool]()

    async def note(self: Database, actor: Any, what: str, *queries: Any) -> Any:
        if what == "end jobs":
            was_renewed.append(renewing.done())
        return await write(self, actor, what, *queries)

    monkeypatch.setattr(Database, "write_pipelined", note)
    with connect(database) as elsewhere:
        elsewhere.execute("select from gjobs.workers where id = %s for update", [WORKER.id])
        renewing = asyncio.create_task(leases.renew([claimed.held], []))
        await until(lambda: env.sql("select pid from pg_locks where not granted") != [])
        ending = asyncio.create_task(leases.end([Released(job_id=job, attempt=claimed.attempt)]))
        await asyncio.sleep(0)
        elsewhere.rollback()
    assert await renewing == {job}
    assert await ending == {job}
    assert was_renewed == [True]
    assert env.sql("select owner, attempt from gjobs.job_leases") == [(None, 0)]


@pytest.mark.parametrize("lease", [3.0, 60.0, 3_600.0])
def test_heartbeat_interval_is_a_third_of_lease_and_silence_at_most(lease: float) -> None:
    assert interval(lease) <= min(lease, SILENT_AFTER.total_seconds()) / 3
