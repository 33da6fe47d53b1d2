"""A command in a pane of its own tmux server, driven by keys and read as text."""

import os
import re
import shlex
import subprocess
import time
from pathlib import Path

PATIENCE = 90.0
"""Seconds that a test waits for a screen: far more than any step takes, even on a busy machine."""

WIDTH, HEIGHT = 120, 36


class Pane:
    """A terminal of 120 × 36 with one command. It outlives the command, so that the last screen can be read."""

    def __init__(self, tmux: str, room: Path, *command: str) -> None:
        """Start the command. The server's socket is in `room`, a directory with a short path."""
        self._tmux = (tmux, "-u", "-S", str(room / "socket"), "-f", os.devnull)
        # A size in the environment would override the terminal's. Copies must not reach the developer's clipboard.
        others = ("COLUMNS", "LINES", "DISPLAY", "WAYLAND_DISPLAY")
        inherited = {name: value for name, value in os.environ.items() if name not in others}
        self._environment = {**inherited, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        new_session = ("new-session", "-d", "-x", str(WIDTH), "-y", str(HEIGHT), f"exec {shlex.join(command)}")
        start = ("start-server", ";", "set-option", "-g", "remain-on-exit", "on", ";", *new_session)
        subprocess.run([*self._tmux, *start], env=self._environment, capture_output=True, check=True)
        # One client runs all further commands. A process for each look at the screen costs more than the screen.
        self._client = subprocess.Popen(
            [*self._tmux, "-C", "attach-session", "-f", "ignore-size,no-output"],
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def press(self, *keys: str) -> None:
        """Press keys by tmux's names, such as `Enter`."""
        self._run("send-keys", *keys)

    def type(self, text: str) -> None:
        self._run("send-keys", "-l", text)

    def paste(self, text: str) -> None:
        """Paste, bracketed if the command supports it."""
        self._run("set-buffer", "-b", "pasted", "--", text)
        self._run("paste-buffer", "-p", "-b", "pasted")

    def resize(self, width: int, height: int) -> None:
        self._run("resize-window", "-x", str(width), "-y", str(height))

    def copied(self) -> str:
        """Return the buffer that tmux pastes next."""
        return self._run("show-buffer").removesuffix("\n")

    def screen(self) -> str:
        return self._run("capture-pane", "-p")

    def wait_for(self, *texts: str) -> str:
        """Wait for a screen that shows all texts, and return it."""
        deadline = time.monotonic() + PATIENCE
        while not all(text in (screen := self.screen()) for text in texts):
            assert time.monotonic() < deadline, f"{texts} did not appear:\n{screen}"
            assert self.exit_status() is None, f"the command ended before {texts} appeared:\n{screen}"
            time.sleep(0.05)
        return screen

    def wait_for_focus(self, label: str) -> None:
        """Wait until the field below the label has the focus."""
        deadline = time.monotonic() + PATIENCE
        while label not in self.screen().splitlines()[self._cursor_line() - 1]:
            assert time.monotonic() < deadline, f"the field {label!r} did not get the focus:\n{self.screen()}"
            time.sleep(0.05)

    def _cursor_line(self) -> int:
        return int(self._run("display-message", "-p", "#{cursor_y}"))

    def wait_for_end(self) -> int:
        """Wait for the end of the command, and return its exit status."""
        deadline = time.monotonic() + PATIENCE
        while (status := self.exit_status()) is None:
            assert time.monotonic() < deadline, f"the command did not end:\n{self.screen()}"
            time.sleep(0.05)
        return status

    def exit_status(self) -> int | None:
        """Return the exit status, or None while the command runs."""
        is_dead, _, status = (
            self._run("display-message", "-p", "#{pane_dead} #{pane_dead_status}").strip().partition(" ")
        )
        return int(status) if is_dead == "1" and status else None

    def close(self) -> None:
        """End the command and the server."""
        subprocess.run([*self._tmux, "kill-server"], env=self._environment, capture_output=True, check=False)
        self._client.communicate()

    def _run(self, *arguments: str) -> str:
        """Run one command of tmux and return its output."""
        assert self._client.stdin
        self._client.stdin.write(" ".join(map(_quoted, arguments)) + "\n")
        self._client.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        """Return the output of the last command. tmux puts it between two lines, which end with 1 for this client."""
        assert self._client.stdout
        lines: list[str] = []
        guard = ""
        for line in self._client.stdout:
            kind, _, numbers = line.rstrip("\n").partition(" ")
            if guard and numbers == guard and kind in ("%end", "%error"):
                assert kind == "%end", lines
                return "".join(lines)
            if guard:
                lines.append(line)
            elif kind == "%begin" and numbers.endswith(" 1"):
                guard = numbers
        raise AssertionError("tmux has ended")


def _quoted(text: str) -> str:
    """Quote an argument for the parser of tmux."""
    return '"' + re.sub(r'[\x00-\x1f\x7f"$\\]', lambda found: f"\\{ord(found[0]):03o}", text) + '"'
