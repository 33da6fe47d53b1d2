"""Distinguishes keys from replies of a terminal, which Textual would type as characters."""

import re
from collections.abc import Callable, Generator
from functools import partial
from time import monotonic
from typing import NamedTuple

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
        tell: Callable[[Message], object],
    ) -> None:
        """`press_chord` presses escape and another key that Textual knows as one key."""
        self._start_parser = start_parser
        self._press_chord = press_chord
        self._tell = tell
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

    def _expect_rest_of_paste(self, end: str) -> None:
        """`end` is the part of the paste's end marker that has already arrived."""
        read_on = partial(self._read_late_paste, end)
        self._expect_rest(Unfinished(partial(_is_rest_of_paste, end), read_on, is_paste=True))

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
            if character >= "@" and len(sequence) >= _shortest(sequence):
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
                self._end_reply((yield from self._next(LONGEST_PAUSE)))
                return
            length += 1

    def _end_reply(self, following: str) -> None:
        """End a reply at an escape. If no backslash follows, the escape begins another sequence."""
        if not following:
            self._press_escape()
        elif ESCAPE + following != STRING_TERMINATOR:
            self._push_back(ESCAPE + following)

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
            self._tell(PasteUnfinished())
            self._expect_rest_of_paste(text)

    def _read_late_paste(self, end: str) -> Parsing:
        """Give the rest as another paste."""
        self._push_back(end)
        if self._unread == BRACKETED_PASTE_END:
            self._unread = ""
            return
        self._send(BRACKETED_PASTE_START)
        yield from self._read_paste()


def _shortest(sequence: str) -> int:
    """Return the length from which a letter ends the sequence: keys of the Linux console and the old mouse
    reports.
    """
    return {"[": 4, "M": 6}.get(sequence[2], 3)


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
