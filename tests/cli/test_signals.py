"""A stop from outside ends a command in order, whatever a shell has made of interrupts."""

import signal
from collections.abc import Callable, Iterator

import pytest

from tui.cli.interruption import orderly_termination


@pytest.fixture
def terminated() -> Iterator[list[int]]:
    """The terminations that took effect."""
    came: list[int] = []
    before = [(number, signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGINT)]
    signal.signal(signal.SIGTERM, lambda number, _: came.append(number))
    yield came
    for number, handler in before:
        signal.signal(number, handler)


@pytest.mark.parametrize("of_interrupts", [signal.default_int_handler, signal.SIG_IGN])
def test_sigterm_interrupts_the_command_before_it_takes_effect(
    terminated: list[int], of_interrupts: Callable[..., object] | signal.Handlers
) -> None:
    signal.signal(signal.SIGINT, of_interrupts)
    with pytest.raises(KeyboardInterrupt), orderly_termination():
        signal.raise_signal(signal.SIGTERM)
    assert terminated == [signal.SIGTERM]
