"""How a client reaches the server: by its socket, as which role."""

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import quote

from store.embedded.paths import PORT

ADMINISTRATOR = "gjobs_admin"
"""The bootstrap superuser. The program asks as it who is connected, and nothing else."""

OWNER = "gjobs"
"""The role that owns the database of the same name, migrates it and is the operator: no superuser, as hosted."""

_UNMOVED_BY_ENVIRONMENT = {
    "hostaddr": "",
    "options": "",
    "client_encoding": "UTF8",
    "target_session_attrs": "any",
    "load_balance_hosts": "disable",
    "require_auth": "",
    "channel_binding": "disable",
    "gssencmode": "disable",
    "sslmode": "disable",
    "sslnegotiation": "postgres",
    "sslrootcert": "",
}
"""Stands before what libpq would else take from PGHOSTADDR, PGOPTIONS and their like."""


def connection_info(socket_dir: str, *, user: str = OWNER) -> Mapping[str, str]:
    """By keyword, for a path may hold what a connection string would take for its own."""
    address = {"host": socket_dir, "port": PORT, "user": user, "dbname": OWNER}
    return MappingProxyType(address | _UNMOVED_BY_ENVIRONMENT)


def server_uri(socket_dir: str) -> str:
    """Percent-encoded; `port` is part of the socket's name."""
    return f"postgresql://{OWNER}@/{OWNER}?host={quote(socket_dir, safe='/')}&port={PORT}"
