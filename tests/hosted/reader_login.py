"""The manual's SQL for a login that can only read, run as it stands there."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from psycopg.sql import SQL, Identifier

from tests.conftest import Conninfo, connect
from tests.hosted.cluster import Server
from tui.manual.pages import page_source

NEWEST_THAT_ASKS_FOR_A_SUPERUSER = 159_999

"""Up to here only a superuser makes a role that bypasses row level security. Hosts let the owner do it all the same."""


def sql_block(containing: str) -> str:
    blocks: list[str] = re.findall(r"^```sql\n(.*?)^```$", page_source("connecting"), re.MULTILINE | re.DOTALL)
    (block,) = [block for block in blocks if containing in block]
    return block


@contextmanager
def reader_made(server: Server, database: str, *, by_policies: bool = False) -> Iterator[Conninfo]:
    """The login, which sees the rows past row level security or by policies. On leaving, the role is gone again."""
    creation, _, rest = sql_block("create role").partition(";")
    named = re.fullmatch(r"create role (\w+) login bypassrls password '(.*)'", creation)
    assert named is not None
    role, password = named.groups()
    if by_policies:
        creation = creation.replace(" bypassrls", "")
        rest += sql_block("create policy")
    with connect(server.login(database)) as owner, connect(server.administrator(database)) as administrator:
        is_let = by_policies or owner.info.server_version > NEWEST_THAT_ASKS_FOR_A_SUPERUSER
        (owner if is_let else administrator).execute(creation.encode())
        administrator.commit()
        owner.execute(rest.encode())
    try:
        yield {**server.login(database, role), "password": password}
    finally:
        with connect(server.administrator(database)) as administrator:
            administrator.execute(SQL("drop owned by {}").format(Identifier(role)))
            administrator.execute(SQL("drop role {}").format(Identifier(role)))
