"""A streaming replica of a cluster."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from psycopg.conninfo import make_conninfo

from tests.conftest import Conninfo, connect
from tests.hosted.cluster import OWNER, PASSWORD, Server
from tests.hosted.server_directory import LOCALHOST, free_port, until


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    primary: Server
    server: Server

    def login(self, database: str, role: str = OWNER) -> Conninfo:
        return self.server.login(database, role)

    def catch_up(self) -> None:
        """Wait until the replica shows all that is committed now."""
        catch_up(self.server, self.primary)

    def promote(self) -> None:
        """Make it a primary server. Its sessions continue, and may then write."""
        with connect(self.server.administrator(), autocommit=True) as administrator:
            assert administrator.execute("select pg_promote()").fetchone() == (True,)


def catch_up(server: Server, primary: Server) -> None:
    with connect(primary.administrator()) as there, connect(server.administrator(), autocommit=True) as here:
        ((written,),) = there.execute("select pg_current_wal_flush_lsn()").fetchall()
        until(lambda: here.execute("select pg_last_wal_replay_lsn() >= %s", [written]).fetchone() == (True,))


@contextmanager
def start_replica(primary: Server, name: str = "replica") -> Iterator[Replica]:
    place, account = primary.place, primary.account
    data = place.directory / name
    upstream = make_conninfo(host=LOCALHOST, port=primary.port, user="replicator", password=PASSWORD)
    primary.run(
        *("pg_basebackup", f"--pgdata={data}", f"--dbname={upstream}", "--write-recovery-conf"),
        *("--wal-method=stream", "--checkpoint=fast", "--no-sync"),
    )
    server = replace(primary, data=data, sockets=place.make_directory(f"{name}.s", account), port=free_port())
    with (data / "postgresql.auto.conf").open("a", encoding="utf-8") as settings:
        # A database that was dropped on the primary server would wait 30 s for each session that still reads it here.
        settings.write("max_standby_streaming_delay = '2s'\n")
    server.start()
    yield Replica(primary=primary, server=server)
    server.stop()
