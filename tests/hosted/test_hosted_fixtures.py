"""The clusters of the tests end with their run."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.conftest import quick_directory
from tests.hosted.cluster import Server
from tests.hosted.server_directory import is_running, until

A_RUN = """
import sys, time
from pathlib import Path
from tests.hosted.cluster import Server
from tests.hosted.server_directory import opened_place

with opened_place(Path(sys.argv[1])) as place:
    server = Server.on(place, Path(sys.argv[2]), "primary")
    server.initialise()
    server.start()
    print(server.pid, place.directory, flush=True)
    time.sleep(600)
"""


def test_killed_test_run_leaves_no_server_or_directory(hosted_server: Server) -> None:
    command = [sys.executable, "-c", A_RUN, str(quick_directory()), str(hosted_server.programs)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        pid, directory = run.stdout.readline().split()
        assert is_running(int(pid))
        os.kill(run.pid, signal.SIGKILL)
    until(lambda: not is_running(int(pid)) and not Path(directory).exists())
