"""A process beside the server: waits until nobody uses it, gives newcomers some seconds, and stops it.

Run as `python -m store.embedded.watchdog DATA_DIR GRACE LOCK READY`: the seconds, the descriptor of the watch lock,
which it inherits locked, and that of a pipe which it closes after a byte when it is at work.
"""

import contextlib
import os
import shutil
import sys
import time
from pathlib import Path

from store.embedded import seats
from store.embedded.locks import exclusive
from store.embedded.paths import Layout
from store.embedded.postmaster import stop


def watch(layout: Layout, grace: float, lock: int) -> None:
    while True:
        seats.wait_until_free(layout.seats)
        before = seats.last_change(layout.seats)
        time.sleep(grace)
        with exclusive(layout.start_lock):
            if seats.last_change(layout.seats) != before or seats.processes(layout.seats):
                continue
            if not layout.kept.exists():
                stop(layout)
                if layout.throw_away.exists():
                    shutil.rmtree(layout.data_dir)
            # Inside the start lock, so that whoever starts a server next sees that nobody watches.
            os.close(lock)
            return


def main(arguments: list[str]) -> None:
    data_dir, grace, lock, ready = arguments
    # Whoever started it may be dead by now.
    with contextlib.suppress(BrokenPipeError):
        os.write(int(ready), b".")
    os.close(int(ready))
    watch(Layout(Path(data_dir)), float(grace), int(lock))


if __name__ == "__main__":
    main(sys.argv[1:])
