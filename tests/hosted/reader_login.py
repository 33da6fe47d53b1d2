"""The SQL of the manual that creates a read-only login."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from psycopg.sql import SQL, Identifier

from gjobs.tui.manual.pages import page_source
from tests.conftest import Conninfo, connect
from tests.hosted.cluster import Server

LAST_SUPERUSER_ONLY_VERSION = 159_999
"""The last version in which only a superuser can create a role that bypasses row level security. Hosts allow owners."""


def sql_block(containing: str) -> str:
    blocks: list[str] = re.findall(r"^```sql\n(.*?)^```$", page_source("connecting"), re.MULTILINE | re.DOTALL)
    (block,) = [block for block in blocks if containing in block]
    return block


@contextmanager
def reader_made(server: Server, database: str, *, by_policies: bool = False) -> Iterator[Conninfo]:
    """Create the login, which bypasses row level security or reads through policies. Drop the role after the block."""
    creation, _, rest = sql_block("create role").partition(";")
    named = re.fullmatch(r"create role (\w+) login bypassrls password '(.*)'", creation)
    assert named is not None
    role, password = named.groups()
    if by_policies:
        creation = creation.replace(" bypassrls", "")
        rest += sql_block("create policy")
    with connect(server.login(database)) as owner, connect(server.administrator(database)) as administrator:
        is_let = by_policies or owner.info.server_version > LAST_SUPERUSER_ONLY_VERSION
        (owner if is_let else administrator).execute(creation.encode())
        administrator.commit()
        owner.execute(rest.encode())
    try:
        yield {**server.login(database, role), "password": password}
    finally:
        with connect(server.administrator(database)) as administrator:
            administrator.execute(SQL("drop owned by {}").format(Identifier(role)))
            administrator.execute(SQL("drop role {}").format(Identifier(role)))
