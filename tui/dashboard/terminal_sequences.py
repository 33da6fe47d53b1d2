"""Distinguishes keys from replies of a terminal, which Textual would type as characters."""

import re
from collections.abc import Callable, Generator
from time import monotonic

from textual import constants, events
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._parser import ParseEOF, ParseTimeout, Peek1, Read1
from textual._xterm_parser import _MAX_SEQUENCE_SEARCH_THRESHOLD as LONGEST_READ
from textual._xterm_parser import BRACKETED_PASTE_END, BRACKETED_PASTE_START
from textual.message import Message

# Textual types a sequence that it does not know: it would press keys. Programs ask a terminal for its colors, its name
# or its clipboard. A late reply reaches the dashboard. Replies are control sequences, or strings of these kinds:
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
"""They end a reply as well. In a string that may be typed, they are keys."""

REPLY = re.compile(r"\]\d+;|P[\d;?]*[!$+>]|_G\w=")
REPLY_START = re.compile(r"\]\d+|P[\d;?]+|_G\w?")

LONGEST_PAUSE = 1.0
"""Seconds. A reply that pauses longer has no end."""

LONGEST_STRING, LONGEST_SECONDS = 100_000, 3.0
"""After either, a short pause ends a reply. Text without pauses is not typed by a person."""

LONGEST_UNKNOWN, UNKNOWN_SECONDS = 1_000, 0.5
"""After either, a string that does not begin like a reply is keys."""

LONGEST_PASTE_PAUSE = 5.0
"""Seconds after which a paste ends. What comes later would act as keys, and a slow line may stall."""


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


class SequenceReader:
    """Passes input on to Textual's parser, except replies."""

    def __init__(
        self,
        start_parser: Callable[[], Parsing],
        *,
        press_chord: Callable[[str], None],
        tell: Callable[[Message], object],
    ) -> None:
        """`press_chord` presses escape and another key that Textual knows as one key."""
        self._start_parser = start_parser
        self._press_chord = press_chord
        self._tell = tell
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
        elif start not in ("", ESCAPE) and ESCAPE + start in ANSI_SEQUENCES_KEYS:
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

    def _read_string(self, text: str) -> Parsing:
        """Drop a reply. Press the keys if it is none."""
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
                return
            text += character
        yield from self._drop_reply()

    def _drop_reply(self) -> Parsing:
        began, length = monotonic(), 0
        while True:
            is_long = length > LONGEST_STRING or monotonic() - began > LONGEST_SECONDS
            character = yield from self._next(constants.ESCAPE_DELAY if is_long else LONGEST_PAUSE)
            if not character or character in STRING_ENDS | CANCELS:
                return
            if character == ESCAPE:
                self._end_reply((yield from self._next(LONGEST_PAUSE)))
                return
            length += 1

    def _end_reply(self, following: str) -> None:
        """End a reply at an escape. Without a backslash after it, it begins another sequence."""
        if not following:
            self._press_escape()
        elif ESCAPE + following != STRING_TERMINATOR:
            self._push_back(ESCAPE + following)

    def _read_paste(self) -> Parsing:
        """Drop escapes in pasted text. Textual would type what follows them. End a paste that the terminal does not."""
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
            self._tell(PasteUnfinished())


def _shortest(sequence: str) -> int:
    """Return the length before which a letter ends no sequence: keys of the Linux console and the old mouse reports."""
    return {"[": 4, "M": 6}.get(sequence[2], 3)
