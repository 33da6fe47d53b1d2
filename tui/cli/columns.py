"""The columns of a table. The module is light, so that commands declare their columns before they print any."""

from collections.abc import Mapping
from dataclasses import field

from gjobs.store.values.value_types import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TableColumn:
    title: str
    right: bool = False
    narrowest: int | None = None
    """The least width in cells if the table is too wide. None keeps the column whole."""
    is_id: bool = False
    """Whether the column has ids. In a table that is too wide, ids are cut first but stay distinct."""
    colours: Mapping[str, str] = field(default_factory=dict)
    """Escape sequences that colour a cell, by the cell's text."""
    other_colour: str | None = None
    """The escape sequence for any other text."""
