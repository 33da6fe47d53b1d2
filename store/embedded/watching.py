"""Seeing to it that one watchdog, and only one, watches a server."""

import os
import sys
from typing import BinaryIO

from store.embedded.errors import EmbeddedUnavailable
from store.embedded.locks import try_lock
from store.embedded.paths import Layout
from store.embedded.processes import launch


class Watching:
    """A watchdog that may still be on its way."""

    def __init__(self, layout: Layout, signs_of_life: BinaryIO | None) -> None:
        self._layout = layout
        self._signs_of_life = signs_of_life

    def confirm(self) -> None:
        """Wait until it is at work."""
        if self._signs_of_life is not None and not self._signs_of_life.read(1):
            raise EmbeddedUnavailable(
                "The process that stops the server after its last user did not start.",
                hint=f"Its log is {self._layout.watchdog_log}.",
            )

    def close(self) -> None:
        if self._signs_of_life is not None:
            self._signs_of_life.close()


def ensure_watchdog(layout: Layout, grace: float) -> Watching:
    """Start one if there is none; one that is there goes on with the seconds it was given. Under the start lock."""
    lock = try_lock(layout.watch_lock)
    if lock is None:
        return Watching(layout, None)
    read_end, write_end = os.pipe()
    try:
        command = [
            *(sys.executable, "-P", "-m", "store.embedded.watchdog"),
            *(str(layout.data_dir), str(grace), str(lock), str(write_end)),
        ]
        launch(command, log=layout.watchdog_log, environment=os.environ, pass_fds=[lock, write_end])
    except BaseException:
        os.close(read_end)
        raise
    finally:
        os.close(lock)
        os.close(write_end)
    return Watching(layout, os.fdopen(read_end, "rb"))
