"""What a view is. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from store.errors import InvalidValue
from store.listing.query import ListOrder, OrderColumn
from store.suggestions import close_names, not_known

LONGEST_NAME = 60
"""Characters."""
DESCENDING, ASCENDING = "descending", "ascending"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    name: str
    """As it was written: clean it before it is shown."""
    text: str
    """A filter that could be read when the view was."""
    order: ListOrder | None = None
    """None where the view leaves the order as it is."""


Views = Mapping[str, View]
"""By name."""


def read_name(text: str) -> str:
    """Raises ValueError with a clause that goes on where the name ends."""
    name = text.strip()
    if not name:
        raise ValueError("is empty")
    if len(name) > LONGEST_NAME:
        raise ValueError(f"is longer than {LONGEST_NAME} characters")
    if not name.isprintable():
        raise ValueError("holds a character that cannot be seen")
    return name


def read_order(text: str) -> ListOrder:
    """`cost` or `cost ascending`. Raises ValueError with a clause."""
    column, _, direction = text.strip().partition(" ")
    if column not in tuple(OrderColumn):
        raise ValueError(f"names no column to sort by: {not_known(column, OrderColumn)}")
    if (direction := direction.strip() or DESCENDING) not in (DESCENDING, ASCENDING):
        raise ValueError(f"names no direction: {not_known(direction, (DESCENDING, ASCENDING))}")
    return ListOrder(column=OrderColumn(column), descending=direction == DESCENDING)


def written_order(order: ListOrder) -> str:
    return str(order.column) if order.descending else f"{order.column} {ASCENDING}"


def named(name: str, views: Views) -> View:
    """Raises InvalidValue with the nearest names."""
    if name in views:
        return views[name]
    if not views:
        raise InvalidValue(
            "view", f"There is no view {name!r}, nor any other.", hint="[views] in the configuration file names some."
        )
    near = close_names(name, list(views)) or list(views)[:5]
    raise InvalidValue(
        "view", f"There is no view {name!r}.", hint=f"Did you mean {' or '.join(repr(other) for other in near)}?"
    )
