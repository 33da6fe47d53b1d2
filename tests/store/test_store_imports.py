"""Importing the store is cheap, and it writes nothing on its own: the screen belongs to somebody else."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

import store
from tests.conftest import Conninfo
from tests.store.faulty_servers import proxied

HEAVY = ("sqlalchemy", "psycopg", "alembic", "textual", "rich", "tui", "migrations")

ASK_AND_FAIL = """
import asyncio, sys
from store import Store, StoreError
from store.database.database import Database

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


def modules_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*sys.modules, sep='\\n')"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in run.stdout.split()}


@pytest.mark.parametrize(
    "statement",
    [
        "import store",
        "import store.configuration.settings, store.jobs.job_results, store.users.actor, store.validation",
    ],
)
def test_light_modules_import_no_heavy_packages(statement: str) -> None:
    assert modules_after(statement).isdisjoint(HEAVY)


def test_no_store_module_imports_the_dashboard_or_migrations() -> None:
    root = Path(store.__file__).parent
    names = sorted(
        ".".join(path.relative_to(root.parent).with_suffix("").parts)
        for path in root.rglob("*.py")
        if path.name not in ("__init__.py", "__main__.py")
    )
    assert "store.store" in names
    loaded = modules_after(f"import {', '.join(names)}")
    assert {"store", "psycopg", "sqlalchemy"} <= loaded
    assert loaded.isdisjoint({"tui", "migrations", "textual", "rich", "alembic"})


async def test_lost_connection_prints_nothing(database: Conninfo) -> None:
    """The driver warns of what it ignores; the caller gets the error, and nobody else a word."""

    async def cut_the_link(client: asyncio.StreamWriter) -> None:
        client.close()

    async with proxied(database) as (proxy, through_proxy):
        proxy.instead_of_commit_answer = cut_the_link
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", ASK_AND_FAIL, str(through_proxy["port"]), str(database["dbname"])),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, complaints = await process.communicate()
    assert (output.decode().split(), complaints.decode()) == (["Unreachable", "Unreachable"], "")
