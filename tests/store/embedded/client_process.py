"""A process that uses an embedded server, run by the tests: tells where it is, and leaves when its input ends.

Its argument is a JSON object: `data_dir`, `settings`, `grace`, and `terminal`, one that it is to belong to.
"""

import fcntl
import json
import os
import sys
import termios
from pathlib import Path

from store.embedded.control import server_status
from store.embedded.server import open_server
from store.errors import EmbeddedUnavailable


def say(word: str, text: str) -> None:
    sys.stdout.write(json.dumps({word: text}) + "\n")
    sys.stdout.flush()


def main() -> int:
    wanted = json.loads(sys.argv[1])
    if wanted["terminal"]:
        fcntl.ioctl(os.open(wanted["terminal"], os.O_RDWR), termios.TIOCSCTTY, 0)
    try:
        with open_server(
            Path(wanted["data_dir"]),
            settings=wanted["settings"],
            grace=wanted["grace"],
            report=lambda text: say("report", text),
        ) as lease:
            say("uri", lease.uri)
            say("pid", str(server_status(lease.data_dir).pid))
            sys.stdin.read()
    except EmbeddedUnavailable as error:
        sys.stderr.write(f"{error}\n{error.hint}\n")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
