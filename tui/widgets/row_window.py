"""The rows at hand, found by id. Pure."""

from dataclasses import dataclass, field
from itertools import chain
from uuid import UUID

from store.model import GenerationJob


@dataclass(frozen=True, slots=True, kw_only=True)
class RowWindow:
    """Everything the table knows of its rows goes through here: it may hold a part of a much longer list."""

    jobs: tuple[GenerationJob, ...] = ()
    _places: dict[UUID, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_places", {job.id: place for place, job in enumerate(self.jobs)})

    def __len__(self) -> int:
        return len(self.jobs)

    def __contains__(self, job_id: UUID) -> bool:
        return job_id in self._places

    @property
    def ids(self) -> frozenset[UUID]:
        return frozenset(self._places)

    def find(self, job_id: UUID) -> int | None:
        """The place of a job, counted from 0; None if it is not here."""
        return self._places.get(job_id)

    def at(self, place: int) -> GenerationJob | None:
        return self.jobs[place] if 0 <= place < len(self.jobs) else None

    def clamp(self, place: int) -> int:
        """The nearest place that there is; 0 without rows."""
        return max(0, min(place, len(self.jobs) - 1))

    def place_in(self, later: "RowWindow", place: int) -> int:
        """Where the row at `place` stands later. If it is gone: the next one below that is still there, else above."""
        below = range(place, len(self.jobs))
        above = range(min(place, len(self.jobs)) - 1, -1, -1)
        for nearby in chain(below, above):
            found = later.find(self.jobs[nearby].id)
            if found is not None:
                return found
        return later.clamp(place)
