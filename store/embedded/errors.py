"""What can go wrong with the embedded server."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from store.errors import StoreError, Unreachable


class EmbeddedUnavailable(Unreachable):
    """The embedded server cannot run here, or did not start."""

    hint = "Set GJOBS_DATA_DIR to another directory, or give --database-url to use another database."


class ServerInUse(StoreError):
    """Others use the server, so what was asked for was not done. `users` is how many."""

    hint = "Close the other dashboards, commands and connections, then try again."

    def __init__(self, message: str, users: int) -> None:
        super().__init__(message)
        self.users = users


@contextmanager
def explaining(data_dir: Path) -> Iterator[None]:
    """Make what the system refuses (a full disk, a directory that is none) an error that names the directory."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise EmbeddedUnavailable(f"A database cannot be kept in {data_dir}: {reason}.") from error
