"""What a filter is, once it is understood. Pure."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store.filters.terms import Term


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Holds for the jobs for which every term does; for all of them where it has none."""

    terms: "tuple[Term, ...]" = ()

    def __bool__(self) -> bool:
        return bool(self.terms)


NO_FILTER = JobFilter()
