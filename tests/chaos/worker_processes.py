"""Workers in separate processes, which are replaced when they end."""

import asyncio
import os
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from gjobs.tui.cli.output import ExitCode
from tests.chaos.recorder import FILE, WORKER
from tests.cli.command_line import GJOBS, SETTINGS, uri
from tests.conftest import Conninfo

ROOT = Path(__file__).parents[2]

_CONNECTED = "Worker "
"""The first word that a worker prints after it has connected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerProcess:
    name: str
    process: Process
    log: Path

    @property
    def output(self) -> str:
        return self.log.read_text(encoding="utf-8")

    @property
    def has_connected(self) -> bool:
        """Whether it has connected. After that it must not end by itself."""
        return _CONNECTED in self.output

    def signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):  # It has already ended.
            self.process.send_signal(number)


class Workers:
    def __init__(self, conninfo: Conninfo, directory: Path, *, size: int, lease: int) -> None:
        self._conninfo = conninfo
        self._directory = directory
        self._lease = lease
        self._numbers = count(1)
        self._size = size
        self._processes: list[WorkerProcess] = []
        self.failed_starts = 0
        """The number of workers that could not connect at their start."""
        self.anomalies: list[str] = []
        """Messages about workers that ended by themselves."""

    @property
    def record_file(self) -> Path:
        return self._directory / "records"

    async def start_all(self) -> None:
        self._processes = [await self._start() for _ in range(self._size)]

    async def kill(self, place: int) -> None:
        self._processes[place].signal(signal.SIGKILL)
        await self._processes[place].process.wait()
        self._processes[place] = await self._start()

    @asynccontextmanager
    async def frozen(self, place: int) -> AsyncIterator[None]:
        worker_process = self._processes[place]
        worker_process.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            worker_process.signal(signal.SIGCONT)

    async def replace_ended(self) -> None:
        """Replace workers that could not connect, and workers that ended by themselves, which is an anomaly."""
        for place, worker_process in enumerate(self._processes):
            if (code := worker_process.process.returncode) is None:
                continue
            if code == ExitCode.UNREACHABLE and not worker_process.has_connected:
                self.failed_starts += 1
            else:
                self.anomalies.append(
                    f"{worker_process.name} ended by itself with {code}: {worker_process.output[-2000:]}"
                )
            self._processes[place] = await self._start()

    async def stop_all(self) -> None:
        """Stop all workers with SIGTERM and wait for their ends."""
        for worker_process in self._processes:
            worker_process.signal(signal.SIGTERM)
        for worker_process in self._processes:
            code = await worker_process.process.wait()
            if code != 0 and worker_process.has_connected:
                self.anomalies.append(
                    f"{worker_process.name} was stopped, but ended with {code}: {worker_process.output[-2000:]}"
                )

    async def kill_all(self) -> None:
        """Kill all workers."""
        for worker_process in self._processes:
            worker_process.signal(signal.SIGKILL)
            await worker_process.process.wait()

    async def _start(self) -> WorkerProcess:
        name = f"worker-{next(self._numbers)}"
        log = self._directory / f"{name}.log"
        with log.open("wb") as file:
            process = await asyncio.create_subprocess_exec(
                *self._command(name),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                cwd=ROOT,
                env=self._environment(name),
            )
        return WorkerProcess(name=name, process=process, log=log)

    def _command(self, name: str) -> Sequence[str]:
        address = f"{uri(self._conninfo)}&application_name={name}"
        worker = [GJOBS, "worker", "tests.chaos.handlers:registry", "--lease", f"{self._lease}s"]
        return [*worker, "--database-url", address, "--write", "chaos"]

    def _environment(self, name: str) -> Mapping[str, str]:
        """Return an environment without the settings and the journal of a developer."""
        return {
            **{variable: value for variable, value in os.environ.items() if variable not in SETTINGS},
            "PYTHONPATH": str(ROOT),
            "PGPASSWORD": str(self._conninfo["password"]),
            "GJOBS_DATA_DIR": str(self._directory / "data"),
            "XDG_CONFIG_HOME": str(self._directory / "config"),
            FILE: str(self.record_file),
            WORKER: name,
        }
