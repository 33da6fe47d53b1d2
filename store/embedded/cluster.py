"""Create and remove the cluster, and rotate and read the server's log."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from gjobs.store.embedded.clients import ADMINISTRATOR, OWNER, Report
from gjobs.store.embedded.data_dir import DataLayout, require_owned
from gjobs.store.embedded.os_account import OsAccount
from gjobs.store.embedded.postgres_programs import Binaries, run_tool
from gjobs.store.errors import EmbeddedUnavailable
from gjobs.store.private_files import sync_directory

_LARGEST = 1_000_000  # bytes
_OLD_ONES = 3
_SEVERE = ("FATAL:", "PANIC:", "error:", "error while")


def rotate(log: Path) -> None:
    """Rename a large postgres.log to postgres.log.1, and so on."""
    if size(log) <= _LARGEST:
        return
    for number in range(_OLD_ONES - 1, 0, -1):
        older = _numbered(log, number)
        if older.exists():
            older.replace(_numbered(log, number + 1))
    log.replace(_numbered(log, 1))


def size(log: Path) -> int:
    """Return the log's size in bytes, or 0 without a log."""
    return log.stat().st_size if log.exists() else 0


def written_since(log: Path, offset: int) -> str:
    """Return the log from a byte offset on, up to a maximum length."""
    with log.open("rb") as file:
        file.seek(offset)
        return file.read(_LARGEST).decode("utf-8", "replace")


def complaint(said: str) -> str:
    """Return why a Postgres program ended: its last severe message, else its last line, without control characters."""
    lines = said.strip().splitlines()
    severe = [line for line in lines if any(word in line for word in _SEVERE)]
    chosen = (severe or lines or ["it printed nothing"])[-1]
    return "".join(character for character in chosen if character.isprintable())


def _numbered(log: Path, number: int) -> Path:
    return log.with_name(f"{log.name}.{number}")


_STAGING = "staging-"

SETUP = f"""\
CREATE ROLE {OWNER} LOGIN CREATEROLE BYPASSRLS;
CREATE DATABASE {OWNER} OWNER {OWNER};
"""
"""One statement a line, as single-user mode requires."""


def ensure_cluster(
    layout: DataLayout, binaries: Binaries, account: OsAccount, *, durable: bool, report: Report
) -> None:
    """Create the cluster if there is none. Refuse a cluster that these binaries or this account can't run.

    If the process is killed, there is either no cluster or a complete one. The caller must hold the start lock.
    """
    remove_leftovers(layout)
    if not layout.cluster.exists():
        report(f"Unpacking Postgres {binaries.version} into {layout.home} ...")
        _create(layout, binaries, account, durable=durable)
    require_owned(layout.cluster, account.owner)
    _require_version(layout.cluster, binaries)


def remove_leftovers(layout: DataLayout) -> None:
    """Delete remains of an interrupted creation or removal. Remains that can't be deleted are retried next time."""
    for leftover in layout.home.glob(f"{_STAGING}*"):
        shutil.rmtree(leftover, ignore_errors=True)


def remove_cluster(layout: DataLayout) -> None:
    """Rename the cluster before deleting it, so that an interruption never leaves half of it."""
    aside = _staging_path(layout)
    layout.cluster.rename(aside)
    shutil.rmtree(aside)


def _staging_path(layout: DataLayout) -> Path:
    return layout.home / f"{_STAGING}{os.urandom(8).hex()}"


def _create(layout: DataLayout, binaries: Binaries, account: OsAccount, *, durable: bool) -> None:
    staging = _staging_path(layout)
    staging.mkdir(mode=0o700)
    try:
        account.give(staging)
        _fill(staging, binaries, account)
        (staging / layout.sample_needed.name).touch(mode=0o600)
        if durable:
            _run(binaries, account, ["initdb", "--sync-only", f"--pgdata={staging}"])
        staging.rename(layout.cluster)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    if durable:
        sync_directory(layout.home)


def _fill(staging: Path, binaries: Binaries, account: OsAccount) -> None:
    _run(
        binaries,
        account,
        [
            "initdb",
            f"--pgdata={staging}",
            f"--username={ADMINISTRATOR}",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--auth-local=trust",
            "--auth-host=reject",
            "--set=timezone=UTC",
            "--set=log_timezone=UTC",
            "--no-sync",
            "--no-instructions",
        ],
    )
    _run(
        binaries,
        account,
        ["postgres", "--single", "-D", str(staging), "-c", "exit_on_error=on", "-c", "fsync=off", "postgres"],
        text=SETUP,
    )


def _run(binaries: Binaries, account: OsAccount, command: Sequence[str], *, text: str = "") -> None:
    name, *arguments = command
    code, said = run_tool([binaries.program(name), *arguments], account, text=text)
    if code != 0:
        raise EmbeddedUnavailable(f"{name} could not create the database cluster: {complaint(said)}")


def _require_version(cluster: Path, binaries: Binaries) -> None:
    made_by = (cluster / "PG_VERSION").read_text().strip()
    if made_by != str(binaries.major):
        raise EmbeddedUnavailable(
            f"The cluster in {cluster} was created by PostgreSQL {made_by}, "
            f"but the programs in {binaries.directory} are PostgreSQL {binaries.version}.",
            hint=f"Set GJOBS_POSTGRES_BIN to the bin directory of PostgreSQL {made_by}, "
            "set GJOBS_DATA_DIR to another directory, or give --database-url.",
        )
