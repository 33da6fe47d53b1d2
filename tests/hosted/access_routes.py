"""The logins of a hosted project, and what each may do."""

from dataclasses import dataclass

import pytest
from psycopg.conninfo import make_conninfo

from tests.conftest import Conninfo, connect
from tests.hosted.cluster import Server

SOME_LOGINS = [
    "least_privilege",
    "pooled_by_transaction",
    pytest.param("replicated", marks=pytest.mark.xdist_group("replica")),
]
"""A login of each kind, for tests of what the store does for every login."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    conninfo: Conninfo
    database: str
    server: Server
    """The server of the sessions: the primary or its replica."""
    primary: Server
    is_owner: bool = True
    """Whether it can read auth.users and act as a user."""
    writes: bool = True

    @property
    def url(self) -> str:
        return make_conninfo("", **self.conninfo)

    @property
    def is_pooled(self) -> bool:
        """Whether a pooler may give the server's session to others."""
        return self.conninfo["port"] != self.server.administrator()["port"]

    def sessions(self) -> list[tuple[str, bool]]:
        """Return the state of each session of gjobs, and whether it has an open transaction."""
        with connect(self.server.administrator()) as administrator:
            return administrator.execute(
                "select state, xact_start is not null from pg_stat_activity"
                " where datname = %s and application_name = 'gjobs'",
                [self.database],
            ).fetchall()
