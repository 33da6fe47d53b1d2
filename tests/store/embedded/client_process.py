"""A process of the tests that uses an embedded server. It prints the server's address, and exits when its input ends.

Its argument is a JSON object with `data_dir`, `settings`, `grace` and `terminal`. An empty terminal means none.
"""

import fcntl
import json
import os
import sys
import termios
from pathlib import Path

from gjobs.store.embedded.server import open_server, server_status
from gjobs.store.errors import EmbeddedUnavailable


def send(kind: str, text: str) -> None:
    sys.stdout.write(json.dumps({kind: text}) + "\n")
    sys.stdout.flush()


def main() -> int:
    options = json.loads(sys.argv[1])
    if options["terminal"]:
        fcntl.ioctl(os.open(options["terminal"], os.O_RDWR), termios.TIOCSCTTY, 0)
    try:
        with open_server(
            Path(options["data_dir"]),
            settings=options["settings"],
            grace=options["grace"],
            report=lambda text: send("report", text),
        ) as lease:
            send("uri", lease.uri)
            send("pid", str(server_status(lease.data_dir).pid))
            sys.stdin.read()
    except EmbeddedUnavailable as error:
        sys.stderr.write(f"{error}\n{error.hint}\n")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
