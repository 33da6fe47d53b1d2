"""The size of a batch follows what it takes."""

import pytest

from store.retention.batches import LARGEST, QUICK, SLOW, halved, next_size


@pytest.mark.parametrize(
    ("size", "seconds", "expected"),
    [
        (50, QUICK / 2, 100),
        (50, QUICK, 50),
        (50, SLOW, 50),
        (50, SLOW * 2, 25),
        (1, SLOW * 2, 1),
        (400, QUICK / 2, LARGEST),
        (LARGEST, QUICK / 2, LARGEST),
    ],
)
def test_as_many_as_take_a_moment(size: int, seconds: float, expected: int) -> None:
    assert next_size(size, seconds) == expected


def test_one_is_the_least() -> None:
    assert [halved(size) for size in (500, 3, 2, 1)] == [250, 1, 1, 1]
