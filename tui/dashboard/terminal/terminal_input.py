"""Reads terminal input: drops what Textual cannot read, and distinguishes keys from replies of a terminal."""

import errno
import logging
import os
import re
import signal
import sys
import termios
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from encodings import utf_8
from functools import partial
from time import monotonic
from typing import IO, TYPE_CHECKING, Any, NamedTuple, NoReturn

from textual import constants, events

# Textual 8.2.8 has no public names for the parts of its parser, whose faults `LenientParser` names.
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._parser import ParseEOF, ParseTimeout, Peek1, Read1, TokenCallback
from textual._xterm_parser import _MAX_SEQUENCE_SEARCH_THRESHOLD as LONGEST_READ
from textual._xterm_parser import BRACKETED_PASTE_END, BRACKETED_PASTE_START, XTermParser
from textual.app import App
from textual.drivers import linux_driver
from textual.drivers.linux_driver import LinuxDriver
from textual.keys import Keys
from textual.message import Message

if TYPE_CHECKING:
    from typing_extensions import Buffer


# Textual types a sequence that it does not know, which would press keys. Programs ask a terminal for its colors, name
# or clipboard. A late reply reaches the dashboard. Replies are control sequences, or strings of these kinds:
#   ESC]  operating system command   ESCP  device control   ESC_  application   ESC^  privacy   ESCX  start of string
# A person who presses escape and then a character sends the same bytes, in one piece over a slow line. A string is a
# reply if it begins like one, or if its end arrives at once. Otherwise its characters are keys.

Parsing = Generator[Read1 | Peek1, str, None]
Reading = Generator[Read1 | Peek1, str, str]

ESCAPE = "\x1b"
STRING_TERMINATOR = f"{ESCAPE}\\"
STRING_STARTS = frozenset("]P_^X")
STRING_ENDS = frozenset("\x07\x9c")
CANCELS = frozenset("\x18\x1a")
"""They end a reply as well. In a string that a person may have typed, they count as keys."""

REPLY = re.compile(r"\]\d+;|P[\d;?]*[!$+>]|_G\w=")
REPLY_START = re.compile(r"\]\d+|P[\d;?]+|_G\w?")

LONGEST_PAUSE = 1.0
"""Seconds. A reply that pauses for longer counts as unfinished."""

LONGEST_STRING, LONGEST_SECONDS = 100_000, 3.0
"""After this length or time, even a short pause ends a reply. Text without pauses is not typed by a person."""

LONGEST_UNKNOWN, UNKNOWN_SECONDS = 1_000, 0.5
"""After this length or time, a string that does not begin like a reply counts as keys."""

LONGEST_PASTE_PAUSE = 5.0
"""Seconds after which a paste ends, so that a person can use the keyboard again. A slow line may stall for longer."""

ENOUGH_KEYS = 5
"""The rest of a sequence arrives before later keys. After this many keys, the rest is no longer expected."""

# The rest of a paste or a reply may arrive after the longest pause that is allowed. It comes in a burst, which never
# acts as keys. The keys of a person come one by one. These sequences do not count as the rest of a paste, because
# pasted text rarely contains escapes: REPEATED is what the mouse, the focus or a held key sends. SINGLE is a key, or
# the start of one, before a pause.
REPEATED = re.compile(r"\x1b(?:\[(?:<[\d;]+[Mm]|(?:1;\d+)?[A-H]|[IO]|48;[\d;:]+t|200~)|O[A-H])")
SINGLE = re.compile(r"\x1b(?:O[A-Z]?|\[<?[\d;:]*[A-Za-z~]?)")
PARTIAL = re.compile(r"\x1b(?:O|\[<?[\d;:]*)")


class EscapeChord(events.Key):
    """Escape and a key that arrived at once. Textual knows the two as one key, such as ctrl+right for option+right.

    In a text field it is that key. Elsewhere it is escape and then the other key.
    """

    def __init__(self, one: events.Key, other: events.Key) -> None:
        super().__init__("escape", ESCAPE)
        self._one, self._other = one, other

    def keys(self, *, is_typing: bool) -> tuple[events.Key, ...]:
        return (self._one,) if is_typing else (events.Key(self.key, self.character), self._other)


class PasteUnfinished(Message):
    """The terminal did not send the end of a paste."""


class Unfinished(NamedTuple):
    """A sequence that paused for too long. Its rest may come late."""

    is_rest: Callable[[str], bool | None]
    """Whether a burst is the rest. None if the next character decides. If none follows, the burst is a key. After an
    unfinished paste, an incomplete escape sequence is the rest of the paste if no input follows.
    """
    read_on: Callable[[], Parsing]
    is_paste: bool = False


class SequenceReader:
    """Passes input on to Textual's parser, except replies."""

    def __init__(
        self,
        start_parser: Callable[[], Parsing],
        *,
        press_chord: Callable[[str], None],
        post: Callable[[Message], object],
    ) -> None:
        """`press_chord` presses escape and another key that Textual knows as one key."""
        self._start_parser = start_parser
        self._press_chord = press_chord
        self._post = post
        self._unread = ""
        self._unfinished: Unfinished | None = None
        self._keys_since = 0
        self._drop()

    def read(self) -> Parsing:
        try:
            while True:
                if self._unfinished and not self._unread:
                    yield from self._read_late(self._unfinished)
                    continue
                character = yield from self._next(None)
                if character == ESCAPE:
                    yield from self._read_sequence()
                else:
                    self._send(character)
        except ParseEOF:
            return

    def _next(self, seconds: float | None) -> Reading:
        """Return the next character, or nothing after a pause."""
        if self._unread:
            character, self._unread = self._unread[0], self._unread[1:]
            return character
        try:
            return (yield Read1(seconds))
        except ParseTimeout:
            return ""

    def _push_back(self, characters: str) -> None:
        self._unread = characters + self._unread

    def _expect_rest(self, unfinished: Unfinished) -> None:
        """Expect the rest of a sequence. If the rest of a paste is expected already, that does not change: it may
        contain what looks like a sequence.
        """
        if self._unfinished is None or not self._unfinished.is_paste:
            self._unfinished, self._keys_since = unfinished, 0

    def _expect_rest_of_control(self) -> None:
        self._expect_rest(Unfinished(_is_rest_of_control, self._drop_control_sequence))

    def _expect_rest_of_reply(self, start: str) -> None:
        self._expect_rest(Unfinished(partial(_is_rest_of_reply, start), partial(self._drop_reply, start)))

    def _read_late(self, unfinished: Unfinished) -> Parsing:
        """Read the rest of an unfinished sequence, or push back a key."""
        burst = yield from self._next(None)
        while (is_rest := unfinished.is_rest(burst)) is None:
            character = yield from self._next(constants.ESCAPE_DELAY)
            if not character:
                is_rest = unfinished.is_paste and bool(PARTIAL.fullmatch(burst))
                break
            burst += character
        if burst == ESCAPE:
            self._press_escape()
        else:
            self._push_back(burst)
        if is_rest:
            self._unfinished, keys = None, self._keys_since
            yield from unfinished.read_on()
            self._keys_since = keys
            return
        self._keys_since += 1
        if self._keys_since >= ENOUGH_KEYS:
            self._unfinished = None

    @property
    def _is_in_sequence(self) -> bool:
        return self._awaited.timeout is not None

    def _send(self, characters: str) -> None:
        for character in characters:
            self._awaited = self._parser.send(character)

    def _press_escape(self, following: str = "") -> None:
        """Press escape. What follows is read again, as keys or as another sequence."""
        self._send(ESCAPE)
        self._awaited = self._parser.throw(ParseTimeout())
        self._push_back(following)

    def _drop(self) -> None:
        """Forget an unfinished sequence."""
        self._parser = self._start_parser()
        self._awaited = next(self._parser)

    def _read_sequence(self) -> Parsing:
        start = yield from self._next(constants.ESCAPE_DELAY)
        if start in STRING_STARTS:
            yield from self._read_string(start)
        elif start == "[":
            yield from self._read_control_sequence()
        elif start == "O":
            yield from self._read_function_key()
        elif start not in ("", ESCAPE) and isinstance(ANSI_SEQUENCES_KEYS.get(ESCAPE + start), tuple):
            # Textual reads escape and a digit as option and the digit, which types a character such as ¡.
            self._press_chord(start)
        else:
            self._press_escape(start)

    def _read_function_key(self) -> Parsing:
        last = yield from self._next(constants.ESCAPE_DELAY)
        if (sequence := f"{ESCAPE}O{last}") in ANSI_SEQUENCES_KEYS:
            self._send(sequence)
        else:
            self._press_escape(f"O{last}")

    def _read_control_sequence(self) -> Parsing:
        sequence = f"{ESCAPE}["
        character = yield from self._next(constants.ESCAPE_DELAY)
        if not " " <= character <= "~":
            self._press_escape(f"[{character}")
            if not character:
                self._expect_rest_of_control()
            return
        self._send(sequence)
        while True:
            if not " " <= character <= "~":
                self._push_back(character)
                break
            if len(sequence) < LONGEST_READ:
                sequence += character
                self._send(character)
            if not self._is_in_sequence:
                break
            # Keys of the Linux console and the old mouse reports go on after a letter.
            if character >= "@" and len(sequence) >= {"[": 4, "M": 6}.get(sequence[2], 3):
                break
            character = yield from self._next(LONGEST_PAUSE)
        if self._is_in_sequence:
            self._drop()
        if not character:
            self._expect_rest_of_control()
        if sequence == BRACKETED_PASTE_START:
            yield from self._read_paste()

    def _drop_control_sequence(self) -> Parsing:
        while " " <= (character := (yield from self._next(LONGEST_PAUSE))) < "@":
            pass
        if not character:
            self._expect_rest_of_control()
        elif character > "~" or character < " ":
            self._push_back(character)

    def _read_string(self, text: str) -> Parsing:
        """Drop a reply. If the string is not a reply, press its characters as keys."""
        began = monotonic()
        while not REPLY.match(text):
            is_likely = bool(REPLY_START.fullmatch(text))
            character = yield from self._next(LONGEST_PAUSE if is_likely else constants.ESCAPE_DELAY)
            if character in STRING_ENDS:
                return
            if character == ESCAPE:
                character += yield from self._next(constants.ESCAPE_DELAY)
                if character == STRING_TERMINATOR:
                    return
            is_long = len(text) > LONGEST_UNKNOWN or monotonic() - began > UNKNOWN_SECONDS
            if not character or not character.isprintable() or (is_long and not is_likely):
                self._press_escape(text + character)
                if not character and (is_likely or len(text) == 1):
                    self._expect_rest_of_reply(text)
                return
            text += character
        yield from self._drop_reply(text)

    def _drop_reply(self, start: str) -> Parsing:
        began, length = monotonic(), 0
        while True:
            is_long = length > LONGEST_STRING or monotonic() - began > LONGEST_SECONDS
            character = yield from self._next(constants.ESCAPE_DELAY if is_long else LONGEST_PAUSE)
            if not character:
                self._expect_rest_of_reply(start)
                return
            if character in STRING_ENDS | CANCELS:
                return
            if character == ESCAPE:
                following = yield from self._next(LONGEST_PAUSE)
                if not following:
                    self._press_escape()
                elif ESCAPE + following != STRING_TERMINATOR:  # The escape begins another sequence.
                    self._push_back(ESCAPE + following)
                return
            length += 1

    def _read_paste(self) -> Parsing:
        """Drop escapes in pasted text. Textual would type what follows them. End the paste if the terminal does not
        end it in time.
        """
        self._unfinished = None
        text, last = "", monotonic()
        ends_at = last + LONGEST_PASTE_PAUSE
        while text != BRACKETED_PASTE_END:
            character = yield from self._next(max(ends_at - monotonic(), 0.0))
            if not character:
                break
            now = monotonic()
            if now - last < constants.ESCAPE_DELAY:  # Keys that a person tries meanwhile come one by one.
                ends_at = now + LONGEST_PASTE_PAUSE
            text, last = text + character, now
            while not BRACKETED_PASTE_END.startswith(text):
                self._send(text[0].replace(ESCAPE, ""))
                text = text[1:]
        self._send(BRACKETED_PASTE_END)
        if text != BRACKETED_PASTE_END:
            self._post(PasteUnfinished())
            read_on = partial(self._read_late_paste, text)
            self._expect_rest(Unfinished(partial(_is_rest_of_paste, text), read_on, is_paste=True))

    def _read_late_paste(self, end: str) -> Parsing:
        """Give the rest as another paste. `end` is the part of the end marker that has already arrived."""
        self._push_back(end)
        if self._unread == BRACKETED_PASTE_END:
            self._unread = ""
            return
        self._send(BRACKETED_PASTE_START)
        yield from self._read_paste()


def _is_rest_of_control(burst: str) -> bool | None:
    """Return whether the burst begins with a parameter, or with a final letter followed by an escape."""
    if len(burst) == 1:
        return None
    return " " <= burst[0] <= "?" or (burst[0].isprintable() and burst[1] == ESCAPE)


def _is_rest_of_reply(start: str, burst: str) -> bool | None:
    """An escape begins another sequence. If a person may have typed the start, start and burst together must match a
    reply.
    """
    is_reply = bool(REPLY.match(start))
    if is_reply and burst in {STRING_TERMINATOR, *STRING_ENDS, *CANCELS}:
        return True
    if burst == ESCAPE or (is_reply and len(burst) == 1):
        return None
    if burst[0] == ESCAPE or REPLY.match(start + burst):
        return burst[0] != ESCAPE
    return None if REPLY_START.fullmatch(start + burst) else False


def _is_rest_of_paste(end: str, burst: str) -> bool | None:
    if end + burst == BRACKETED_PASTE_END:
        return True
    if REPEATED.fullmatch(burst):
        return False
    is_single = len(burst) == 1 or burst in ANSI_SEQUENCES_KEYS or SINGLE.fullmatch(burst)
    return None if is_single and len(burst) < LONGEST_READ else True


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
        return SequenceReader(start, press_chord=press_chord, post=token_callback).read()

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
    """A file that discards what it cannot write. In Textual, the thread that writes would end and its queue would fill
    up. Then the app would wait forever.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self.fileno = file.fileno

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._file.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._file.flush()


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
_start_writer = vars(linux_driver)["WriterThread"]
vars(linux_driver).update(
    XTermParser=LenientParser,
    WriterThread=lambda file: _start_writer(_LenientFile(file)),
    getincrementaldecoder=lambda _: TerminalDecoder,
)


class GuardedDriver(LinuxDriver):
    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        self.app = app

    def run_input_thread(self) -> None:
        """End the app after an error as after any other. If the terminal is closed, end it without a traceback."""
        try:
            super().run_input_thread()
        except Exception as error:
            if isinstance(error, OSError) and error.errno in _CLOSED:
                log.warning("The terminal is closed: %s", error)
                self.app.call_later(self.app.exit, return_code=1)
            else:
                self.app.call_later(_raise, error)


def _raise(error: Exception) -> NoReturn:
    raise error


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
