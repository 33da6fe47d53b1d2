"""A Postgres of our own, for machines that have Python and nothing else.

The first user starts it, users share it, and it stops some seconds after the last one. POSIX only, and synchronous:
in a coroutine, call these in a thread. A name is imported when it is used, so that asking where the data directory
is costs little.
"""

from typing import TYPE_CHECKING

from store.when_used import names_of

if TYPE_CHECKING:
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
    from store.embedded.place import default_data_dir, throw_away_dir
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
    "throw_away_dir",
    "unkeep_server",
]

__getattr__ = names_of(
    __name__,
    {
        "address": ("ADMINISTRATOR", "OWNER"),
        "control": ("ServerStatus", "keep_server", "reset_server", "server_status", "stop_server", "unkeep_server"),
        "errors": ("EmbeddedUnavailable", "ServerInUse"),
        "lease": ("ServerLease",),
        "place": ("default_data_dir", "throw_away_dir"),
        "report": ("Report",),
        "server": ("GRACE", "open_server"),
    },
)
