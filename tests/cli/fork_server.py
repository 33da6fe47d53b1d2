"""A server process that has imported the modules of the commands and forks for each command.

A fork takes a tenth of the time of a new process. The tests' own process cannot fork: it has threads and connections.
"""

import gc
import importlib
import json
import os
import signal
import socket
import sys
import time
from contextlib import suppress

from gjobs.tui.startup import FRAME_RATE

STREAMS = 3

LONGEST_REQUEST = 2**20

IMPORTED = (
    "gjobs.tui.cli.program",
    "gjobs.tui.cli.sessions",
    "gjobs.store.store",
    "gjobs.store.retention.cleanup",
    "gjobs.migrations.runner",
)


def import_dashboard() -> None:
    """Import what every dashboard imports. It takes more than half of a short session."""
    if "gjobs.tui.dashboard" in sys.modules:
        return
    os.environ.update(FRAME_RATE)
    from gjobs.tui.dashboard.actions.action_host import modules

    for module in modules():
        importlib.import_module(module)
    gc.freeze()


def opens_dashboard(arguments: list[str]) -> bool:
    return all(word.startswith("-") or "@" in word for word in arguments)


def serve(requests: socket.socket) -> list[str]:
    """Serve requests until the tests close the socket. Return in each child, with the arguments of its command."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        request, descriptors, _, _ = socket.recv_fds(requests, LONGEST_REQUEST, STREAMS + 1)
        while request and not request.endswith(b"\n"):
            request += requests.recv(LONGEST_REQUEST)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not request:
            os._exit(0)
        own = json.loads(request)
        if opens_dashboard(own["arguments"]):
            import_dashboard()
        if os.fork() == 0:
            requests.close()
            return supervise(own, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def supervise(request: dict[str, object], descriptors: list[int]) -> list[str]:
    """Send the child's process id, then its exit code. Return in the child, with the arguments of its command."""
    answers = socket.socket(fileno=descriptors.pop())
    pid = os.fork()
    if pid == 0:
        answers.close()
        return become(descriptors, **request)  # type: ignore[arg-type]
    for descriptor in descriptors:
        os.close(descriptor)
    answers.sendall(b"%d\n" % pid)
    answers.sendall(b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    os._exit(0)


def become(
    descriptors: list[int], *, arguments: list[str], environment: dict[str, str], directory: str, new_session: bool
) -> list[str]:
    """Take over the streams, the environment and the directory of the command, as a new process would."""
    if new_session:
        os.setsid()
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.stdin = open(0, encoding="utf-8")  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1)  # noqa: SIM115
    return arguments


if __name__ == "__main__":
    from gjobs.tui.cli.main import main

    for module in IMPORTED:
        importlib.import_module(module)
    gc.freeze()
    sys.argv[1:] = serve(socket.socket(fileno=int(sys.argv[1])))
    sys.exit(main())
