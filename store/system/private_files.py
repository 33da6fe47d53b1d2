"""Files and directories that only their owner may read, whatever the umask is."""

import errno
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

_FILE, _DIRECTORY, _ROOTS_DIRECTORY = 0o600, 0o700, 0o711

# Some file systems, such as network shares, refuse to sync a directory. A directory that may be written but not listed
# can't be opened. The rename itself has succeeded, so neither is an error.
_SYNC_NOT_POSSIBLE = frozenset({errno.EINVAL, errno.EBADF, errno.ENOTSUP, errno.EACCES})


def make_directory(path: Path, mode: int | None = None) -> bool:
    """Create the directory and its missing parents. Return whether it was missing.

    Without a mode, others may enter directories that root creates, but not list them. Postgres may run there as
    another account.
    """
    if not path.parent.exists():
        make_directory(path.parent)
    if mode is None:
        mode = _ROOTS_DIRECTORY if os.geteuid() == 0 else _DIRECTORY
    try:
        path.mkdir(mode)
    except FileExistsError:
        if not path.is_dir():
            raise
        return False
    path.chmod(mode)
    return True


def open_private(path: Path, flags: int) -> int:
    """Open a regular file and return its descriptor. An existing file becomes private, too.

    Raises OSError for a link: it may lead to a file that should not be written.
    """
    # Without O_NONBLOCK, opening a pipe would wait for its other end.
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, _FILE)
    try:
        _make_private(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _make_private(descriptor: int) -> None:
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        raise OSError(None, "it is not a regular file")
    if stat.S_IMODE(mode) != _FILE:
        os.fchmod(descriptor, _FILE)


def replace_private(path: Path, text: str, *, durable: bool = True) -> None:
    """Replace or create the file at once. A reader sees the old text or the new text, never half of it.

    If `durable`, the new text is on the disk before it is visible. Otherwise nothing is synced, and a power
    failure may lose both texts. Raises OSError for a link, as `open_private` does.
    """
    _refuse_special(path)
    # mkstemp creates a private file under a random name, so nobody can have placed a link there.
    descriptor, made = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    unfinished = Path(made)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            if durable:
                stream.flush()
                os.fsync(descriptor)
        unfinished.replace(path)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink()
        raise
    if durable:
        sync_directory(path.parent)


def _refuse_special(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISLNK(mode):
        raise OSError(errno.ELOOP, "it is a symbolic link")
    if not stat.S_ISREG(mode):
        raise OSError(None, "it is not a regular file")


def sync_directory(path: Path) -> None:
    """Write the directory's names to the disk, where that is possible. A renamed file then keeps its new name after a
    power failure.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _SYNC_NOT_POSSIBLE:
            raise
