"""Where the program keeps its data unless it is told."""

import os
from pathlib import Path

from store.embedded.variables import directory_named_by

_WITHOUT_A_HOME = Path("/gjobs")
"""Few may write there, and they are told; another database can still be opened."""


def default_data_dir() -> Path:
    """What GJOBS_DATA_DIR names, else where this system keeps a user's data of a program called gjobs.

    Root's home may be closed to the account that Postgres has to run as. Where it is, it is the system's own place
    for a program's data, unless a database has been made at home.
    """
    if chosen := directory_named_by("GJOBS_DATA_DIR"):
        return chosen
    import platformdirs

    try:
        usual = platformdirs.user_data_path("gjobs")
    except RuntimeError:
        return _WITHOUT_A_HOME
    if os.geteuid() == 0 and _is_out_of_reach(usual):
        return platformdirs.site_state_path("gjobs")
    return usual


def throw_away_dir() -> Path:
    """A new name below the temporary directory, for a server that is opened with `remove_after`."""
    import tempfile

    return Path(tempfile.gettempdir()).absolute() / f"gjobs-{os.getpid()}-{os.urandom(8).hex()}"


def _is_out_of_reach(directory: Path) -> bool:
    """Whether no account that Postgres could run as may enter it, or the nearest directory above that exists."""
    from store.embedded.account import accounts
    from store.embedded.paths import Layout

    if Layout.of(directory).cluster.exists():
        return False
    nearest = next(path for path in (directory, *directory.parents) if path.exists())
    return all(account.obstacle(nearest) is not None for account in accounts())
