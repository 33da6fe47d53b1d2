"""Where the program keeps its data unless it is told."""

import os
from pathlib import Path

from store.embedded.account import accounts
from store.embedded.paths import Layout


def default_data_dir() -> Path:
    """What GJOBS_DATA_DIR names, else where this system keeps a user's data of a program called gjobs.

    Root's home is closed to the account that Postgres may have to run as; where it is, the system's own place
    for a program's data is used, unless a database has been made at home.
    """
    if chosen := os.environ.get("GJOBS_DATA_DIR"):
        return Path(chosen).expanduser().absolute()
    import platformdirs

    usual = platformdirs.user_data_path("gjobs")
    if os.geteuid() == 0 and not Layout.of(usual).cluster.exists() and not _can_be_entered(usual):
        return platformdirs.site_state_path("gjobs")
    return usual


def _can_be_entered(directory: Path) -> bool:
    """Whether an account that Postgres could run as reaches it, or the nearest directory above that exists."""
    nearest = next(path for path in (directory, *directory.parents) if path.exists())
    return any(account.obstacle(nearest) is None for account in accounts())
