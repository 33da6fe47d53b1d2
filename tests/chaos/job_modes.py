"""The modes of the jobs."""

from collections.abc import Mapping
from enum import StrEnum

ATTEMPTS = 6
"""The maximum number of attempts of a job. A job fails if its worker is lost during the last attempt."""


class Mode(StrEnum):
    STEADY = "steady"
    BLOCKING = "blocking"
    FLAKY = "flaky"
    """Fails temporarily, more than once."""
    BROKEN = "broken"
    """Fails permanently."""


SHARES: Mapping[Mode, int] = {Mode.STEADY: 65, Mode.BLOCKING: 10, Mode.FLAKY: 20, Mode.BROKEN: 5}
"""The share of each mode in percent."""
