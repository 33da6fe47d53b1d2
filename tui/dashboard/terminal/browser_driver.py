"""Connects the dashboard with the server of its browser tab."""

import codecs
import os
import re
from functools import partial
from threading import Lock
from typing import Any

from textual import events, messages
from textual.drivers import web_driver
from textual.drivers.web_driver import WebDriver

from gjobs.tui.dashboard.terminal.terminal_input import LenientParser

EXIT_SECONDS = 10.0
"""Seconds after which the process ends, once the server is gone."""

_CONTROL_PICTURES = re.compile("[\N{SYMBOL FOR NULL}-\N{SYMBOL FOR SUBSTITUTE FORM TWO}]")
"""Symbols that replace control characters, such as `␛`. The font of the page lacks them, and many other fonts lack
them, too.
"""

# WebDriver.run_input_thread reads both names from its module.
vars(web_driver).update(
    XTermParser=LenientParser,
    getincrementaldecoder=lambda name: partial(codecs.getincrementaldecoder(name), errors="ignore"),
)


class BrowserDriver(WebDriver):
    """Textual's driver for browsers, which also ends with its server."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._lock = Lock()
        # Textual 8.2.8: `os.write` may write a part of a packet, and the input thread writes packets as well.
        self._write = self._write_whole  # type: ignore[assignment]
        self._has_focus = False

    def _write_whole(self, data: bytes) -> None:
        """Write a packet, which no other thread may interrupt. Without a server, write nothing."""
        rest = memoryview(data)
        with self._lock:
            while rest:
                try:
                    rest = rest[os.write(self.fileno, rest) :]
                except BrokenPipeError:
                    return

    def write(self, data: str) -> None:
        super().write(_CONTROL_PICTURES.sub("\N{REPLACEMENT CHARACTER}", data))

    def start_application_mode(self) -> None:
        """Start, and keep the focus that the browser reported already. Textual starts without focus."""
        super().start_application_mode()
        self.send_message(events.Callback(self._repeat_focus))

    def _repeat_focus(self) -> None:
        if self._has_focus:
            self.send_message(events.AppFocus())

    def on_meta(self, packet_type: str, payload: dict[str, object]) -> None:
        if packet_type in ("focus", "blur"):
            self._has_focus = packet_type == "focus"
        super().on_meta(packet_type, payload)

    def run_input_thread(self) -> None:
        """Read input. At its end the server is gone, so the dashboard quits, and the process ends in any case."""
        super().run_input_thread()
        if self.exit_event.is_set():
            return
        self.send_message(messages.ExitApp())
        if not self.exit_event.wait(EXIT_SECONDS):
            os._exit(1)
