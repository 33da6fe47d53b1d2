"""Connect while the session's code is imported."""

from typing import TYPE_CHECKING

from gjobs.store.configuration.settings import Settings, UrlTarget
from gjobs.store.errors import InvalidValue

if TYPE_CHECKING:
    from gjobs.store.database.connection_pool import ConnectionPool


def start_connecting(settings: Settings) -> "ConnectionPool | None":
    """Start to connect to a URL. Return None if only the session can connect, or if it must report an invalid
    address.
    """
    if not isinstance(settings.target, UrlTarget):
        return None
    from gjobs.store.database.connection_pool import ConnectionPool
    from gjobs.store.database.connection_url import parameters, password_command

    try:
        if password_command(settings.target) is not None:
            return None
        connections = ConnectionPool(parameters(settings.target))
    except InvalidValue:
        return None
    connections.connect_early()
    return connections
