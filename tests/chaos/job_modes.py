"""Which kinds of jobs there are."""

from collections.abc import Mapping
from enum import StrEnum

ATTEMPTS = 6

"""The last of them fails a job, whatever its mode."""


class Mode(StrEnum):
    STEADY = "steady"
    BLOCKING = "blocking"
    FLAKY = "flaky"
    """Fails for now, more than once."""
    BROKEN = "broken"
    """Fails for good."""


SHARES: Mapping[Mode, int] = {Mode.STEADY: 65, Mode.BLOCKING: 10, Mode.FLAKY: 20, Mode.BROKEN: 5}

"""In percent."""
