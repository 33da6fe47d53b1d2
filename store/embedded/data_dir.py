"""Where data lives; the files of one server."""

import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from store.errors import EmbeddedUnavailable, InvalidValue
from store.private_files import make_directory

PORT = "5432"
"""Part of the socket's name; nothing listens on TCP."""

LONGEST_SOCKET_PATH = 100
"""Bytes. Linux takes 107, macOS 103."""


@dataclass(frozen=True, slots=True)
class DataLayout:
    """The files of one embedded server. Everything is in `home`, so that the data directory can hold other things."""

    data_dir: Path

    @classmethod
    def of(cls, data_dir: Path) -> "DataLayout":
        """Of a directory that need not exist, by its one name without links.

        Postgres' own files cannot express a path with a line break.
        """
        real = Path(os.path.realpath(data_dir.expanduser()))
        if "\n" in str(real) or "\r" in str(real):
            raise EmbeddedUnavailable("The data directory's path holds a line break.")
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
        """PGDATA. It is there only when it is complete."""
        return self.home / "cluster"

    @property
    def log(self) -> Path:
        return self.home / "log" / "postgres.log"

    @property
    def watchdog_log(self) -> Path:
        return self.home / "log" / "watchdog.log"

    @property
    def client_locks(self) -> Path:
        """A directory: one locked file for each user of the server."""
        return self.home / "seats"

    @property
    def start_lock(self) -> Path:
        """Whoever starts, stops or counts the users holds it."""
        return self.home / "locks" / "start"

    @property
    def prepare_lock(self) -> Path:
        return self.home / "locks" / "prepare"

    @property
    def watch_lock(self) -> Path:
        """The watchdog holds it as long as it lives."""
        return self.home / "locks" / "watch"

    @property
    def server_lock(self) -> Path:
        """Each process of the server holds it, those that a killed postmaster leaves behind as well."""
        return self.home / "locks" / "server"

    @property
    def kept(self) -> Path:
        """A marker: the server stays up without users."""
        return self.home / "kept"

    @property
    def throw_away(self) -> Path:
        """A marker: we made the data directory, and it goes when the server has stopped."""
        return self.home / "throw-away"

    @property
    def sample_needed(self) -> Path:
        """A marker inside the cluster, so that it appears and goes with it."""
        return self.cluster / "gjobs.sample-needed"

    def make(self) -> bool:
        """Make the directories that are missing, and say whether the data directory was.

        Root's can be entered by others, for Postgres may have to run as another account; what lies in them is
        private.
        """
        made = make_directory(self.data_dir)
        make_directory(self.home)
        require_owned(self.home, os.geteuid())
        for directory in (self.log.parent, self.client_locks, self.start_lock.parent):
            make_directory(directory, 0o700)
        return made


def require_owned(path: Path, owner: int) -> None:
    """Refuse what another account could have put there: a link, or a directory that is not the owner's."""
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise EmbeddedUnavailable(f"{path} is not a directory.")
    if found.st_uid != owner:
        raise EmbeddedUnavailable(f"{path} belongs to the account number {found.st_uid}, and should belong to {owner}.")


def socket_directory(layout: DataLayout) -> Path:
    """Where a server that is being started makes its socket; where a running one has it, postmaster.pid says.

    Beside the cluster, unless a socket's path cannot be as long as that or libpq would take a comma in it for
    the end of a host's name: then a directory of the same privacy below the temporary one.
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
    """Absolute, a leading `~` expanded; None where the variable is not set or empty. Raises InvalidValue."""
    named = os.environ.get(variable)
    if not named:
        return None
    try:
        return Path(named).expanduser().absolute()
    except RuntimeError:
        raise InvalidValue(
            variable, f"{variable} is {named!r}, and there is no such home directory.", hint="Give a whole path."
        ) from None


_WITHOUT_A_HOME = Path("/gjobs")
"""Few may write there, and they are told; another database can still be opened."""


def default_data_dir() -> Path:
    """What GJOBS_DATA_DIR names, else where this system keeps a user's data of a program called gjobs.

    Root's home may be closed to the account that Postgres has to run as. Where it is, it is the system's own place
    for a program's data, unless a database has been made at home.
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
    """A new name below the temporary directory, for a server that is opened with `remove_after`."""
    import tempfile

    return Path(tempfile.gettempdir()).absolute() / f"gjobs-{os.getpid()}-{os.urandom(8).hex()}"


def _is_inaccessible(directory: Path) -> bool:
    """Whether no account that Postgres could run as may enter it, or the nearest directory above that exists."""
    from store.embedded.os_account import accounts

    if DataLayout.of(directory).cluster.exists():
        return False
    nearest = next(path for path in (directory, *directory.parents) if path.exists())
    return all(account.obstacle(nearest) is not None for account in accounts())
