"""The data directory, and the files of one embedded server in it."""

import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from gjobs.store.errors import EmbeddedUnavailable, InvalidValue
from gjobs.store.private_files import make_directory

PORT = "5432"
"""Part of the socket's name. The server does not listen on TCP."""

LONGEST_SOCKET_PATH = 100
"""Bytes. Linux allows 107, macOS 103."""


@dataclass(frozen=True, slots=True)
class DataLayout:
    """The files of one embedded server. All are in `home`, so that the data directory may hold other files."""

    data_dir: Path

    @classmethod
    def of(cls, data_dir: Path) -> "DataLayout":
        """Return the layout of a directory, with symbolic links resolved. The directory need not exist.

        Raises EmbeddedUnavailable for a path with a line break, because Postgres' own files can't contain one.
        """
        real = Path(os.path.realpath(data_dir.expanduser()))
        if "\n" in str(real) or "\r" in str(real):
            raise EmbeddedUnavailable("The data directory's path contains a line break.")
        try:
            str(real).encode()
        except UnicodeEncodeError:
            raise EmbeddedUnavailable("The data directory's path is not UTF-8.") from None
        return cls(real)

    @property
    def home(self) -> Path:
        return self.data_dir / "postgres"

    @property
    def cluster(self) -> Path:
        """PGDATA. It exists only when it is complete."""
        return self.home / "cluster"

    @property
    def log(self) -> Path:
        return self.home / "log" / "postgres.log"

    @property
    def watchdog_log(self) -> Path:
        return self.home / "log" / "watchdog.log"

    @property
    def client_locks(self) -> Path:
        """A directory with one locked file for each client of the server."""
        return self.home / "seats"

    @property
    def start_lock(self) -> Path:
        """Held while starting or stopping the server, or counting its clients."""
        return self.home / "locks" / "start"

    @property
    def prepare_lock(self) -> Path:
        return self.home / "locks" / "prepare"

    @property
    def watch_lock(self) -> Path:
        """Held by the watchdog while it runs."""
        return self.home / "locks" / "watch"

    @property
    def server_lock(self) -> Path:
        """Held by each server process, including those that outlive a killed postmaster."""
        return self.home / "locks" / "server"

    @property
    def kept(self) -> Path:
        """A marker: the server keeps running without clients."""
        return self.home / "kept"

    @property
    def throw_away(self) -> Path:
        """A marker: gjobs created the data directory, and deletes it after the server has stopped."""
        return self.home / "throw-away"

    @property
    def sample_needed(self) -> Path:
        """A marker inside the cluster, so that it is created and deleted with the cluster."""
        return self.cluster / "gjobs.sample-needed"

    def make(self) -> bool:
        """Create missing directories, and return whether the data directory was missing.

        Root's directories can be entered by other accounts, because Postgres may have to run as one of them. Their
        contents are private.
        """
        made = make_directory(self.data_dir)
        make_directory(self.home)
        require_owned(self.home, os.geteuid())
        for directory in (self.log.parent, self.client_locks, self.start_lock.parent):
            make_directory(directory, 0o700)
        return made


def require_owned(path: Path, owner: int) -> None:
    """Refuse a path that another account may have put there: a link, or a directory of another owner."""
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise EmbeddedUnavailable(f"{path} is not a directory.")
    if found.st_uid != owner:
        raise EmbeddedUnavailable(f"{path} belongs to account number {found.st_uid}, but must belong to {owner}.")


def socket_directory(layout: DataLayout) -> Path:
    """Return the directory for the socket of a new server. For a running server, postmaster.pid names the directory.

    It is beside the cluster, unless that path is too long for a socket or contains a comma. libpq takes a comma for the
    end of a host name. In these cases, it is a private directory under the temporary one.
    """
    beside = layout.home / "socket"
    if _fits(beside):
        return beside
    home = layout.home.stat()
    name = f"gjobs-{os.geteuid()}-{home.st_dev}-{home.st_ino}"
    usual = Path(tempfile.gettempdir()).absolute() / name
    return usual if _fits(usual) else Path("/tmp") / name  # noqa: S108 - private, its owner and mode are checked


def _fits(directory: Path) -> bool:
    socket = os.fsencode(directory / f".s.PGSQL.{PORT}")
    return len(socket) <= LONGEST_SOCKET_PATH and b"," not in socket


def directory_named_by(variable: str) -> Path | None:
    """Return an absolute path with `~` expanded, or None if the variable is unset or empty. Raises InvalidValue."""
    named = os.environ.get(variable)
    if not named:
        return None
    try:
        return Path(named).expanduser().absolute()
    except RuntimeError:
        raise InvalidValue(
            variable, f"{variable} is {named!r}, and there is no such home directory.", hint="Use an absolute path."
        ) from None


_WITHOUT_A_HOME = Path("/gjobs")
"""Used if the account has no home directory. Few accounts may write there, and the others get a clear error."""


def default_data_dir() -> Path:
    """Return GJOBS_DATA_DIR, or else the system's usual directory for a user's data of gjobs.

    Postgres can't run as root, and another account may not be able to enter root's home. In that case, return the
    system's directory for program data, unless a database already exists at home.
    """
    if chosen := directory_named_by("GJOBS_DATA_DIR"):
        return chosen
    import platformdirs

    try:
        usual = platformdirs.user_data_path("gjobs")
    except RuntimeError:
        return _WITHOUT_A_HOME
    if os.geteuid() == 0 and _is_inaccessible(usual):
        return platformdirs.site_state_path("gjobs")
    return usual


def throw_away_dir() -> Path:
    """Return a new path under the temporary directory, for a server opened with `remove_after`."""
    import tempfile

    return Path(tempfile.gettempdir()).absolute() / f"gjobs-{os.getpid()}-{os.urandom(8).hex()}"


def _is_inaccessible(directory: Path) -> bool:
    """Return whether every possible Postgres account is barred from the directory (if missing, from its nearest
    existing parent).
    """
    from gjobs.store.embedded.os_account import accounts

    if DataLayout.of(directory).cluster.exists():
        return False
    nearest = next(path for path in (directory, *directory.parents) if path.exists())
    return all(account.obstacle(nearest) is not None for account in accounts())
