"""What Textual cannot read is dropped, and what comes after it is read."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events
from textual.drivers import linux_driver

from tests.odd_input import ODD_INPUT
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
