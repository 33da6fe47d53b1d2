"""A migrated database with queued jobs, and connections to it that can be cut."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from uuid import UUID

from psycopg import Connection

from tests.chaos.job_modes import SHARES
from tests.conftest import Conninfo, connect
from tests.hosted.cluster import Server
from tests.hosted.pooler import start_pooler
from tests.store.faulty_servers import Proxy, proxied

AGAIN_SOON = "server_login_retry = 1"
"""Settings of PgBouncer. By default PgBouncer tries a lost server only every 15 seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    server: Server
    database: str
    conninfo: Conninfo
    """The login of the workers."""
    proxies: Sequence[Proxy]
    """The proxies between the workers and the server."""

    def connect_directly(self) -> Connection:
        """Connect directly to the server, without a proxy."""
        return connect(self.server.administrator(self.database), autocommit=True)


@asynccontextmanager
async def direct(server: Server, database: str) -> AsyncIterator[Environment]:
    async with proxied(server.login(database)) as (proxy, conninfo):
        yield Environment(server=server, database=database, conninfo=conninfo, proxies=[proxy])


@asynccontextmanager
async def pooled(server: Server, database: str, program: str) -> AsyncIterator[Environment]:
    """Use a PgBouncer in transaction mode, with proxies on both sides."""
    async with proxied(server.login(database)) as (behind, to_server):
        with start_pooler(
            server, program, "transaction", server_port=int(to_server["port"]), more=AGAIN_SOON
        ) as pooler:
            async with proxied(pooler.login(database)) as (before, conninfo):
                yield Environment(server=server, database=database, conninfo=conninfo, proxies=[before, behind])


def queue(connection: Connection, number: int, *, seed: int) -> list[UUID]:
    """Queue jobs in a project, each mode with its share."""
    modes = Random(seed).choices(list(SHARES), list(SHARES.values()), k=number)  # noqa: S311
    rows = connection.execute(
        "with owner as (insert into auth.users (id, email) values (gen_random_uuid(), 'ada@example.com') returning id),"
        " project as (insert into public.projects (user_id, name) select id, 'Catalog' from owner"
        " returning id, user_id)"
        " insert into public.generation_jobs (user_id, project_id, mode)"
        " select user_id, id, mode from project, unnest(%s::text[]) as mode returning id",
        [[mode.value for mode in modes]],
    )
    return [job_id for (job_id,) in rows]
