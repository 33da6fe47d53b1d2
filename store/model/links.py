"""Which job repeats which. Pure."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLinks:
    repeats: UUID | None
    """The failed job that it repeats, be that deleted since; None where it is no repetition."""
    repeated_by: tuple[UUID, ...]
    """The jobs that repeat it, the oldest first, without those that are deleted or hidden."""


NO_LINKS = JobLinks(repeats=None, repeated_by=())
