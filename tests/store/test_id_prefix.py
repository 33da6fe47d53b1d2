"""What is taken for an id, or its beginning."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.formats import LEAST_DIGITS, IdRange, id_range

AN_ID = UUID("0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d")


@pytest.mark.parametrize(
    "text", [str(AN_ID), str(AN_ID).upper(), AN_ID.hex, f"  {AN_ID}\n", f'"{AN_ID}",', f"{{{AN_ID}}}"]
)
def test_whole_id_is_recognized_in_every_copied_form(text: str) -> None:
    assert id_range(text) == IdRange(low=AN_ID, high=AN_ID)


@pytest.mark.parametrize(
    "text", ["0a1b", "0a1b2c3d", "0a1b2c3d-", "0a1b2c3d-4e", "0a1b2c3d4e", "0A1B2C3D-4E5F-4a6b-8c7d-9e"]
)
def test_id_prefix_range_covers_an_id_that_begins_with_it(text: str) -> None:
    ids = id_range(text)
    assert ids is not None
    assert ids.low < AN_ID < ids.high


@pytest.mark.parametrize(
    "text",
    [
        *("", "   ", "0a1", "lifestyle", "0a1b2c3g", "0a1b-2c3d", "0a1b2c3d--4e", "-0a1b2c3d", f"{AN_ID}0"),
        *("ada@example.com", "٠١٢٣", "0a1b 2c3d"),
    ],
)
def test_text_that_is_not_an_id_has_no_range(text: str) -> None:
    assert id_range(text) is None


@given(st.uuids(), st.uuids(), st.integers(min_value=LEAST_DIGITS, max_value=36))
def test_id_range_contains_exactly_the_ids_with_the_prefix(one: UUID, other: UUID, length: int) -> None:
    beginning = str(one)[:length]
    ids = id_range(beginning)
    assert ids is not None
    assert ids.low <= one <= ids.high
    assert (ids.low <= other <= ids.high) is str(other).startswith(beginning)
