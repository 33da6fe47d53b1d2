"""A recording of the terminal output: its header, its events, and errors of the disk."""

import json
from datetime import UTC, datetime

import pytest
from textual.geometry import Size

from tui.dashboard.stage.recording import Recorder


def test_recording_has_a_header_and_events_with_times() -> None:
    parts: list[str] = []
    times = iter([10.0, 10.25, 11.5, 12.0])
    recorder = Recorder(parts.append, clock=lambda: next(times))
    recorder.start(Size(120, 36), at=datetime(2026, 11, 24, 12, tzinfo=UTC))
    recorder.add_output("\x1b[2Jhä\n")
    recorder.add_size(Size(120, 36))
    recorder.add_size(Size(80, 24))
    recorder.add_output("end")
    recorder.close()

    header, *events = [json.loads(line) for line in "".join(parts).splitlines()]
    assert (header["version"], header["width"], header["height"]) == (2, 120, 36)
    assert header["timestamp"] == 1795521600
    assert events == [[0.25, "o", "\x1b[2Jhä\n"], [1.5, "r", "80x24"], [2.0, "o", "end"]]


def test_recording_that_cannot_be_written_reports_the_error_at_the_end() -> None:
    def refuse(text: str) -> None:
        raise OSError("No space left on device")

    recorder = Recorder(refuse)
    recorder.start(Size(80, 24), at=datetime(2026, 11, 24, tzinfo=UTC))
    for _ in range(3):
        recorder.add_output("text")
    with pytest.raises(OSError, match="No space"):
        recorder.close()
