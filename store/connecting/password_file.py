"""The file of passwords, where others may read it.

libpq takes nothing from such a file, and says so on the terminal at each connection: across the dashboard. So it is led
to a place where no file can be, and what it would have said is told with the refusal that follows.
"""

import os
import shlex
import stat
from collections.abc import Mapping
from pathlib import Path

from store.errors import SignInRefused, StoreError

_NOWHERE = "/dev/null"
"""Below what is no directory, nothing is found."""

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def quiet_password_file(
    conninfo: Mapping[str, str | int], environment: Mapping[str, str] = os.environ
) -> dict[str, str | int]:
    """The parameter that keeps libpq silent; none where it has nothing to say."""
    try:
        path = Path(str(conninfo.get("passfile") or environment.get("PGPASSFILE") or Path.home() / ".pgpass"))
        mode = path.stat().st_mode
    except (OSError, RuntimeError, ValueError):
        return {}
    if stat.S_ISREG(mode) and not mode & _OTHERS:
        return {}
    return {"passfile": f"{_NOWHERE}{path.absolute()}"}


def tell_of_password_file(failure: StoreError, parameters: Mapping[str, str | int]) -> None:
    """Hints at the file from which nothing was taken, where a password was missing."""
    file = str(parameters.get("passfile", ""))
    if file.startswith(_NOWHERE) and isinstance(failure, SignInRefused) and "no password" in failure.message:
        path = file.removeprefix(_NOWHERE)
        failure.hint = (
            f"{path} is open to others, so that no password is taken from it: run chmod 600 {shlex.quote(path)}"
        )
