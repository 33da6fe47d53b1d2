"""Drops replies of a terminal, which Textual would type as characters."""

from collections.abc import Callable, Generator
from time import monotonic

from textual import constants
from textual._parser import ParseEOF, ParseTimeout, Peek1, Read1
from textual._xterm_parser import _MAX_SEQUENCE_SEARCH_THRESHOLD as LONGEST_READ
from textual._xterm_parser import BRACKETED_PASTE_END, BRACKETED_PASTE_START

# Textual types a sequence that it does not know: it would press keys. Programs ask a terminal for its colors, its name
# or its clipboard. A late reply reaches the dashboard. Replies are control sequences, or strings of these kinds:
#   ESC]  operating system command   ESCP  device control   ESC_  application   ESC^  privacy   ESCX  start of string

Parsing = Generator[Read1 | Peek1, str, None]
Reading = Generator[Read1 | Peek1, str, str]

ESCAPE = "\x1b"
STRING_STARTS = frozenset("]P_^X")
STRING_ENDS = frozenset("\x07\x18\x1a\x9c")

LONGEST_PAUSE = 1.0
"""Seconds. A reply that pauses longer has no end."""

LONGEST_STRING, LONGEST_SECONDS = 100_000, 3.0
"""After either, a short pause ends a string. Text without pauses is not typed by a person."""


class SequenceReader:
    """Passes input on to Textual's parser, except replies."""

    def __init__(self, start_parser: Callable[[], Parsing]) -> None:
        self._start_parser = start_parser
        self._unread = ""
        self._drop()

    def read(self) -> Parsing:
        try:
            while True:
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

    @property
    def _is_in_sequence(self) -> bool:
        return self._awaited.timeout is not None

    def _send(self, characters: str) -> None:
        for character in characters:
            self._awaited = self._parser.send(character)

    def _press(self, characters: str = "") -> None:
        """Send characters as what a person pressed: escape, or a key with alt."""
        self._send(characters)
        if self._is_in_sequence:
            self._awaited = self._parser.throw(ParseTimeout())

    def _drop(self) -> None:
        """Forget an unfinished sequence."""
        self._parser = self._start_parser()
        self._awaited = next(self._parser)

    def _read_sequence(self) -> Parsing:
        start = yield from self._next(constants.ESCAPE_DELAY)
        if start in STRING_STARTS:
            yield from self._drop_string(start)
        elif start == "[":
            yield from self._read_control_sequence()
        elif start in ("", ESCAPE):
            self._press(ESCAPE)
            self._push_back(start)
        else:
            yield from self._read_key(start)

    def _read_key(self, start: str) -> Parsing:
        self._send(ESCAPE + start)
        while self._is_in_sequence:
            character = yield from self._next(constants.ESCAPE_DELAY)
            if character in ("", ESCAPE):
                self._press()
                self._push_back(character)
            else:
                self._send(character)

    def _read_control_sequence(self) -> Parsing:
        sequence = f"{ESCAPE}["
        character = yield from self._next(constants.ESCAPE_DELAY)
        if not character:
            self._press(sequence)
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
            if character >= "@" and len(sequence) >= _shortest(sequence):
                break
            character = yield from self._next(LONGEST_PAUSE)
        if self._is_in_sequence:
            self._drop()
        if sequence == BRACKETED_PASTE_START:
            yield from self._read_paste()

    def _drop_string(self, start: str) -> Parsing:
        character = yield from self._next(constants.ESCAPE_DELAY)
        if not character:
            self._press(ESCAPE + start)
        began, length = monotonic(), 0
        while character and character not in STRING_ENDS:
            length += 1
            is_long = length > LONGEST_STRING or monotonic() - began > LONGEST_SECONDS
            following = yield from self._next(constants.ESCAPE_DELAY if is_long else LONGEST_PAUSE)
            if character == ESCAPE:
                self._end_string(following)
                return
            character = following

    def _end_string(self, following: str) -> None:
        """End a string at an escape. Without a backslash after it, it begins another sequence."""
        if not following:
            self._press(ESCAPE)
        elif following != "\\":
            self._push_back(ESCAPE + following)

    def _read_paste(self) -> Parsing:
        """Drop escapes in pasted text. Textual would type what follows them."""
        while True:
            text = yield from self._next(None)
            while text != BRACKETED_PASTE_END and BRACKETED_PASTE_END.startswith(text):
                text += yield from self._next(None)
            if text == BRACKETED_PASTE_END:
                self._send(text)
                return
            if text[0] == ESCAPE:
                self._push_back(text[1:])
            else:
                self._send(text)


def _shortest(sequence: str) -> int:
    """Return the length before which a letter ends no sequence: keys of the Linux console and the old mouse reports."""
    return {"[": 4, "M": 6}.get(sequence[2], 3)
