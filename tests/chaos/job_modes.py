"""The modes of the jobs."""

from collections.abc import Mapping
from enum import StrEnum

ATTEMPTS = 6
"""The attempts of a job. A job fails if a worker is lost in the last one."""


class Mode(StrEnum):
    STEADY = "steady"
    BLOCKING = "blocking"
    FLAKY = "flaky"
    """Fails temporarily, more than once."""
    BROKEN = "broken"
    """Fails permanently."""


SHARES: Mapping[Mode, int] = {Mode.STEADY: 65, Mode.BLOCKING: 10, Mode.FLAKY: 20, Mode.BROKEN: 5}
"""The share of each mode in percent."""
