"""The process that stops the server after its last client."""

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from gjobs.store.embedded import server_files
from gjobs.store.embedded.cluster import launch, stop
from gjobs.store.embedded.server_files import DataLayout, exclusive, try_lock
from gjobs.store.errors import EmbeddedUnavailable


def watch(layout: DataLayout, grace: float, lock: int) -> None:
    while True:
        server_files.wait_until_free(layout.client_locks)
        before = server_files.last_change(layout.client_locks)
        time.sleep(grace)
        with exclusive(layout.start_lock):
            if server_files.last_change(layout.client_locks) != before or server_files.client_processes(
                layout.client_locks
            ):
                continue
            if not layout.kept.exists():
                stop(layout)
                if layout.throw_away.exists():
                    shutil.rmtree(layout.data_dir)
            # Release it inside the start lock, so that the next process to start a server starts a watchdog, too.
            os.close(lock)
            return


def main(arguments: list[str]) -> None:
    data_dir, grace, lock, ready = arguments
    # The parent process may be dead by now.
    with contextlib.suppress(BrokenPipeError):
        os.write(int(ready), b".")
    os.close(int(ready))
    watch(DataLayout(Path(data_dir)), float(grace), int(lock))


if __name__ == "__main__":
    main(sys.argv[1:])


@contextlib.contextmanager
def ensured_watchdog(layout: DataLayout, grace: float) -> Iterator[None]:
    """Start a watchdog if there is none, and wait until it runs when the block ends. A running one keeps its own grace.

    Hold the start lock.
    """
    lock = try_lock(layout.watch_lock)
    if lock is None:
        yield
        return
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb") as signs_of_life:
        try:
            command = [
                *(sys.executable, "-P", "-m", "gjobs.store.embedded.watchdog"),
                *(str(layout.data_dir), str(grace), str(lock), str(write_end)),
            ]
            launch(command, log=layout.watchdog_log, environment=os.environ, pass_fds=[lock, write_end])
        finally:
            os.close(lock)
            os.close(write_end)
        yield
        if not signs_of_life.read(1):
            raise EmbeddedUnavailable(
                "gjobs could not start the process that stops the idle server.",
                hint=f"Its log is {layout.watchdog_log}.",
            )
