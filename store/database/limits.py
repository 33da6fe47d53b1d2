"""How long anything may take. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLimits:
    """In seconds. `answer` is the client's own patience beyond the statement's limit: a dead link never answers."""

    statement: float = 8.0
    lock: float = 2.0
    answer: float = 5.0

    @property
    def patience(self) -> float:
        """How long the client waits for an answer, at most."""
        return self.statement + self.answer
