"""The README's SQL for a read-only login, run as it stands there."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg.sql import SQL, Identifier

from tests.conftest import Conninfo, connect
from tests.hosted.cluster import Server

README = Path(__file__).parents[2] / "README.md"

NEWEST_THAT_ASKS_FOR_A_SUPERUSER = 159_999
"""Up to here only a superuser makes a role that bypasses row level security. Hosts let the owner do it all the same."""


def reader_sql() -> str:
    (block,) = [
        block
        for block in re.findall(r"^```sql\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)
        if "create role" in block
    ]
    return str(block)


def reader_of(sql: str) -> tuple[str, str]:
    """The role, and its password."""
    found = re.search(r"create role (\w+) login .*password '([^']*)'", sql)
    assert found is not None
    return found[1], found[2]


@contextmanager
def reader_made(server: Server, database: str) -> Iterator[Conninfo]:
    """The login. On leaving, the role is gone again."""
    sql = reader_sql()
    role, password = reader_of(sql)
    creation, rest = sql.split(";", 1)
    with connect(server.login(database)) as owner:
        is_let = owner.info.server_version > NEWEST_THAT_ASKS_FOR_A_SUPERUSER
        with connect(server.administrator(database)) as administrator:
            (owner if is_let else administrator).execute(creation.encode())
        owner.execute(rest.encode())
    yield {**server.login(database, role), "password": password}
    with connect(server.administrator(database)) as administrator:
        administrator.execute(SQL("drop owned by {}").format(Identifier(role)))
        administrator.execute(SQL("drop role {}").format(Identifier(role)))
