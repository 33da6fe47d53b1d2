"""When a watch has seen enough: `failed>5`, `left=0`. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from operator import eq, ge, gt, le, lt
from typing import Any

from store.errors import InvalidValue
from store.model import JobStatus
from store.suggestions import not_known
from store.transitions import is_final
from store.watching.model import Transition


class Counted(StrEnum):
    """What a condition is about. All but the last count what the watch has told since it began."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    FINISHED = "finished"
    """Succeeded or failed."""
    DELETED = "deleted"
    LEFT = "left"
    """Jobs that are still queued or running: of the database, now."""


_OPERATORS: Mapping[str, Any] = {">": gt, ">=": ge, "=": eq, "==": eq, "<": lt, "<=": le}
_GROWING = (">", ">=", "=", "==")
"""What a number that begins at 0 and grows can come to."""
_CONDITION = re.compile(
    r"\s*(?P<counted>[a-z]+)\s*(?P<operator>>=|<=|==|>|<|=)\s*(?P<number>[0-9]{1,9})\s*", re.IGNORECASE
)
_LOOKS = "A condition looks like failed>5, finished>=100 or left=0."


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    counted: Counted
    operator: str
    number: int

    def __str__(self) -> str:
        return f"{self.counted}{self.operator}{self.number}"

    def holds(self, number: int) -> bool:
        return bool(_OPERATORS[self.operator](number, self.number))


def parse(text: str) -> Condition:
    """Raises InvalidValue with what is accepted."""
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise InvalidValue("until", f"{text!r} is no condition.", hint=_LOOKS)
    word, operator, number = match["counted"].lower(), match["operator"], int(match["number"])
    if word not in set(Counted):
        raise InvalidValue("until", not_known(word, Counted)[:1].upper() + not_known(word, Counted)[1:], hint=_LOOKS)
    counted = Counted(word)
    if counted is not Counted.LEFT and (
        operator not in _GROWING or (operator, number) in {(">=", 0), ("=", 0), ("==", 0)}
    ):
        raise InvalidValue(
            "until",
            f"{text.strip()} holds before anything has happened: {counted} counts from 0 what the watch sees.",
            hint="left=0 holds when no job is queued or running any more.",
        )
    return Condition(counted=counted, operator=operator, number=number)


class Tally:
    """What a watch has told so far."""

    def __init__(self) -> None:
        self._numbers = dict.fromkeys(Counted, 0)

    def add(self, transition: Transition) -> None:
        for counted in _counted_as(transition.to_status):
            self._numbers[counted] += 1

    def met(self, condition: Condition) -> bool:
        """Of one that counts what was told."""
        return condition.counted is not Counted.LEFT and condition.holds(self._numbers[condition.counted])


def _counted_as(status: JobStatus | None) -> tuple[Counted, ...]:
    if status is None:
        return (Counted.DELETED,)
    counted = Counted(status.value)
    return (counted, Counted.FINISHED) if is_final(status) else (counted,)
