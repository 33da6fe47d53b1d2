"""What a person may ask to be done with jobs; `create` is asked for with none."""

from typing import Literal

JobAction = Literal["start", "complete", "fail", "delete", "retry", "create"]
