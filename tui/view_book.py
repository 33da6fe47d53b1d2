"""The views that this run of the dashboard knows: configured ones, and those that it saved."""

from pathlib import Path
from typing import TYPE_CHECKING

from store.errors import Conflict, InvalidValue
from store.listing.query import ListOrder
from store.views.saved import SavedViews, clash_words, clashes, joined

if TYPE_CHECKING:
    from store.views.model import View, Views


class ViewBook:
    def __init__(self, configured: "Views", directory: Path | None) -> None:
        """Without a directory nothing can be kept."""
        self._configured = configured
        self._saved = None if directory is None else SavedViews(directory)
        self.known: Views = configured
        """As they were last read, by name."""
        self.removable: frozenset[str] = frozenset()
        """The names of those that were saved and count."""

    def read(self) -> str:
        """What else than these views there is to tell; mostly nothing. Raises BadConfiguration."""
        if self._saved is None:
            return ""
        saved = self._saved.read()
        self.known = joined(self._configured, saved)
        self.removable = frozenset(saved) - frozenset(self._configured)
        return clash_words(clashes(self._configured, saved), self._saved.path)

    def save(self, view: "View", *, replaces: "View | None") -> None:
        """Raises a StoreError where it cannot be kept under this name."""
        if self._saved is None:
            raise InvalidValue("view", "Nothing is kept here, for the database itself is thrown away.")
        if view.name in self._configured:
            raise Conflict(f"The configuration has a view {view.name!r}.", hint="Choose another name.")
        self._saved.save(view, replaces=replaces)
        self.read()

    def remove(self, view: "View") -> None:
        """Raises a StoreError."""
        if self._saved is not None:
            self._saved.remove(view)
            self.read()

    def name_of(self, text: str, order: ListOrder) -> str | None:
        """The view that is in force where this filter is, in this order."""
        fitting = (view for view in self.known.values() if view.text.strip() == text and view.order in (None, order))
        found = next(fitting, None)
        return found.name if found else None

    def another(self, view: "View") -> "View | None":
        """The saved one of the same name that means something else."""
        present = self.known.get(view.name)
        return None if present == view else present
