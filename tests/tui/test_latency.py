"""Garbage is collected once a second, between two keys."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from gjobs.tui import startup


class Ring:
    """Garbage that only the collector finds."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def automatic_gc() -> Iterator[None]:
    """The thresholds of the running dashboard."""
    was_enabled, thresholds = gc.isenabled(), gc.get_threshold()
    startup.prepare()
    startup.resume_gc()
    yield
    gc.set_threshold(*thresholds)
    if not was_enabled:
        gc.disable()


@pytest.mark.usefixtures("automatic_gc")
def test_garbage_of_a_second_is_collected_between_keys_and_little_garbage_waits() -> None:
    gc.collect()
    ring = weakref.ref(Ring())
    startup.collect_between_keys()
    assert ring() is not None
    made = [Ring() for _ in range(startup._WORTHWHILE)]
    startup.collect_between_keys()
    assert ring() is None
    assert made
