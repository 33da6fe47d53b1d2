"""Where one is in the archive, and what was marked there. Holds one page, and no idea of a screen."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from store.model import Page, PageKey
from store.retention.model import ArchivedJob

Places = tuple[PageKey | None, ...]
"""Where each page begins, up to the one that is shown; None is the beginning of all."""
FIRST: Places = (None,)


@dataclass(slots=True)
class ArchivePages:
    page: Page[ArchivedJob] = field(default_factory=lambda: Page(items=(), next_key=None))
    places: Places = FIRST
    _marked: dict[UUID, ArchivedJob] = field(default_factory=dict)

    def turned(self, pages: int) -> Places | None:
        """Of the page before or after; None where there is none."""
        if pages < 0:
            return self.places[:-1] or None
        return None if self.page.next_key is None else (*self.places, self.page.next_key)

    def show(self, page: Page[ArchivedJob], places: Places) -> None:
        self.page, self.places = page, places

    def mark(self, archived: ArchivedJob) -> None:
        """Or no longer. Marks stay, whatever page is turned to."""
        if self._marked.pop(archived.job.id, None) is None:
            self._marked[archived.job.id] = archived

    def is_marked(self, archived: ArchivedJob) -> bool:
        return archived.job.id in self._marked

    def chosen(self, pointed_at: ArchivedJob | None) -> Sequence[ArchivedJob]:
        """Those that are marked, or else the one that is pointed at."""
        return tuple(self._marked.values()) or ((pointed_at,) if pointed_at else ())

    @property
    def words(self) -> str:
        """`Page 2, the last one · 3 marked`; empty where all is on one page, and nothing marked."""
        has_next = self.page.next_key is not None
        page = f"Page {len(self.places)}{'' if has_next else ', the last one'}" if has_next or self.places[1:] else ""
        marked = f"{len(self._marked)} marked" if self._marked else ""
        return " · ".join(filter(None, (page, marked)))
