"""Which OS account Postgres runs as, never root."""

import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from store.errors import EmbeddedUnavailable

_OTHER_ACCOUNTS = ("postgres", "nobody")


@dataclass(frozen=True, slots=True, kw_only=True)
class OsAccount:
    """`prefix` goes before a command. `uid` and `gid` are what a child changes to; None is our own."""

    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None

    @property
    def owner(self) -> int:
        """Of the files that Postgres makes."""
        return os.geteuid() if self.uid is None else self.uid

    @property
    def is_confined(self) -> bool:
        """Whether it may do less with files than we may."""
        return os.geteuid() == 0

    def child_options(self) -> dict[str, Any]:
        """Keyword arguments for `subprocess.Popen`."""
        if self.uid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def give(self, path: Path) -> None:
        """Make what we have just made the account's own."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def obstacle(self, path: Path) -> Path | None:
        """The first directory on the way to an existing path that the account may not enter, or None."""
        if not self.is_confined:
            return None
        group = os.getegid() if self.gid is None else self.gid
        resolved = path.resolve()
        way = [*reversed(resolved.parents), resolved]
        return next((step for step in way if not _may_enter(step.stat(), self.owner, group)), None)


def _may_enter(directory: os.stat_result, uid: int, gid: int) -> bool:
    """By owner, group and others, as the kernel decides for an account without privileges."""
    if directory.st_uid == uid:
        return bool(directory.st_mode & stat.S_IXUSR)
    if directory.st_gid == gid:
        return bool(directory.st_mode & stat.S_IXGRP)
    return bool(directory.st_mode & stat.S_IXOTH)


def accounts() -> Iterator[OsAccount]:
    """Those that Postgres could run as here, best first.

    Root's best is root itself under another number, in a user namespace: that reaches root's files and needs
    no second account.
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
    """The command that runs another one as account 1 in a user namespace; empty where that is forbidden."""
    unshare, true = shutil.which("unshare"), shutil.which("true")
    if unshare is None or true is None:
        return ()
    prefix = (unshare, "--user", "--map-user=1", "--map-group=1")
    probe = subprocess.run([*prefix, true], capture_output=True, check=False)
    return prefix if probe.returncode == 0 else ()


def choose_account(*, cluster: Path, home: Path, binaries: Path) -> OsAccount:
    """The owner of an existing cluster, else the first account that reaches both directories."""
    candidates = tuple(accounts())
    if cluster.exists():
        candidates = tuple(account for account in candidates if account.owner == cluster.lstat().st_uid)
        if not candidates:
            raise EmbeddedUnavailable(
                f"{cluster} belongs to the account number {cluster.lstat().st_uid}, which Postgres cannot run as here."
            )
    obstacle = None
    for account in candidates:
        obstacle = account.obstacle(binaries) or account.obstacle(home)
        if obstacle is None:
            return account
    why = f"may not enter {obstacle}" if obstacle is not None else "does not exist here"
    raise EmbeddedUnavailable(
        f"Postgres runs neither as root nor as an account without a name, and another one {why}.",
        hint="Set GJOBS_DATA_DIR to a directory that everyone may enter (and GJOBS_POSTGRES_BIN, if it is the "
        "programs that are out of reach), or give --database-url to use another database.",
    )
