"""Seeing to it that one watchdog, and only one, watches a server."""

import os
import sys

from store.embedded.errors import EmbeddedUnavailable
from store.embedded.locks import try_lock
from store.embedded.paths import Layout
from store.embedded.processes import launch


class Watching:
    """Of a watchdog that may still be on its way: `confirm` waits until it is at work."""

    def __init__(self, layout: Layout, pipe: int | None) -> None:
        self._layout = layout
        self._pipe = pipe

    def confirm(self) -> None:
        if self._pipe is None:
            return
        with open(self._pipe, "rb") as pipe:  # noqa: PTH123 - a descriptor
            self._pipe = None
            if not pipe.read(1):
                raise EmbeddedUnavailable(
                    "The process that stops the server after its last user did not start.",
                    hint=f"Its log is {self._layout.watchdog_log}.",
                )


def ensure_watchdog(layout: Layout, grace: float) -> Watching:
    """Start one if there is none; one that is there goes on with the seconds it was given. Under the start lock."""
    lock = try_lock(layout.watch_lock)
    if lock is None:
        return Watching(layout, None)
    pipe, ready = os.pipe()
    try:
        command = [
            *(sys.executable, "-P", "-m", "store.embedded.watchdog"),
            *(str(layout.data_dir), str(grace), str(lock), str(ready)),
        ]
        launch(command, log=layout.watchdog_log, environment=os.environ, pass_fds=(lock, ready))
    except BaseException:
        os.close(pipe)
        raise
    finally:
        os.close(lock)
        os.close(ready)
    return Watching(layout, pipe)
