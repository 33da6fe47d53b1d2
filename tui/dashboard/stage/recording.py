"""Records the terminal output of a run as an asciicast, version 2."""

import json
import os
import time
from collections.abc import Callable
from datetime import datetime
from queue import SimpleQueue
from threading import Thread

from textual.geometry import Size

from tui.dashboard.terminal_input import GuardedDriver


class Recorder:
    """Writes events in a thread of its own, so that the app never waits for the disk."""

    def __init__(self, put: Callable[[str], object], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._put = put
        self._clock = clock
        self._began = 0.0
        self._size = Size(0, 0)
        self._lines: SimpleQueue[str | None] = SimpleQueue()
        self._writing = Thread(target=self._write, name="recording", daemon=True)
        self._error: Exception | None = None

    def start(self, size: Size, *, at: datetime) -> None:
        """Write the header. `at` is the time of the start."""
        self._began, self._size = self._clock(), size
        header = {"version": 2, "width": size.width, "height": size.height, "timestamp": int(at.timestamp())}
        self._lines.put(json.dumps({**header, "env": {"TERM": os.environ.get("TERM", "")}, "title": "gjobs demo"}))
        self._writing.start()

    def add_output(self, data: str) -> None:
        self._add("o", data)

    def add_size(self, size: Size) -> None:
        if size != self._size:
            self._size = size
            self._add("r", f"{size.width}x{size.height}")

    def _add(self, kind: str, data: str) -> None:
        if self._error is None:
            self._lines.put(json.dumps([round(self._clock() - self._began, 6), kind, data]))

    def close(self) -> None:
        """Write the rest. Raises the error that ended the recording, if any."""
        self._lines.put(None)
        self._writing.join()
        if self._error is not None:
            raise self._error

    def _write(self) -> None:
        try:
            while (line := self._lines.get()) is not None:
                self._put(f"{line}\n")
        except Exception as error:
            self._error = error


def recording_driver(recorder: Recorder) -> type[GuardedDriver]:
    """Return a driver that also records what it writes."""

    class RecordingDriver(GuardedDriver):
        def write(self, data: str) -> None:
            recorder.add_output(data)
            super().write(data)

    return RecordingDriver
