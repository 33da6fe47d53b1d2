"""The ways into a hosted project, each with what it lets one do."""

from dataclasses import dataclass

from psycopg.conninfo import make_conninfo

from tests.conftest import Conninfo, connect
from tests.hosted.cluster import Server


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    conninfo: Conninfo
    database: str
    server: Server
    """Whose sessions serve it: the primary, or its replica."""
    primary: Server
    is_owner: bool = True
    """Reads auth.users, and becomes a user of the app."""
    writes: bool = True

    @property
    def url(self) -> str:
        return make_conninfo("", **self.conninfo)

    def sessions(self) -> list[tuple[str, bool]]:
        """Of gjobs, on the server: their states, and whether each has a transaction open."""
        with connect(self.server.administrator()) as administrator:
            return administrator.execute(
                "select state, xact_start is not null from pg_stat_activity"
                " where datname = %s and application_name = 'gjobs'",
                [self.database],
            ).fetchall()
