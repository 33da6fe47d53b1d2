"""Directories that environment variables name."""

import os
from pathlib import Path

from store.errors import InvalidValue


def directory_named_by(variable: str) -> Path | None:
    """Absolute, a leading `~` expanded; None where the variable is not set or empty. Raises InvalidValue."""
    named = os.environ.get(variable)
    if not named:
        return None
    try:
        return Path(named).expanduser().absolute()
    except RuntimeError:
        raise InvalidValue(
            variable, f"{variable} is {named!r}, and there is no such home directory.", hint="Give a whole path."
        ) from None
