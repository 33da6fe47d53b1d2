"""From a row of the driver to a value of the model."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")

Row = Sequence[Any]
RowMaker = Callable[[Row], T]
