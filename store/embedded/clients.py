"""Lock files that count the server's clients; ServerHandle; progress."""

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

from store.embedded.data_dir import PORT, DataLayout
from store.errors import EmbeddedUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientLock:
    path: Path
    descriptor: int

    def leave(self) -> None:
        self.path.unlink(missing_ok=True)
        os.close(self.descriptor)


def acquire(directory: Path) -> ClientLock:
    """Under the start lock, so that nobody counts the file before it is locked."""
    path = directory / f"{os.getpid()}-{os.urandom(4).hex()}"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return ClientLock(path=path, descriptor=descriptor)


def client_processes(directory: Path) -> frozenset[int]:
    """The process ids of the users. Removes what dead ones left. Under the start lock."""
    using = set()
    for path in directory.glob("[0-9]*"):
        if _is_held(path):
            using.add(int(path.name.partition("-")[0]))
        else:
            path.unlink(missing_ok=True)
    return frozenset(using)


def wait_until_free(directory: Path) -> None:
    """Block until there is a moment at which each seat has been left. New users may come meanwhile."""
    while held := [path for path in directory.glob("[0-9]*") if _is_held(path)]:
        for path in held:
            _wait_for(path)


def last_change(directory: Path) -> int:
    """A number that differs after any user has come, and after any has left in good order."""
    return directory.stat().st_mtime_ns


def _is_held(path: Path) -> bool:
    return not _shared(path, fcntl.LOCK_SH | fcntl.LOCK_NB)


def _wait_for(path: Path) -> None:
    _shared(path, fcntl.LOCK_SH)


def _shared(path: Path, operation: int) -> bool:
    """Whether the lock could be had; it is dropped at once."""
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
"""Receives short sentences of progress. What it raises ends the wait that it reports on."""


def ignore(_: str) -> None:
    """A report that nobody reads."""


class Ticker:
    """Reports a wait from its first whole second on, once a second: "Recovering, 12 s ..."."""

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
    """Lock the file exclusively, and answer its descriptor; closing it drops the lock. None while another has it.

    No child inherits the descriptor unless it is passed on.
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
    """Whether nobody holds the lock at this moment."""
    descriptor = try_lock(path)
    if descriptor is None:
        return False
    os.close(descriptor)
    return True


@contextmanager
def exclusive(path: Path, report: Report = ignore) -> Iterator[None]:
    """Hold the lock inside the block. Waits for it as long as it takes, and reports each second of that."""
    ticker = Ticker(report)
    pause = _FIRST_PAUSE
    while (descriptor := try_lock(path)) is None:
        ticker.tick("Waiting for another process that prepares the database")
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)
    try:
        yield
    finally:
        os.close(descriptor)


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


class ServerHandle:
    """The server stays up at least until this is released, or this process ends however it ends."""

    def __init__(
        self, layout: DataLayout, socket_dir: str, client_lock: ClientLock, report: Report, revive: Callable[[], bool]
    ) -> None:
        self.revive = revive
        """Starts the server again if it died without being told to, and waits for a recovery; whether it did."""
        self._layout = layout
        self._client_lock: ClientLock | None = client_lock
        self._report = report
        self.data_dir: Path = layout.data_dir
        self.conninfo: Mapping[str, str] = connection_info(socket_dir)
        """Keyword arguments for `psycopg.connect`; `host` is the socket's directory."""
        self.uri: str = server_uri(socket_dir)
        """For libpq and whatever uses it."""

    @property
    def needs_sample(self) -> bool:
        """Whether the cluster was made and nobody has yet said `sample_filled`."""
        return self._layout.sample_needed.exists()

    def sample_filled(self) -> None:
        self._layout.sample_needed.unlink(missing_ok=True)

    def preparing(self) -> AbstractContextManager[None]:
        """Only one process at a time is inside: for migrating and filling, which look and then act."""
        return exclusive(self._layout.prepare_lock, self._report)

    def release(self) -> None:
        """Stop using the server. Without effect the second time."""
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
    """Make what the system refuses (a full disk, a directory that is none) an error that names the directory."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise EmbeddedUnavailable(f"A database cannot be kept in {data_dir}: {reason}.") from error
