"""Choose the OS account that Postgres runs as. It is never root."""

import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gjobs.store.errors import EmbeddedUnavailable

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

    @property
    def is_confined(self) -> bool:
        """Whether the account has fewer rights to files than this process."""
        return os.geteuid() == 0

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
        if not self.is_confined:
            return None
        group = os.getegid() if self.gid is None else self.gid
        resolved = path.resolve()
        way = [*reversed(resolved.parents), resolved]
        return next((step for step in way if not _may_enter(step.stat(), self.owner, group)), None)


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
        yield OsAccount()
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
