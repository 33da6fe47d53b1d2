"""Saved views: names, TOML form and file, joined with configured views."""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gjobs.store.configuration.toml_table import TomlTable, file_content, parse_file, text_of
from gjobs.store.errors import Conflict, InvalidValue
from gjobs.store.job_list.list_query import ListOrder, OrderColumn
from gjobs.store.system.private_files import make_directory, open_private, replace_private
from gjobs.store.values.formats import close_names, not_known, quote_typed

LONGEST_NAME = 60
"""Characters."""
DESCENDING, ASCENDING = "descending", "ascending"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    name: str
    """Untrusted text: clean it before showing it."""
    text: str
    """A filter that was valid when the view was read."""
    order: ListOrder | None = None
    """None if the view does not change the order."""


Views = Mapping[str, View]
"""Views by name."""


def read_name(text: str) -> str:
    """Return the name. Raises ValueError with a clause that follows the name."""
    name = text.strip()
    if not name:
        raise ValueError("is empty")
    if len(name) > LONGEST_NAME:
        raise ValueError(f"is longer than {LONGEST_NAME} characters")
    if not name.isprintable():
        raise ValueError("contains a character that can't be shown")
    return name


def read_order(text: str) -> ListOrder:
    """Parse `cost` or `cost ascending`. Raises ValueError with a clause."""
    column, _, direction = text.strip().partition(" ")
    if column not in tuple(OrderColumn):
        raise ValueError(f"does not name a column to sort by: {not_known(column, OrderColumn)}")
    if (direction := direction.strip() or DESCENDING) not in (DESCENDING, ASCENDING):
        raise ValueError(f"does not name a direction: {not_known(direction, (DESCENDING, ASCENDING))}")
    return ListOrder(column=OrderColumn(column), descending=direction == DESCENDING)


def require_view(name: str, views: Views) -> View:
    """Return the view. Raises InvalidValue with the nearest names."""
    if name in views:
        return views[name]
    if not views:
        raise InvalidValue(
            "view",
            f"There is no view {quote_typed(name)}. No views are configured or saved.",
            hint="Add views under [views] in the configuration file.",
        )
    near = close_names(name, list(views)) or list(views)[:5]
    raise InvalidValue(
        "view",
        f"There is no view {quote_typed(name)}.",
        hint=f"Did you mean {' or '.join(repr(other) for other in near)}?",
    )


TABLE = "views"

_DELETE = "\x7f"


def read_views(table: TomlTable) -> dict[str, View]:
    """Read the views. Each name has a filter, or a table with one."""
    views = {}
    for name in table:
        try:
            read_name(name)
        except ValueError as error:
            table.complain(f"has a name that {error}", name)
        order = None
        if table.is_table(name):
            inner = table.table(name)
            text, order = inner.converted_text("filter", _filter), inner.converted_text("order", read_order)
            if not inner.has("filter"):
                inner.complain("has no filter")
            inner.end()
        else:
            text = table.converted(name, lambda value: _filter(text_of(value, "a filter or a table")))
        if text is not None:
            views[name] = View(name=name, text=text, order=order)
    return views


def _filter(text: str) -> str:
    """Check the filter. Raises ValueError with a clause."""
    from gjobs.store.filters.filter_syntax import parse
    from gjobs.store.filters.filter_terms import FilterError

    try:
        parse(text)
    except FilterError as error:
        raise ValueError(f"is not a filter: {' '.join(filter(None, (error.message, error.hint)))}") from None
    return text


def written(views: Iterable[View]) -> str:
    """Return a TOML document that reads back as the same views."""
    lines = [f"{_text(view.name)} = {_value(view)}" for view in views]
    return "\n".join([f"[{TABLE}]", *lines, ""])


def _value(view: View) -> str:
    if view.order is None:
        return _text(view.text)
    order = str(view.order.column) if view.order.descending else f"{view.order.column} {ASCENDING}"
    return f"{{ filter = {_text(view.text)}, order = {_text(order)} }}"


def _text(text: str) -> str:
    """Quote a text. TOML accepts JSON's escapes, and also requires one for the DELETE character."""
    return json.dumps(text, ensure_ascii=False).replace(_DELETE, "\\u007f")


FILE = "views.toml"
_HINT = "Fix the file or delete it. It holds the views saved from the dashboard."

_ABOUT = "# Views saved from the dashboard. The dashboard rewrites this file, so comments are lost.\n\n"


def read_saved(path: Path) -> dict[str, View]:
    """Return the saved views by name; empty without a file. Raises BadConfiguration if the file is unusable."""
    try:
        content = file_content(path, hint=_HINT)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    return parse_file(content, lambda top: read_views(top.table(TABLE)), path=path, hint=_HINT)


class KnownViews:
    """The views of the configuration and the saved ones. Each call reads the saved ones again, because other processes
    may change them. All raise BadConfiguration if the file is unusable.
    """

    def __init__(self, configured: "Views", directory: Path | None) -> None:
        """Without a directory, no view can be saved."""
        self._configured = configured
        self._path = None if directory is None else directory / FILE
        self.known: Views = configured
        """The views as last read, by name."""
        self.removable: frozenset[str] = frozenset()
        """The names of saved views that no configured view overrides."""

    def read(self, *, only: str | None = None) -> str:
        """Read the views. Return a warning for the user, or an empty string. With `only`, it is about this view."""
        if self._path is None:
            return ""
        saved = read_saved(self._path)
        # A configured view overrides a saved one.
        self.known = {**saved, **self._configured}
        self.removable = frozenset(saved) - frozenset(self._configured)
        clashes = [name for name, view in self._configured.items() if saved.get(name, view) != view]
        listed = ", ".join(repr(name) for name in clashes if only in (None, name))
        return f"The configuration overrides views saved in {self._path}: {listed}." if listed else ""

    def save(self, view: "View", *, replaces: "View | None") -> None:
        """Save the view. Raises Conflict if the name is configured, or if the saved view is not `replaces`."""
        if self._path is None:
            raise InvalidValue("view", "Views can't be saved here, because this database is temporary.")
        if view.name in self._configured:
            raise Conflict(f"The configuration has a view {view.name!r}.", hint="Choose another name.")
        with _changing(self._path) as views:
            if views.get(view.name) not in (replaces, view):
                raise Conflict(f"Another view was just saved as {view.name!r}.", hint="Choose another name.")
            views[view.name] = view
        self.read()

    def remove(self, view: "View") -> None:
        """Remove the view. Raises Conflict if it has changed."""
        if self._path is not None:
            with _changing(self._path) as views:
                if views.get(view.name) != view:
                    raise Conflict(f"The view {view.name!r} was just changed or removed elsewhere.")
                del views[view.name]
            self.read()

    def view_name_for(self, text: str, order: ListOrder) -> str | None:
        """Return the name of the view with this filter and order, or None."""
        fitting = (view for view in self.known.values() if view.text.strip() == text and view.order in (None, order))
        found = next(fitting, None)
        return found.name if found else None

    def another(self, view: "View") -> "View | None":
        """Return the saved view that has the same name but another meaning, or None."""
        present = self.known.get(view.name)
        return None if present == view else present


@contextmanager
def _changing(path: Path) -> Iterator[dict[str, View]]:
    """Lock the saved views for a change. The file is replaced at once, so that a reader never sees half of it."""
    try:
        make_directory(path.parent)
        with os.fdopen(open_private(path.with_name(f".{FILE}.lock"), os.O_RDWR | os.O_CREAT)) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            views = read_saved(path)
            yield views
            replace_private(path, _ABOUT + written(views.values()))
    except OSError as error:
        raise InvalidValue("view", f"Can't write {path}: {error.strerror}.") from error
