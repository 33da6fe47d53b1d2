"""Programs that copy: which ones are tried, and what happens if one hangs, fails or is missing."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from gjobs.tui.dashboard.terminal import clipboard
from gjobs.tui.dashboard.terminal.clipboard import clipboard_commands, first_that_copies


@pytest.mark.parametrize(
    ("environment", "platform", "programs"),
    [
        ({}, "linux", []),
        ({"DISPLAY": "", "WAYLAND_DISPLAY": "", "TMUX": ""}, "linux", []),
        ({"DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0"}, "linux", ["wl-copy", "xclip"]),
        ({"DISPLAY": ":0", "TMUX": "/tmp/tmux-1000/default,1,0"}, "linux", ["xclip", "tmux", "tmux"]),
        ({"TMUX": "/tmp/tmux-1000/default,1,0"}, "darwin", ["pbcopy", "tmux", "tmux"]),
        ({"SSH_CONNECTION": "10.0.0.1 5000 10.0.0.2 22"}, "darwin", []),
    ],
)
def test_only_programs_that_can_reach_the_clipboard_of_the_user_are_tried(
    environment: Mapping[str, str], platform: str, programs: list[str]
) -> None:
    assert [command[0] for command in clipboard_commands(environment, platform)] == programs


def test_first_program_that_takes_the_text_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clipboard, "_SECONDS", 0.05)
    copied = tmp_path / "copied"
    hangs, fails, is_missing = ("sleep", "600"), ("false",), ("gjobs-no-such-program",)
    takes = ("dd", f"of={copied}")

    assert first_that_copies([hangs, fails, is_missing], "Größe") is None
    monkeypatch.setattr(clipboard, "_SECONDS", 60.0)
    assert first_that_copies([fails, is_missing, takes, fails], "Größe") == "dd"
    assert copied.read_text(encoding="utf-8") == "Größe"
