"""Lock files that count the server's clients, the server handle, and progress reports."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self
from urllib.parse import quote

from gjobs.store.embedded.data_dir import PORT, DataLayout
from gjobs.store.errors import EmbeddedUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientLock:
    path: Path
    descriptor: int

    def leave(self) -> None:
        self.path.unlink(missing_ok=True)
        os.close(self.descriptor)


def acquire(directory: Path) -> ClientLock:
    """Create and lock a client's file. The caller must hold the start lock, so that nobody counts the file before it
    is locked.
    """
    path = directory / f"{os.getpid()}-{os.urandom(4).hex()}"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return ClientLock(path=path, descriptor=descriptor)


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
            _wait_for(path)


def last_change(directory: Path) -> int:
    """Return a number that changes whenever a client joins or leaves properly."""
    return directory.stat().st_mtime_ns


def _is_held(path: Path) -> bool:
    return not _shared(path, fcntl.LOCK_SH | fcntl.LOCK_NB)


def _wait_for(path: Path) -> None:
    _shared(path, fcntl.LOCK_SH)


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


class ServerHandle:
    """A client's hold on the server. The server runs at least until `release` or the end of this process."""

    def __init__(
        self, layout: DataLayout, socket_dir: str, client_lock: ClientLock, report: Report, revive: Callable[[], bool]
    ) -> None:
        self.revive = revive
        """If the server crashed, restarts it, and waits for its recovery. Returns whether it did."""
        self._layout = layout
        self._client_lock: ClientLock | None = client_lock
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

    def release(self) -> None:
        """Stop using the server. A second call has no effect."""
        client_lock, self._client_lock = self._client_lock, None
        if client_lock is not None:
            client_lock.leave()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


@contextmanager
def explaining(data_dir: Path) -> Iterator[None]:
    """Turn an OSError, such as a full disk, into an error that names the directory."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise EmbeddedUnavailable(f"gjobs can't keep a database in {data_dir}: {reason}.") from error
