"""Drops terminal input that Textual cannot read, and output that a closed terminal cannot show."""

import errno
import logging
import os
import signal
import sys
import termios
from collections.abc import Iterable
from contextlib import suppress
from encodings import utf_8
from functools import partial
from time import monotonic
from typing import IO, TYPE_CHECKING, cast

from textual import events
from textual._parser import TokenCallback
from textual._xterm_parser import XTermParser
from textual.drivers import linux_driver
from textual.drivers._writer_thread import WriterThread
from textual.drivers.linux_driver import LinuxDriver
from textual.keys import Keys
from textual.message import Message

from gjobs.tui.dashboard.terminal_sequences import ESCAPE, EscapeChord, Parsing, SequenceReader

if TYPE_CHECKING:
    from typing_extensions import Buffer

log = logging.getLogger(__name__)

# Textual 8.2.8 reads the terminal in a thread. An exception there is printed as a traceback, and the app exits with 0.
# Each of these sequences ends it. To try, printf them into a terminal that runs `python -m textual`:
#   ESC[999999999999u                             OverflowError in XTermParser._parse_extended_key: chr()
#   ESC[1114112u                                  ValueError, there
#   ESC[57441;1:3u                                ValueError, there: int("1:3"), the release of a key
#   ESC[97;1;55296u                               a surrogate as text, which no terminal can be sent
#   ESC[48;40;120;0;0t then ESC[<35;5;5M          ZeroDivisionError in XTermParser.parse_mouse_code
#   ESC[48;99999;99999;9;9t                       a screen that needs gigabytes
#   the byte 0xff                                 UnicodeDecodeError in LinuxDriver.run_input_thread

LARGEST_SIZE = 2_000
"""Columns or rows."""

_CLOSED = (errno.EIO, errno.EBADF)
"""Errors of reading a closed terminal."""

Size = tuple[int, int]


class LenientParser(XTermParser):
    """Ignores invalid sequences. Textual would type them as characters, which would press keys."""

    _cells: Size | None = None
    _pixels: Size | None = None

    @property
    def terminal_size(self) -> Size | None:
        return self._cells

    @terminal_size.setter
    def terminal_size(self, size: Size | None) -> None:
        if size is None or _is_possible(size):
            self._cells = size

    @property
    def terminal_pixel_size(self) -> Size | None:
        return self._pixels

    @terminal_pixel_size.setter
    def terminal_pixel_size(self, size: Size | None) -> None:
        """Set the size. Without a size in pixels, treat mouse positions as cells."""
        self._pixels = size if size and all(size) else None

    def feed(self, data: str) -> Iterable[Message]:
        return filter(_is_useful, super().feed(data))

    def tick(self) -> Iterable[Message]:
        """If the parser waits again after a timeout, start the timeout of the new wait at once. Textual would start
        it with the next input.
        """
        yield from filter(_is_useful, super().tick())
        if self._timeout_time is None and self._awaiting.timeout is not None:
            self._timeout_time = monotonic() + self._awaiting.timeout

    def parse(self, token_callback: TokenCallback[Message]) -> Parsing:
        def press_chord(character: str) -> None:
            (one,), (other,) = self._sequence_to_key_events(ESCAPE + character), self._sequence_to_key_events(character)
            token_callback(EscapeChord(one, other))

        start = partial(super().parse, token_callback)
        return SequenceReader(start, press_chord=press_chord, tell=token_callback).read()

    def _sequence_to_key_events(self, sequence: str, alt: bool = False) -> Iterable[events.Key]:
        try:
            keys = list(super()._sequence_to_key_events(sequence, alt))
        except (ValueError, OverflowError):
            return [events.Key(Keys.Ignore, sequence)]
        return [key if _is_text(key) else events.Key(Keys.Ignore, sequence) for key in keys]


def _is_possible(size: Size) -> bool:
    return all(0 < length <= LARGEST_SIZE for length in size)


def _is_useful(message: Message) -> bool:
    """Return False for an impossible size, and for an empty paste, which would delete the selected text."""
    if isinstance(message, events.Paste):
        return bool(message.text)
    return not isinstance(message, events.Resize) or _is_possible(message.size)


def _is_text(key: events.Key) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in f"{key.key}{key.character or ''}")


class _LenientFile:
    """A file that discards what it cannot write."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self.fileno = file.fileno

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._file.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._file.flush()


class LenientWriter(WriterThread):
    """Discards the output once the terminal is closed. In Textual, the thread would end and its queue would fill up.
    Then the app would wait forever.
    """

    def __init__(self, file: IO[str]) -> None:
        super().__init__(cast("IO[str]", _LenientFile(file)))


class TerminalDecoder(utf_8.IncrementalDecoder):
    """Ignores invalid bytes. Raises an OSError for empty input, which only a closed terminal sends. Textual would read
    it again and again.
    """

    def __init__(self) -> None:
        super().__init__(errors="ignore")

    def decode(self, input: "Buffer", final: bool = False) -> str:  # noqa: A002
        if not (final or bytes(input)):
            raise OSError(errno.EIO, "End of input")
        return super().decode(input, final)


# LinuxDriver reads these names from its module.
vars(linux_driver).update(
    XTermParser=LenientParser,
    WriterThread=LenientWriter,
    getincrementaldecoder=lambda _: TerminalDecoder,
)


class GuardedDriver(LinuxDriver):
    def _run_input_thread(self) -> None:
        """Make an error in the thread end the app like any other error. If the terminal is closed, end the app
        without a traceback."""
        try:
            self.run_input_thread()
        except Exception as error:
            if isinstance(error, OSError) and error.errno in _CLOSED:
                log.warning("The terminal is closed: %s", error)
                self._app.call_later(self._app.exit, return_code=1)
            else:
                self._app.call_later(self._app._handle_exception, error)  # noqa: SLF001


def stop_until_resumed() -> None:
    """Stop this process group, as a terminal does on ctrl+z. Return once the group has the terminal again.

    The kernel ignores the stop if no shell could resume the group. Textual's signal handlers would stop it even then.
    """
    handlers = {one: signal.signal(one, signal.SIG_DFL) for one in (signal.SIGTSTP, signal.SIGCONT)}
    os.kill(0, signal.SIGTSTP)
    if sys.__stdin__ is not None:
        with suppress(termios.error):
            # The shell's "bg" also resumes the group. This call then stops it again until "fg".
            termios.tcsetattr(sys.__stdin__, termios.TCSANOW, termios.tcgetattr(sys.__stdin__))
    for one, handler in handlers.items():
        signal.signal(one, handler)
