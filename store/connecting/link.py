"""What lies between here and the server, as far as a connection tells: behind a pooler, the way to the pooler."""

from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psycopg import AsyncConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    is_encrypted: bool
    is_local: bool
    """A Unix socket, or the machine's own address."""
    told_pid: int = field(default=0, compare=False)
    """The server's process, as it was told when connecting: a pooler makes one up. Says nothing of the link's kind."""

    @property
    def is_exposed(self) -> bool:
        """Whether others on the network can read along."""
        return not (self.is_encrypted or self.is_local)


def link_of(connection: "AsyncConnection") -> Link:
    return Link(
        is_encrypted=bool(connection.pgconn.ssl_in_use),
        is_local=is_local(connection.info.host, connection.info.hostaddr),
        told_pid=connection.info.backend_pid,
    )


def is_local(host: str, address: str) -> bool:
    """By the host as it was given, which is a directory for a Unix socket, and the address that it has."""
    return host.startswith(("/", "@")) or (bool(address) and ip_address(address).is_loopback)
