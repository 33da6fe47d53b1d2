"""Input that Textual cannot read is dropped, also mouse events on replaced widgets. Later input is read."""

import codecs
import errno
import io
import threading
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from textual import _parser, events
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._xterm_parser import XTermParser
from textual.drivers import linux_driver
from textual.drivers._writer_thread import MAX_QUEUED_WRITES, WriterThread
from textual.events import MouseDown, MouseEvent, MouseMove, MouseUp
from textual.message import Message
from textual.widgets import Markdown, Static
from textual.widgets._markdown import MarkdownH1

from gjobs.tui.dashboard.frame.app import GjobsApp
from gjobs.tui.dashboard.frame.help import KEYS_HEADING
from gjobs.tui.dashboard.list.table_drawing import HEADER_HEIGHT
from gjobs.tui.dashboard.terminal import terminal_input
from gjobs.tui.dashboard.terminal.terminal_input import REPLY, EscapeChord, LenientParser, PasteUnfinished
from tests.odd_input import LATE_REPLIES, ODD_INPUT, UNUSUAL_REPLIES
from tests.tui.dashboard.dashboard_driver import Driver


def decoder() -> codecs.IncrementalDecoder:
    """Create the decoder as the driver does."""
    made: codecs.IncrementalDecoder = vars(linux_driver)["getincrementaldecoder"]("utf-8")()
    return made


def keys_of(sent: bytes) -> list[str]:
    return names(vars(linux_driver)["XTermParser"]().feed(decoder().decode(sent)))


def names(read: Iterable[Message], *, is_typing: bool = False) -> list[str]:
    """Return the names of the keys among the messages."""
    keys = [message for message in read if isinstance(message, events.Key)]
    split = [key.keys(is_typing=is_typing) if isinstance(key, EscapeChord) else (key,) for key in keys]
    return [key.key for one in split for key in one]


@pytest.mark.parametrize("odd", ODD_INPUT)
def test_odd_input_presses_no_key_and_the_next_key_is_read(odd: bytes) -> None:
    assert [key for key in keys_of(odd + b"s") if key != "left_parenthesis"] == ["s"]


@pytest.mark.parametrize(
    ("sent", "keys"),
    [(b"\x1b[97;5u", ["ctrl+a"]), (b"\x1b[A", ["up"]), ("ü😀".encode(), ["ü", "grinning_face"]), (b"\r", ["enter"])],
)
def test_keys_are_read_as_before(sent: bytes, keys: list[str]) -> None:
    assert keys_of(sent) == keys
    decode = decoder().decode
    assert decode(b"\xc3") + decode(b"\xbc") == "ü", "a character may come in two parts"


def test_all_keys_that_textual_knows_are_read_as_textual_reads_them() -> None:
    """The keys are read as in a text field. Escape and a digit are left out, because Textual reads them as ¡."""
    for sent in (sent for sent, keys in ANSI_SEQUENCES_KEYS.items() if isinstance(keys, tuple)):
        assert names(LenientParser().feed(sent), is_typing=True) == names(XTermParser().feed(sent)), sent
    for is_typing in (True, False):
        assert names(LenientParser().feed("\x1b1\x1b-"), is_typing=is_typing) == ["escape", "1", "escape", "minus"]


def test_mouse_is_read_in_cells_where_the_terminal_reports_no_pixels() -> None:
    read = [*LenientParser().feed("\x1b[48;40;120;0;0t\x1b[<35;5;6M")]
    assert [type(message) for message in read] == [events.Resize, events.MouseMove]
    assert isinstance(read[1], events.MouseMove)
    assert (read[1].x, read[1].y) == (4, 5)


@given(st.lists(st.sampled_from(["\x1b[", "\x1b", "<", ";", ":", "?", "9" * 12, "0", "48", "57441", *"uMmtR~$yA"])))
def test_any_sequence_is_read(parts: list[str]) -> None:
    for message in LenientParser().feed("".join(parts)):
        assert message is not None


class Clock:
    """The time of the parser."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(_parser, "get_time", made)
    for module in (terminal_input, terminal_input):
        monkeypatch.setattr(module, "monotonic", made)
    return made


class SlowLine:
    """Reads pieces that come with pauses, as the driver does."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.parser = LenientParser()
        self.decode = decoder().decode

    def send(self, *pieces: bytes, pause: float) -> list[str]:
        return names(self.read(*pieces, pause=pause))

    def read(self, *pieces: bytes, pause: float) -> list[Message]:
        return [message for piece in pieces for message in self._read(piece, pause)]

    def _read(self, piece: bytes, pause: float) -> list[Message]:
        text = self.decode(piece) if piece else ""
        read = [*self.parser.feed(text)] if text else []
        self.clock.now += pause
        return [*read, *self.parser.tick()]


def each_byte(sent: bytes) -> list[bytes]:
    return [bytes([byte]) for byte in sent]


@pytest.mark.parametrize("reply", LATE_REPLIES)
def test_late_reply_presses_no_key_however_it_is_split(reply: bytes, clock: Clock) -> None:
    assert keys_of(reply + b"s") == ["s"]
    assert SlowLine(clock).send(*each_byte(reply[:100] + reply[-100:]), b"s", pause=0.02) == ["s"]
    if reply not in UNUSUAL_REPLIES:
        assert SlowLine(clock).send(reply[:3], reply[3:], b"s", pause=0.5) == ["s"]


REPLY_STARTS = ("]11;", "]52;c;", "P>|", "P1+r", "P0$r", "P!|", "_Gi=31;")
PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=40)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    start=st.sampled_from(REPLY_STARTS),
    text=PRINTABLE,
    end=st.sampled_from(["\x07", "\x1b\\", "\x9c", ""]),
    splits=st.lists(st.integers(3, 50), max_size=3),
)
def test_any_reply_presses_no_key(start: str, text: str, end: str, splits: list[int], clock: Clock) -> None:
    """This includes an incomplete reply, after which the terminal sends nothing more."""
    reply = f"\x1b{start}{text}{end}"
    places = [0, *sorted(splits), len(reply)]
    pieces = [reply[one:other].encode() for one, other in pairwise(places)]
    line = SlowLine(clock)
    assert line.send(*pieces, pause=0.3) == []
    assert line.send(b"", b"r", pause=0.8) == ["r"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(st.text(st.sampled_from("]P_^X[Ofbsd15;>=Ga \r\t\x7f\x11ü"), max_size=6), min_size=1, max_size=4))
def test_keys_after_escape_in_one_burst_are_those_of_slow_keys(words: list[str], clock: Clock) -> None:
    """Escape precedes each word. Words that form function keys or replies are left out, because their speed makes no
    difference.
    """
    for word in words:
        begins_sequence = word.startswith("[") and " " <= word[1:2] <= "~"
        is_sequence = begins_sequence or (len(word) > 1 and f"\x1b{word[:2]}" in ANSI_SEQUENCES_KEYS)
        assume(not is_sequence and not REPLY.match(word))
    typed = "".join(f"\x1b{word}" for word in words)
    slowly = SlowLine(clock).send(*(key.encode() for key in typed), pause=0.15)
    assert SlowLine(clock).send(typed.encode(), b"", b"", pause=1.1) == slowly
    assert len(slowly) == len(typed)


@pytest.mark.parametrize("control", ["\r", "\t", "\x7f", "\x1b\r"])
def test_escape_bracket_and_a_control_key_in_one_burst_are_three_keys(control: str, clock: Clock) -> None:
    burst = f"\x1b[{control}".encode()
    assert SlowLine(clock).send(burst, b"", pause=0.15) == ["escape", "left_square_bracket", *keys_of(control.encode())]


@pytest.mark.parametrize("start", [*"]P_^X[Osf1", "\r"])
def test_escape_and_a_key_are_two_keys_with_and_without_a_pause(start: str, clock: Clock) -> None:
    line, typed = SlowLine(clock), start.encode()
    (name,) = keys_of(typed)
    assert line.send(b"\x1b", typed, b"r", pause=0.15) == ["escape", name, "r"]
    assert line.send(b"\x1b" + typed, b"r", pause=0.15) == ["escape", name, "r"]


def test_keys_after_escape_and_a_letter_are_not_held_up(clock: Clock) -> None:
    """The letter could begin a control string, whose end would come later. But a person continues typing."""
    keys = SlowLine(clock).send(b"\x1bP", *each_byte(b"new project"), pause=0.09)
    assert "".join(keys).startswith("escapePnew")


@pytest.mark.parametrize(
    ("pieces", "pause", "keys"),
    [
        ((b"\x1b]11;rgb", b"\x1b", b"", b"r"), 0.6, ["escape", "r"]),
        ((b"\x1b]11;rgb", b"\x1b[A", b"r"), 0.1, ["up", "r"]),
        *(((start, b"", b"r"), 0.6, ["r"]) for start in (b"\x1b]11;", b"\x1bP1+", b"\x1b[?1")),
        ((b"\x1b]52;" + b"A" * 200_000, b"r"), 0.15, ["r"]),
    ],
)
def test_escape_a_pause_or_a_length_ends_an_unfinished_reply(
    pieces: tuple[bytes, ...], pause: float, keys: list[str], clock: Clock
) -> None:
    assert SlowLine(clock).send(*pieces, pause=pause) == keys


def test_steady_typing_is_read_again_after_an_unfinished_reply(clock: Clock) -> None:
    assert SlowLine(clock).send(b"\x1b]11;", *[b"r"] * 40, pause=0.15)[-15:] == ["r"] * 15


@given(st.sampled_from(LATE_REPLIES), st.integers(0, 40))
def test_interrupted_reply_leaves_the_next_sequence_intact(reply: bytes, length: int) -> None:
    assert keys_of(reply[:length] + b"\x1b[A")[-1:] == ["up"]


def pasted_of(read: Iterable[Message]) -> list[str]:
    return [message.text for message in read if isinstance(message, events.Paste)]


def test_paste_with_escapes_presses_no_key() -> None:
    pasted = "a\x1b]52;c;r\x07\x1b[31mred and a long line that goes on\x1b[0m\x1b[2\x1b\x1b"
    read = [*LenientParser().feed(f"\x1b[200~{pasted}\x1b[201~s")]
    assert [type(message) for message in read] == [events.Paste, events.Key]
    assert pasted_of(read) == [pasted.replace("\x1b", "")]


@pytest.mark.parametrize("end", [b"", b"\x1b", b"\x1b[201"])
def test_paste_without_an_end_ends_after_a_pause(end: bytes, clock: Clock) -> None:
    line = SlowLine(clock)
    assert line.read(b"\x1b[200~pasted" + end, pause=4) == []
    read = line.read(b"", pause=2)
    assert [type(message) for message in read] == [events.Paste, PasteUnfinished]
    assert pasted_of(read) == ["pasted"]
    assert line.send(b"q", pause=0.1) == ["q"]


def test_keys_that_a_person_tries_do_not_prolong_an_unfinished_paste(clock: Clock) -> None:
    line = SlowLine(clock)
    read = line.read(b"\x1b[200~pasted", *[b"q"] * 60, pause=0.12)
    assert pasted_of(read) == ["pasted" + "q" * (60 - len(names(read)))]
    assert len(names(read)) > 10


def test_paste_over_a_slow_line_is_one_paste(clock: Clock) -> None:
    line = SlowLine(clock)
    read = line.read(b"\x1b[200~one ", *[b"more "] * 5, b"last\x1b[2", b"01~", pause=3)
    assert [type(message) for message in read] == [events.Paste]
    assert pasted_of(read) == ["one more more more more more last"]


LATE_REST = b"sdy\rq "
REPEATED_KEYS = b"\x1b[B" * 3 + b"\x1b[<35;5;5M" * 3


@pytest.mark.parametrize("pause", [0.2, 5.2])
@pytest.mark.parametrize(
    ("start", "rest"),
    [
        (b"\x1b[200~abc ", LATE_REST + b"\x1b[201~"),
        (b"\x1b[200~abc ", b"\x1b[31msdy\r\x1b[0mq\x1b[201~"),
        (b"\x1b]52;c;abc", LATE_REST + b"\x07"),
        (b"\x1b]52;c;abc", LATE_REST + b"\x1b\\"),
        (b"\x1bP1+r", LATE_REST + b"\xc2\x9c"),
    ],
)
def test_late_rest_presses_no_key(start: bytes, rest: bytes, pause: float, clock: Clock) -> None:
    """This holds even if another pause interrupts the remainder of the sequence, which arrives late. Keys before and
    after this late remainder are read.
    """
    for place in range(2, len(rest) - 1):
        line = SlowLine(clock)
        assert line.send(start, b"s", b"\x1b[A", pause=5.2) == ["s", "up"]
        assert line.send(rest[:place], rest[place:], pause=pause) == [], place
        assert line.send(b"sd" + REPEATED_KEYS, pause=0) == ["s", "d", "down", "down", "down"]


@pytest.mark.parametrize(
    ("start", "end"), [(b"\x1b[200~abc", b"\x1b[201~"), (b"\x1b[200~a\x1b[2", b"01~"), (b"\x1b]52;c;abc", b"\x07")]
)
def test_late_end_presses_no_key(start: bytes, end: bytes, clock: Clock) -> None:
    line = SlowLine(clock)
    assert line.send(start, end, pause=5.2) == []
    assert line.send(b"sd" + REPEATED_KEYS, pause=0) == ["s", "d", "down", "down", "down"]


@pytest.mark.parametrize(
    ("start", "rest", "typed"),
    [
        ("\x1b[", "<35;10;5M", ["escape", "left_square_bracket"]),
        ("\x1b[?20", "26;2$y", []),
        ("\x1b[<35;10;5", "M\x1b[<35;11;5M", []),
        ("\x1b]", "52;c;sdy\x07", ["escape", "right_square_bracket"]),
        ("\x1b]5", "2;c;sdy\x07", ["escape", "right_square_bracket", "5"]),
        ("\x1bP", ">|sdy\x1b\\", ["escape", "P"]),
    ],
)
def test_late_rest_of_a_start_presses_no_key(start: str, rest: str, typed: list[str], clock: Clock) -> None:
    line = SlowLine(clock)
    assert line.send(start.encode(), b"", b"", pause=1.2) == typed
    assert line.send(rest.encode(), b"", pause=0.2) == []
    assert line.send(b"sd", pause=0) == ["s", "d"]


def test_late_rest_of_a_paste_is_another_paste(clock: Clock) -> None:
    line = SlowLine(clock)
    pieces = (LATE_REST, b"\x1b[2", b"01~", b"\x1b[200~\x1b[201~")
    read = [*line.read(b"\x1b[200~abc ", pause=5.2), *line.read(*pieces, pause=1)]
    assert [type(message) for message in read] == [events.Paste, PasteUnfinished, events.Paste]
    assert pasted_of(read) == ["abc ", LATE_REST.decode()]


@pytest.mark.parametrize("start", "[]P_^X")
def test_quick_keys_do_not_count_as_the_late_rest_of_a_sequence(start: str, clock: Clock) -> None:
    assert SlowLine(clock).send(f"\x1b{start}".encode(), b"", b"sd", b"", b"", pause=0.2)[-2:] == ["s", "d"]


@pytest.mark.parametrize("start", [b"\x1b[200~abc", b"\x1b]52;c;abc"])
def test_several_keys_show_that_no_late_rest_comes(start: bytes, clock: Clock) -> None:
    line = SlowLine(clock)
    typed = (b"\x1b[B", b"\x1b[3~", b"\x1bb", b"\x1b", b"r")
    assert line.send(start, *typed, pause=5.2) == ["down", "delete", "escape", "b", "escape", "r"]
    assert line.send(b"sd" + REPEATED_KEYS, pause=0) == ["s", "d", "down", "down", "down"]


class _ClosedTerminal(io.StringIO):
    """A file that buffers all writes, so only flushing fails."""

    def flush(self) -> None:
        raise OSError(errno.EIO, "Input/output error")


class _UnwritableTerminal(_ClosedTerminal):
    """A file whose buffer is full."""

    def write(self, _: str) -> int:
        raise OSError(errno.EIO, "Input/output error")


@pytest.mark.parametrize("terminal", [_ClosedTerminal, _UnwritableTerminal])
def test_output_to_a_closed_terminal_is_discarded(terminal: type[io.StringIO]) -> None:
    writer: WriterThread = vars(linux_driver)["WriterThread"](terminal())

    def write_much() -> None:
        for _ in range(2 * MAX_QUEUED_WRITES):
            writer.write("x")
        writer.stop()

    writing = threading.Thread(target=write_much, daemon=True)
    writer.start()
    writing.start()
    writing.join(timeout=20)
    assert not writing.is_alive()


def test_writer_ends_if_the_terminal_closes_before_the_last_output() -> None:
    writer: WriterThread = vars(linux_driver)["WriterThread"](_ClosedTerminal())
    # Everything is already queued, so the writer flushes only after it has read the final None.
    for text in ("x", None):
        writer._queue.put(text)
    writer.start()
    writer.join(timeout=5)
    assert not writer.is_alive()


async def send(app: GjobsApp, kind: type[MouseEvent], x: int, y: int) -> None:
    await app.on_event(kind(None, x, y, 0, 0, 1, shift=False, meta=False, ctrl=False))


async def test_mouse_press_or_drag_on_a_removed_widget_does_not_end_the_dashboard(dashboard: Driver) -> None:
    """Textual finds the widget at its former place until the next layout."""
    app = dashboard.app
    for is_pressed_before in (True, False):
        await dashboard.press("question_mark", dialog="Manual: tour", shows=KEYS_HEADING)
        title = app.screen.query(MarkdownH1).first()
        x, y = title.region.offset
        if is_pressed_before:
            await send(app, MouseDown, x, y)
            await send(app, MouseMove, x + 1, y)
        with app.batch_update():  # The manual replaces its page in the same way.
            await title.remove()
            assert app.get_widget_at(x, y)[0] is title
            if not is_pressed_before:
                await send(app, MouseDown, x, y)
            await send(app, MouseMove, x + 3, y)
        await dashboard.settle()
        await send(app, MouseUp, x + 3, y)
        # The contents show the headings of the last page until the next page is built.
        page = app.screen.query_one(Markdown)
        page.post_message(Markdown.TableOfContentsSelected(page, "heading-of-another-page"))
        await dashboard.settle()
        await dashboard.press("escape", dialog="")


async def test_press_on_a_removed_widget_does_not_become_a_click_on_the_widget_behind_it(dashboard: Driver) -> None:
    app, table = dashboard.app, dashboard.table
    x, y = table.region.x + 9, table.region.y + HEADER_HEIGHT + 1
    await send(app, MouseDown, x, y)
    await send(app, MouseUp, x, y)
    await dashboard.settle()
    clicked = dashboard.cursor

    cover = Static("A message")
    cover.styles.layer, cover.styles.width, cover.styles.height = "notice", "100%", "100%"
    await app.dashboard.mount(cover)
    await dashboard.settle()
    with app.batch_update():
        await cover.remove()
        await send(app, MouseDown, x, y + 2)
    await dashboard.settle()
    assert app.get_widget_at(x, y + 2)[0] is table
    await send(app, MouseUp, x, y + 2)
    await dashboard.settle()

    assert clicked is not None
    assert dashboard.cursor == clicked
