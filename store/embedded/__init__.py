"""A Postgres of our own, for machines that have Python and nothing else.

The first user starts it, users share it, and it stops some seconds after the last one. POSIX only, and synchronous:
in a coroutine, call these in a thread. A name is imported when it is used, so that asking where the data directory
is costs little.
"""

import importlib
from typing import TYPE_CHECKING

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

_HOMES = {
    "ADMINISTRATOR": "address",
    "GRACE": "server",
    "OWNER": "address",
    "EmbeddedUnavailable": "errors",
    "Report": "report",
    "ServerInUse": "errors",
    "ServerLease": "lease",
    "ServerStatus": "control",
    "default_data_dir": "place",
    "keep_server": "control",
    "open_server": "server",
    "reset_server": "control",
    "server_status": "control",
    "stop_server": "control",
    "throw_away_dir": "place",
    "unkeep_server": "control",
}

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


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
