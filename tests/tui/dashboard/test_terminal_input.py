"""What Textual cannot read is dropped, and what comes after it is read."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import _parser, events
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._xterm_parser import XTermParser
from textual.drivers import linux_driver

from tests.odd_input import LATE_REPLIES, ODD_INPUT
from tui.dashboard import terminal_sequences
from tui.dashboard.terminal_input import LenientParser


def decoder() -> codecs.IncrementalDecoder:
    """As the driver makes it."""
    made: codecs.IncrementalDecoder = vars(linux_driver)["getincrementaldecoder"]("utf-8")()
    return made


def keys_of(sent: bytes) -> list[str]:
    read = vars(linux_driver)["XTermParser"]().feed(decoder().decode(sent))
    return [message.key for message in read if isinstance(message, events.Key)]


@pytest.mark.parametrize("odd", ODD_INPUT)
def test_odd_input_presses_no_key_and_the_next_key_is_read(odd: bytes) -> None:
    assert [key for key in keys_of(odd + b"s") if key != "left_parenthesis"] == ["s"]


@pytest.mark.parametrize(
    ("sent", "keys"),
    [(b"\x1b[97;5u", ["ctrl+a"]), (b"\x1b[A", ["up"]), ("ü😀".encode(), ["ü", "grinning_face"]), (b"\r", ["enter"])],
)
def test_keys_are_read_as_before(sent: bytes, keys: list[str]) -> None:
    assert keys_of(sent) == keys


def test_all_keys_that_textual_knows_are_read_as_textual_reads_them() -> None:
    def read(parser: XTermParser, sent: str) -> list[str]:
        return [message.key for message in parser.feed(sent) if isinstance(message, events.Key)]

    for sent in ANSI_SEQUENCES_KEYS:
        assert read(LenientParser(), sent) == read(XTermParser(), sent), sent


def test_mouse_is_read_in_cells_where_the_terminal_reports_no_pixels() -> None:
    read = [*LenientParser().feed("\x1b[48;40;120;0;0t\x1b[<35;5;6M")]
    assert [type(message) for message in read] == [events.Resize, events.MouseMove]
    assert isinstance(read[1], events.MouseMove)
    assert (read[1].x, read[1].y) == (4, 5)


@given(st.lists(st.sampled_from(["\x1b[", "\x1b", "<", ";", ":", "?", "9" * 12, "0", "48", "57441", *"uMmtR~$yA"])))
def test_any_sequence_is_read(parts: list[str]) -> None:
    for message in LenientParser().feed("".join(parts)):
        assert message is not None


def test_decoder_keeps_a_character_that_comes_in_two_parts() -> None:
    decode = decoder().decode
    assert decode(b"\xc3") + decode(b"\xbc") == "ü"


class Clock:
    """The time of the parser."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(_parser, "get_time", made)
    monkeypatch.setattr(terminal_sequences, "monotonic", made)
    return made


class SlowLine:
    """Reads pieces that come with pauses, as the driver does."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.parser = LenientParser()
        self.decode = decoder().decode

    def send(self, *pieces: bytes, pause: float) -> list[str]:
        return [key for piece in pieces for key in self._send(piece, pause)]

    def _send(self, piece: bytes, pause: float) -> list[str]:
        text = self.decode(piece)
        read = [*self.parser.feed(text)] if text else []
        self.clock.now += pause
        read += self.parser.tick()
        return [message.key for message in read if isinstance(message, events.Key)]


def each_byte(sent: bytes) -> list[bytes]:
    return [bytes([byte]) for byte in sent]


@pytest.mark.parametrize("reply", LATE_REPLIES)
def test_late_reply_presses_no_key_however_it_is_split(reply: bytes, clock: Clock) -> None:
    assert keys_of(reply + b"s") == ["s"]
    assert SlowLine(clock).send(*each_byte(reply[:100] + reply[-100:]), b"s", pause=0.02) == ["s"]
    assert SlowLine(clock).send(reply[:3], reply[3:], b"s", pause=0.5) == ["s"]


@pytest.mark.parametrize("start", [*"]P_^X["])
def test_keys_after_escape_and_alt_keys_are_read(start: str, clock: Clock) -> None:
    line, typed = SlowLine(clock), start.encode()
    (name,) = keys_of(typed)
    assert line.send(b"\x1b", typed, b"r", pause=0.15) == ["escape", name, "r"]
    alt, *rest = line.send(b"\x1b" + typed, b"r", pause=0.15)
    assert rest == ["r"]
    assert start.lower() in alt or name in alt


def test_escape_ends_an_unfinished_reply_and_is_read(clock: Clock) -> None:
    assert SlowLine(clock).send(b"\x1b]11;rgb", b"\x1b", b"", b"r", pause=0.6) == ["escape", "r"]
    assert SlowLine(clock).send(b"\x1b]11;rgb", b"\x1b[A", b"r", pause=0.1) == ["up", "r"]


@pytest.mark.parametrize("start", [b"\x1b]1", b"\x1bP1", b"\x1b[?1"])
def test_keys_are_read_again_after_a_pause_in_an_unfinished_reply(start: bytes, clock: Clock) -> None:
    assert SlowLine(clock).send(start, b"", b"r", pause=0.6) == ["r"]


def test_steady_typing_is_read_again_after_an_unfinished_reply(clock: Clock) -> None:
    assert SlowLine(clock).send(b"\x1b]11;", *[b"r"] * 40, pause=0.15)[-15:] == ["r"] * 15
    assert SlowLine(clock).send(b"\x1b]52;" + b"A" * 200_000, b"r", pause=0.15) == ["r"]


@given(st.sampled_from(LATE_REPLIES), st.integers(0, 40))
def test_interrupted_reply_leaves_the_next_sequence_intact(reply: bytes, length: int) -> None:
    assert keys_of(reply[:length] + b"\x1b[A")[-1:] == ["up"]


def test_paste_with_escapes_presses_no_key() -> None:
    pasted = "a\x1b]52;c;r\x07\x1b[31mred and a long line that goes on\x1b[0m\x1b[2\x1b\x1b"
    read = [*LenientParser().feed(f"\x1b[200~{pasted}\x1b[201~s")]
    assert [type(message) for message in read] == [events.Paste, events.Key]
    assert isinstance(read[0], events.Paste)
    assert read[0].text == pasted.replace("\x1b", "")
