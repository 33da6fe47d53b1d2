"""A Postgres of our own, for machines that have Python and nothing else.

The first user starts it, users share it, and it stops some seconds after the last one. POSIX only, and synchronous:
in a coroutine, call these in a thread.
"""

from store.embedded.address import ADMINISTRATOR, OWNER
from store.embedded.control import (
    ServerStatus,
    keep_server,
    reset_server,
    server_status,
    stop_server,
    unkeep_server,
)
from store.embedded.errors import EmbeddedUnavailable, ServerInUse
from store.embedded.lease import ServerLease
from store.embedded.place import default_data_dir
from store.embedded.report import Report
from store.embedded.server import GRACE, open_server

__all__ = [
    "ADMINISTRATOR",
    "GRACE",
    "OWNER",
    "EmbeddedUnavailable",
    "Report",
    "ServerInUse",
    "ServerLease",
    "ServerStatus",
    "default_data_dir",
    "keep_server",
    "open_server",
    "reset_server",
    "server_status",
    "stop_server",
    "unkeep_server",
]
