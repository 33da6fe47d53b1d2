"""The store prints nothing about a lost connection. The screen belongs to its caller."""

import asyncio
import sys

from tests.conftest import Conninfo
from tests.store.faulty_servers import proxied

READ_TWICE = """
import asyncio, sys
from gjobs.store import Store, StoreError
from gjobs.store.database.database import Database

async def main():
    store = Store(Database({"host": "127.0.0.1", "port": sys.argv[1], "user": "gjobs", "dbname": sys.argv[2]}))
    for _ in range(2):
        try:
            await store.get_generation_jobs()
        except StoreError as error:
            print(type(error).__name__)
    await store.close()

asyncio.run(main())
"""


async def test_lost_connection_prints_nothing(database: Conninfo) -> None:
    """The driver would warn about errors that it ignores. Only the caller gets the error."""

    async def close_connection(client: asyncio.StreamWriter) -> None:
        client.close()

    async with proxied(database) as (proxy, through_proxy):
        proxy.instead_of_commit_answer = close_connection
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", READ_TWICE, str(through_proxy["port"]), str(database["dbname"])),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
    assert (output.decode().split(), errors.decode()) == (["Unreachable", "Unreachable"], "")
