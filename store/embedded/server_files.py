"""The files of an embedded server: its data directory, its owner, which is never root, and its clients."""

import fcntl
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from gjobs.store.errors import EmbeddedUnavailable, InvalidValue
from gjobs.store.system.private_files import make_directory

_OTHER_ACCOUNTS = ("postgres", "nobody")


@dataclass(frozen=True, slots=True, kw_only=True)
class OsAccount:
    """`prefix` goes before a command. A child process changes to `uid` and `gid`; None keeps our own."""

    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None

    @property
    def owner(self) -> int:
        """The owner of the files that Postgres creates."""
        return os.geteuid() if self.uid is None else self.uid

    def child_options(self) -> dict[str, Any]:
        """Keyword arguments for `subprocess.Popen`."""
        if self.uid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def give(self, path: Path) -> None:
        """Give a path that this process has just created to the account."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def obstacle(self, path: Path) -> Path | None:
        """Return the first directory on an existing path that the account may not enter, or None."""
        if os.geteuid() != 0:  # It has all rights of this process.
            return None
        group = os.getegid() if self.gid is None else self.gid
        resolved = path.resolve()
        way = [*reversed(resolved.parents), resolved]
        return next((step for step in way if not _may_enter(step.stat(), self.owner, group)), None)


OUR_ACCOUNT = OsAccount()


def _may_enter(directory: os.stat_result, uid: int, gid: int) -> bool:
    """Apply the kernel's rule for an account without privileges: owner, then group, then others."""
    if directory.st_uid == uid:
        return bool(directory.st_mode & stat.S_IXUSR)
    if directory.st_gid == gid:
        return bool(directory.st_mode & stat.S_IXGRP)
    return bool(directory.st_mode & stat.S_IXOTH)


def accounts() -> Iterator[OsAccount]:
    """Yield the accounts that Postgres can run as, best first.

    For root, the best is root itself, mapped to another user id in a user namespace. It can access root's files and
    needs no second account.
    """
    is_root = os.geteuid() == 0
    if not is_root and _has_name(os.geteuid()):
        yield OUR_ACCOUNT
        return
    if namespace := _user_namespace():
        yield OsAccount(prefix=namespace)
    if is_root:
        for name in _OTHER_ACCOUNTS:
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            yield OsAccount(uid=entry.pw_uid, gid=entry.pw_gid)


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _user_namespace() -> tuple[str, ...]:
    """Return the prefix that runs a command as account 1 in a user namespace, or nothing if that is forbidden."""
    unshare, true = shutil.which("unshare"), shutil.which("true")
    if unshare is None or true is None:
        return ()
    prefix = (unshare, "--user", "--map-user=1", "--map-group=1")
    probe = subprocess.run([*prefix, true], capture_output=True, check=False)
    return prefix if probe.returncode == 0 else ()


def choose_account(*, cluster: Path, home: Path, binaries: Path) -> OsAccount:
    """Return the owner of an existing cluster, or else the first account that may enter both directories."""
    candidates = tuple(accounts())
    if cluster.exists():
        candidates = tuple(account for account in candidates if account.owner == cluster.lstat().st_uid)
        if not candidates:
            raise EmbeddedUnavailable(
                f"{cluster} belongs to account number {cluster.lstat().st_uid}. Postgres can't run as that account."
            )
    obstacle = None
    for account in candidates:
        obstacle = account.obstacle(binaries) or account.obstacle(home)
        if obstacle is None:
            return account
    why = (
        "No other account can run it here."
        if obstacle is None
        else f"The account chosen to run it may not enter {obstacle}."
    )
    raise EmbeddedUnavailable(
        f"Postgres can't run as root or as an account without a name. {why}",
        hint="Set GJOBS_DATA_DIR to a directory that everyone may enter, or give --database-url to use another"
        " database. If the Postgres programs are the problem, set GJOBS_POSTGRES_BIN too.",
    )


PORT = "5432"
"""Part of the socket's name. The server does not listen on TCP."""

LONGEST_SOCKET_PATH = 100
"""Bytes. Linux allows 107, macOS 103."""


class DataLayout:
    """The files of one embedded server. All are in `home`, so that the data directory may hold other files."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.home = home = data_dir / "postgres"
        self.cluster = home / "cluster"
        """PGDATA. It exists only when it is complete."""
        self.log = home / "log" / "postgres.log"
        self.watchdog_log = home / "log" / "watchdog.log"
        self.client_locks = home / "seats"
        """A directory with one locked file for each client of the server."""
        self.start_lock = home / "locks" / "start"
        """Held while starting or stopping the server, or counting its clients."""
        self.prepare_lock = home / "locks" / "prepare"
        self.watch_lock = home / "locks" / "watch"
        """Held by the watchdog while it runs."""
        self.server_lock = home / "locks" / "server"
        """Held by each server process, including those that outlive a killed postmaster."""
        self.kept = home / "kept"
        """A marker: the server keeps running without clients."""
        self.throw_away = home / "throw-away"
        """A marker: gjobs created the data directory, and deletes it after the server has stopped."""
        self.sample_needed = self.cluster / "gjobs.sample-needed"
        """A marker inside the cluster, so that it is created and deleted with the cluster."""

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
    return Path(tempfile.gettempdir()).absolute() / f"gjobs-{os.getpid()}-{os.urandom(8).hex()}"


def _is_inaccessible(directory: Path) -> bool:
    """Return whether every possible Postgres account is barred from the directory (if missing, from its nearest
    existing parent).
    """
    if DataLayout.of(directory).cluster.exists():
        return False
    nearest = next(path for path in (directory, *directory.parents) if path.exists())
    return all(account.obstacle(nearest) is not None for account in accounts())


def acquire(directory: Path) -> ExitStack:
    """Create and lock a client's file, until the result is closed. The caller must hold the start lock, so that nobody
    counts the file before it is locked.
    """
    path = directory / f"{os.getpid()}-{os.urandom(4).hex()}"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    lock = ExitStack()
    lock.callback(os.close, descriptor)
    lock.callback(path.unlink, missing_ok=True)
    return lock


def client_processes(directory: Path) -> frozenset[int]:
    """Return the process ids of the clients, and remove files of dead ones. The caller must hold the start lock."""
    using = set()
    for path in directory.glob("[0-9]*"):
        if _is_held(path):
            using.add(int(path.name.partition("-")[0]))
        else:
            path.unlink(missing_ok=True)
    return frozenset(using)


def wait_until_free(directory: Path) -> None:
    """Block until every client lock has been released once. New clients may come meanwhile."""
    while held := [path for path in directory.glob("[0-9]*") if _is_held(path)]:
        for path in held:
            _shared(path, fcntl.LOCK_SH)


def last_change(directory: Path) -> int:
    """Return a number that changes whenever a client joins or leaves properly."""
    return directory.stat().st_mtime_ns


def _is_held(path: Path) -> bool:
    return not _shared(path, fcntl.LOCK_SH | fcntl.LOCK_NB)


def _shared(path: Path, operation: int) -> bool:
    """Return whether a shared lock is available. It is released at once."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, operation)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


Report = Callable[[str], None]
"""Receives short progress messages. An exception that it raises ends the wait."""


def ignore(_: str) -> None:
    """Discard a progress message."""


class Ticker:
    """Reports a wait once a second, from its first full second on: "Recovering, 12 s ..."."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._began = time.monotonic()
        self._reported = 0

    def tick(self, what: str) -> None:
        seconds = int(time.monotonic() - self._began)
        if seconds > self._reported:
            self._reported = seconds
            self._report(f"{what}, {seconds} s ...")


_FIRST_PAUSE, _LONGEST_PAUSE = 0.005, 0.05  # seconds


def try_lock(path: Path) -> int | None:
    """Lock the file exclusively and return its descriptor, or None if another process holds the lock.

    Closing the descriptor releases the lock. No child inherits the descriptor unless it is passed on.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def is_free(path: Path) -> bool:
    """Return whether nobody holds the lock now."""
    descriptor = try_lock(path)
    if descriptor is None:
        return False
    os.close(descriptor)
    return True


@contextmanager
def exclusive(path: Path, report: Report = ignore) -> Iterator[None]:
    """Hold the lock inside the block. Waits for it without a limit, and reports each second of the wait."""
    ticker = Ticker(report)
    pause = _FIRST_PAUSE
    while (descriptor := try_lock(path)) is None:
        ticker.tick("Waiting for another process that is preparing the database")
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)
    try:
        yield
    finally:
        os.close(descriptor)


ADMINISTRATOR = "gjobs_admin"
"""The bootstrap superuser. gjobs uses it only to see who is connected."""

OWNER = "gjobs"
"""The role that owns and migrates the database of the same name. It is the operator and not a superuser, as in hosted
databases.
"""

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
"""These override what libpq would take from PGHOSTADDR, PGOPTIONS and similar variables."""


def connection_info(socket_dir: str, *, user: str = OWNER) -> Mapping[str, str]:
    """Return connection parameters as keywords. A path could contain characters special in a connection string."""
    address = {"host": socket_dir, "port": PORT, "user": user, "dbname": OWNER}
    return MappingProxyType(address | _UNMOVED_BY_ENVIRONMENT)


def server_uri(socket_dir: str) -> str:
    """Return the server's URI, percent-encoded. `port` is part of the socket's name."""
    return f"postgresql://{OWNER}@/{OWNER}?host={quote(socket_dir, safe='/')}&port={PORT}"


class ServerHandle(AbstractContextManager["ServerHandle"]):
    """A client's hold on the server. The server runs at least until `release` or the end of this process."""

    def __init__(
        self, layout: DataLayout, socket_dir: str, client_lock: ExitStack, report: Report, revive: Callable[[], bool]
    ) -> None:
        self.revive = revive
        """If the server crashed, restarts it, and waits for its recovery. Returns whether it did."""
        self._layout = layout
        self._client_lock = client_lock
        self._report = report
        self.data_dir: Path = layout.data_dir
        self.conninfo: Mapping[str, str] = connection_info(socket_dir)
        """Keyword arguments for `psycopg.connect`; `host` is the socket's directory."""
        self.uri: str = server_uri(socket_dir)
        """For libpq and programs that use it."""

    @property
    def needs_sample(self) -> bool:
        """Whether the cluster is new and `sample_filled` has not been called yet."""
        return self._layout.sample_needed.exists()

    def sample_filled(self) -> None:
        self._layout.sample_needed.unlink(missing_ok=True)

    def preparing(self) -> AbstractContextManager[None]:
        """Hold a lock for check-and-act work such as migrating. Only one process can hold it."""
        return exclusive(self._layout.prepare_lock, self._report)

    def keep(self) -> None:
        """Keep the server running until `stop_server`."""
        with explaining(self.data_dir), exclusive(self._layout.start_lock, self._report):
            self._layout.kept.touch(mode=0o600)

    def release(self) -> None:
        """Stop using the server. A second call has no effect."""
        self._client_lock.close()

    def __exit__(self, *_: object) -> None:
        self.release()


@contextmanager
def explaining(data_dir: Path) -> Iterator[None]:
    """Turn an OSError, such as a full disk, into an error that names the directory."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise EmbeddedUnavailable(f"gjobs can't keep a database in {data_dir}: {reason}.") from error
