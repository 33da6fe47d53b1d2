"""A table by member refuses to be incomplete."""

from enum import Enum

import pytest

from gjobs.store.values.data_classes import by_member


class Colour(Enum):
    RED = 1
    GREEN = 2
    BLUE = 3


def test_table_by_member_names_each_missing_member_and_cannot_change() -> None:
    with pytest.raises(TypeError, match=r"^A table by Colour has no value for GREEN, BLUE\.$"):
        by_member(Colour, {Colour.RED: "r"})

    table = by_member(Colour, {Colour.RED: None, Colour.GREEN: 2, Colour.BLUE: 3})
    assert [table[colour] for colour in Colour] == [None, 2, 3]
    with pytest.raises(TypeError, match="does not support item assignment"):
        table[Colour.RED] = 1  # type: ignore[index]
