"""Runs the dashboard of one browser tab, as a process that `gjobs serve` starts with `python -m`."""

import logging
import os
import pickle
import sys

from gjobs.store.configuration.settings import Settings
from gjobs.tui import startup

log = logging.getLogger(__name__)

_STDIN = 0


def read_settings() -> Settings:
    """Read the settings, which the server sends first. Read no further: the input of the browser follows."""
    length = int.from_bytes(_read(4), "big")
    # Only the server, which started this process, can write to this pipe.
    settings: Settings = pickle.loads(_read(length))  # noqa: S301
    return settings


def _read(length: int) -> bytes:
    data = b""
    while len(data) < length:
        part = os.read(_STDIN, length - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def main() -> int:
    startup.prepare()
    settings = read_settings()
    from gjobs.tui.dashboard.frame.run import run_in_browser

    try:
        return run_in_browser(settings)
    except Exception as error:
        # The error's text may quote the database. Its name never does.
        log.error("The dashboard of a browser tab failed: %s", type(error).__name__)  # noqa: TRY400
        return 70


if __name__ == "__main__":
    sys.exit(main())
